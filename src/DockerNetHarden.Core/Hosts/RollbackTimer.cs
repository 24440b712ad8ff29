using DockerNetHarden.Planning;

namespace DockerNetHarden.Hosts;

/// <summary>
/// The timer on the host. It keeps our old chains in memory, because a session's folder can vanish; and when its time is up it puts them
/// into the tables as they are then: foreign rules, even those in our own chains, stay as they are. An inverse made beforehand would be
/// refused as a whole if one of its lines were stale.
/// </summary>
internal static class RollbackTimer
{
    // $1 id, $2 "sudo -n" or nothing, $3 seconds, $4 and $5 the iptables commands, $6 lines of family, table and chains. The current folder holds
    // the state. $S and $chains are split into words on purpose.
    internal const string Code = $$"""
        trap '' HUP INT QUIT TERM PIPE
        tabled= is_tabled=0
        take_table_text() { if [ "$is_tabled" = 0 ] && [ -e tabled ]; then tabled=$(cat tabled) is_tabled=1; fi; }
        take_table_text
        sets=$(cat sets 2>/dev/null)
        saved4=$(cat saved4) && saved6=$(cat saved6) && printf '%s\n' "$$" >pid || exit 1
        # Out of the login session's control group, which systemd-logind may kill with the session (KillUserProcesses=). Only root can.
        for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/systemd/cgroup.procs /sys/fs/cgroup/unified/cgroup.procs; do
        if [ -w "$f" ]; then echo "$$" >"$f"; fi
        done 2>/dev/null
        echo ready
        exec >/dev/null 2>&1
        S=$2 n=$3 p4=$4 p6=$5 todo=$6
        # A further write of the same change names more chains. They are kept in memory too, because the folder can go with the session.
        more4= more6=
        take_more() {
        [ -e more ] || return 0
        take_table_text
        sets="$sets
        $(cat moresets 2>/dev/null)"
        [ -n "$more4" ] || { more4=$(cat more4); more6=$(cat more6); }
        todo="$todo
        $(sed 's/^[46]/&+/' more)"
        rm -f more
        }
        while [ "$n" -gt 0 ]; do
        take_more
        if [ -d decided ]; then rm -f saved4 saved6 more4 more6 sets moresets tabled; exit 0; fi
        sleep 1
        n=$((n - 1))
        done
        # Either the one who confirms or this timer makes the folder. If it is missing and cannot be made, the state's folder is gone, and
        # nobody has confirmed.
        if mkdir decided; then printf 'fired\n' >decided/by; elif [ -d decided ]; then rm -f saved4 saved6 more4 more6 sets moresets tabled; exit 0; fi
        take_more

        # The lines of one table in a save output that concern us, and the names of its chains.
        table_of() {
        case $1 in
        filter) sed -n '/^\*filter$/,/^COMMIT$/{/DNH-/{p;d;};/^:/p;/-A FORWARD -m comment --comment "\{0,1\}DockerNetHarden"\{0,1\} -j DOCKER-USER$/p;}' ;;
        nat) sed -n '/^\*nat$/,/^COMMIT$/{/DNH-/{p;d;};/^:/p;}' ;;
        mangle) sed -n '/^\*mangle$/,/^COMMIT$/{/DNH-/{p;d;};/^:/p;}' ;;
        raw) sed -n '/^\*raw$/,/^COMMIT$/{/DNH-/{p;d;};/^:/p;}' ;;
        security) sed -n '/^\*security$/,/^COMMIT$/{/DNH-/{p;d;};/^:/p;}' ;;
        esac
        }
        has_chain() { case "
        $1
        " in *"
        :$2 "*) return 0 ;; esac; return 1; }
        lines_of() { printf '%s\n' "$1" | while IFS= read -r l; do case ${l#*] } in "-A $2" | "-A $2 "*) printf '%s\n' "$l" ;; esac; done; }
        # A rule of ours has a mark after the first word of its comment; what brings packets to it has just that word.
        ours() { grep -e '--comment "\{0,1\}DockerNetHarden[": ]'; }
        foreign_first() { sed '/--comment "\{0,1\}DockerNetHarden[": ]/,$d'; }
        foreign_last() { sed -n '/--comment "\{0,1\}DockerNetHarden[": ]/,$p' | grep -v -e '--comment "\{0,1\}DockerNetHarden[": ]'; }
        # Hook and chain of each jump of ours to one of the chains, in order.
        jumps_of() {
        printf '%s\n' "$1" | sed -n 's/^\[[0-9]*:[0-9]*\] -A \([^ ]*\) -m comment --comment "\{0,1\}DockerNetHarden"\{0,1\} -j \([^ ]*\)$/\1 \2/p' |
        while read -r h c; do case " $chains " in *" $c "*) printf '%s %s\n' "$h" "$c" ;; esac; done
        }
        # Whether a rule that is not ours leads to a chain.
        is_used() {
        [ -n "$(printf '%s\n' "$live" | while IFS= read -r l; do
        case "$l " in *" -j $1 "* | *" -g $1 "*) ;; *) continue ;; esac
        case $l in *' --comment DockerNetHarden'[:\ ]* | *' --comment "DockerNetHarden'[:\"]*) ;; *) echo used ;; esac
        done)" ]
        }
        text() {
        printf '*%s\n' "$table"
        gone=
        # All are declared before the first line: one chain may send packets to another.
        for c in $chains; do
        if [ "$c" != DOCKER-USER ] && { has_chain "$saved" "$c" || has_chain "$live" "$c"; }; then printf ':%s - [0:0]\n' "$c"; fi
        done
        for c in $chains; do
        # Not ours; only FORWARD's jump to it is.
        if [ "$c" = DOCKER-USER ]; then continue; fi
        if has_chain "$saved" "$c"; then
        lines_of "$live" "$c" | foreign_first
        lines_of "$saved" "$c" | ours
        lines_of "$live" "$c" | foreign_last
        elif has_chain "$live" "$c"; then
        lines_of "$live" "$c" | foreign_first
        lines_of "$live" "$c" | foreign_last
        [ -n "$(lines_of "$live" "$c" | grep -v -e '--comment "\{0,1\}DockerNetHarden[": ]')" ] || is_used "$c" || gone="$gone $c"
        fi
        done
        was=$(jumps_of "$saved") is=$(jumps_of "$live")
        if [ "$was" != "$is" ]; then
        printf '%s\n' "$is" | while read -r h c; do
        [ -z "$h" ] || printf '%s %s -m comment --comment DockerNetHarden -j %s\n' -D "$h" "$c"
        done
        # Inserted at the head, so the last one comes first.
        printf '%s\n' "$was" | sed '1!G;h;$!d' | while read -r h c; do
        [ -z "$h" ] || ! has_chain "$live" "$h" || printf '%s %s -m comment --comment DockerNetHarden -j %s\n' -I "$h" "$c"
        done
        fi
        for c in $gone; do printf '%s %s\n' -X "$c"; done
        echo COMMIT
        }
        # The whole table, in one transaction: what nft listed it loads again, with the counters. Nothing in it is anybody else's.
        put_table() {
        said=$({ printf 'table inet docker_net_harden\ndelete table inet docker_net_harden\n'; printf '%s\n' "$tabled"; } | $S nft -f - 2>&1)
        }
        # What the old lines ask, if it is not there any more. The name tells what is in a set.
        put_sets() {
        case $sets in *create*) ;; *) return 0 ;; esac
        have=" $($S ipset list -n </dev/null | tr '\n' ' ') "
        said=$(printf '%s\n' "$sets" | while read -r verb set rest; do
        case $have in *" $set "*) ;; *) [ -z "$set" ] || printf '%s %s %s -exist\n' "$verb" "$set" "$rest" ;; esac
        done | $S ipset restore 2>&1) || return 1
        sets=
        }
        # What nothing asks any more: the sets of the change.
        drop_sets() {
        command -v ipset && { [ -e /sys/module/ip_set ] || ! [ -d /sys/module ]; } || return 0
        used=
        for p in $p4 $p6; do used="$used $($S "$p-save" -c </dev/null)"; done
        set --
        for n in $($S ipset list -n </dev/null); do
        case $n in DNH-[46]-*) case $used in *" --match-set $n "*) ;; *) set -- "$@" "$n" ;; esac ;; esac
        done
        drop_each "$@"
        }
        drop_each() (
        {{OwnSets.Remove}}
        )
        put_back() {
        put_sets || return 1
        case $1 in
        n) put_table; return ;;
        4) p=$p4 all=$saved4 ;;
        6) p=$p6 all=$saved6 ;;
        4+) p=$p4 all=$more4 ;;
        *) p=$p6 all=$more6 ;;
        esac
        now=$($S "$p-save" -c </dev/null) || return 1
        live=$(printf '%s\n' "$now" | table_of "$table")
        saved=$(printf '%s\n' "$all" | table_of "$table")
        said=$(text | $S "$p-restore" --noflush --counters --wait 10 2>&1) || return 1
        has_chain "$live" {{PlanTable.Made}} && ! has_chain "$saved" {{PlanTable.Made}} || return 0
        case $1 in 4*) take_table "$p" ip "$table" ;; *) take_table "$p" ip6 "$table" ;; esac </dev/null
        }
        take_table() (
        {{MadeTables.TakeTable}}
        )
        # The lock of writers, as the writing program holds it; but a writer that hangs because of the change must not keep the change in place.
        if command -v flock && [ -d /run ] && [ -r /run ]; then
        exec 9</run
        n=0
        until flock -n 9 || [ "$n" -ge 3 ]; do n=$((n + 1)); sleep 1; done
        fi
        round=0
        while :; do
        left=
        while read -r f table chains; do
        [ -z "$f" ] || put_back "$f" || left="$left$f $table $chains
        "
        done <<EOT
        $todo
        EOT
        todo=$left
        round=$((round + 1))
        if [ -z "$todo" ] || [ "$round" -ge 300 ]; then break; fi
        sleep 1
        done
        drop_sets
        if [ -z "$todo" ]; then printf 'restored\n' >decided/done; else printf 'failed: %s\n' "$said" >decided/done; fi
        rm -f saved4 saved6 more4 more6 sets moresets tabled
        """;
}
