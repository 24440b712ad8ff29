#!/bin/sh
# Puts the rules of DockerNetHarden into the packet filter as they stand in the file "saved" beside this one. Save-FirewallRule wrote both and
# Remove-FirewallRule -Saved takes them away; what is changed here by hand is lost at the next saving.
#
#   loader load    makes our chains hold what is saved: before Docker starts
#   loader keep    puts back what is missing (a chain, its rules, a jump); what stands there is left as it is, saved or not
#   loader guard   keeps, once a second, until it is stopped
#
# Only chains that begin with DNH-, the jumps to them, and Docker's own jump from FORWARD to DOCKER-USER are written. Where something cannot be written
# all else is, and the exit code is 1.
LC_ALL=C
PATH=${PATH:-/usr/bin:/bin}:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL PATH
umask 077
saved=${0%/*}/saved

say() { printf 'docker-net-harden: %s\n' "$*" >&2; }

# The lines of a section of the saved file. $1 is one of the constants of this file.
section() { sed -n "/^\[$1\]\$/,/^\[/{/^\[/d;p;}" "$saved"; }

# The iptables commands of both families, without their suffixes; none where the kernel does not speak the family.
read_commands() {
    prefix4= prefix6=
    for family in 4 6; do
        if [ "$family" = 6 ] && ! [ -e /proc/net/if_inet6 ]; then continue; fi
        prefix=$(section iptables | sed -n "s/^$family //p")
        case $family in 4) prefix4=$prefix ;; 6) prefix6=$prefix ;; esac
    done
}

# Of a save output the lines of table $1.
table_of() { sed -n "/^\*$1\$/,/^COMMIT\$/p"; }

is_declared() { printf '%s\n' "$1" | grep -q "^:$2 "; }
lines_of() { printf '%s\n' "$1" | grep "^-A $2 "; }
ours() { grep -e '--comment "\{0,1\}DockerNetHarden:'; }
without_sets() { grep -v -e ' --match-set '; }
# What somebody else put into a chain of ours stays at the end that it was nearer to.
foreign_first() { sed '/--comment "\{0,1\}DockerNetHarden:/,$d'; }
foreign_last() { sed -n '/--comment "\{0,1\}DockerNetHarden:/,$p' | grep -v -e '--comment "\{0,1\}DockerNetHarden:'; }

# Whether chain $1 with the lines $old is to be filled with $new. An empty chain was flushed by somebody; a rule with a set that is missing was waiting for it.
is_wanting() {
    if ! is_declared "$live" "$1"; then return 0; fi
    if [ "$mode" = load ]; then [ "$old" != "$new" ]; return; fi
    if [ "$pass" = plain ]; then [ -z "$old" ] && [ -n "$new" ]; return; fi
    case $new in *' --match-set '*) ;; *) return 1 ;; esac
    case $old in *' --match-set '*) return 1 ;; esac
}

# The hook and the chain of each jump of ours to a saved chain, in order; $1 is what is read, $2 the saved lines.
jumps_of() {
    printf '%s\n' "$1" | sed -n 's/^-[AI] \([^ ]*\) -m comment --comment "\{0,1\}DockerNetHarden"\{0,1\} -j \(DNH-[^ ]*\)$/\1 \2/p' |
        while read -r hook chain; do if is_declared "$2" "$chain"; then printf '%s %s\n' "$hook" "$chain"; fi; done
}

jump() { printf '%s %s -m comment --comment DockerNetHarden -j %s\n' "$1" "$2" "$3"; }

# What iptables-restore has to do in table $table; nothing where all is there. $pass is "plain" for the rules without sets, which can always be written, and
# "sets" for the whole: one missing set refuses a whole text.
text() {
    chains=$(printf '%s\n' "$want" | sed -n 's/^:\(DNH-[^ ]*\) .*/\1/p')
    for chain in $chains; do
        new=$(lines_of "$want" "$chain")
        all=$(lines_of "$live" "$chain")
        old=$(printf '%s\n' "$all" | ours)
        if [ "$pass" = plain ]; then
            new=$(printf '%s\n' "$new" | without_sets)
            if [ "$mode" = load ]; then old=$(printf '%s\n' "$old" | without_sets); fi
        fi
        is_wanting "$chain" || continue
        printf ':%s - [0:0]\n' "$chain"
        { printf '%s\n' "$all" | foreign_first; printf '%s\n' "$new"; printf '%s\n' "$all" | foreign_last; } | sed '/^$/d'
    done
    [ "$pass" = plain ] || return 0
    for hook in $(jumps_of "$want" "$want" | cut -d' ' -f1 | uniq); do
        wanted=$(jumps_of "$want" "$want" | grep "^$hook ")
        there=$(jumps_of "$live" "$want" | grep "^$hook ")
        [ "$wanted" != "$there" ] || continue
        printf '%s\n' "$there" | while read -r from to; do [ -z "$from" ] || jump -D "$from" "$to"; done
        # At the head, so the last one first.
        printf '%s\n' "$wanted" | sed '1!G;h;$!d' | while read -r from to; do jump -I "$from" "$to"; done
    done
    if [ "$docker_jump" = missing ]; then printf '%s\n' '-I FORWARD -j DOCKER-USER'; fi
}

# Reads what stands in the table; false where it cannot be read.
look() {
    now=$("$prefix-save") || return 1
    live=$(printf '%s\n' "$now" | table_of "$table")
    docker_jump=
    case $want in *'-I DOCKER-USER '*) ;; *) return 0 ;; esac
    if ! printf '%s\n' "$live" | grep -q -x -e '-A FORWARD -j DOCKER-USER'; then docker_jump=missing; fi
}

# One table of one family: $family, $table, $pass.
settle() {
    want=$(section "$family $table")
    case $pass:$want in *:) return 0 ;; plain:*) ;; *' --match-set '*) ;; *) return 0 ;; esac
    look || return 1
    # Docker takes its jump away for some milliseconds whenever it makes a network.
    if [ "$mode$docker_jump" = keepmissing ]; then sleep 0.2; look || return 1; fi
    [ -n "$(text)" ] || return 0
    lock
    look || return 1
    case $want in
    *'-I DOCKER-USER '*) is_declared "$live" DOCKER-USER || "$prefix" -w 10 -t filter -N DOCKER-USER 2>/dev/null || : ;;
    esac
    todo=$(text)
    [ -n "$todo" ] || return 0
    printf '*%s\n%s\nCOMMIT\n' "$table" "$todo" | "$prefix-restore" --noflush --wait 10 || return 1
    say "$mode: $prefix $table, $(printf '%s\n' "$todo" | wc -l) lines written"
}

# The lock of those who write our rules, so that a refill of theirs is not overtaken; it ends with this program. Who hangs with it must not keep a host open.
lock() {
    if command -v flock >/dev/null && [ -d /run ] && [ -r /run ]; then
        exec 9</run
        tries=0
        until flock -n 9 || [ "$tries" -ge 30 ]; do tries=$((tries + 1)); sleep 0.1; done
    fi
}

# Sets that are missing. One that is there may hold more by now than was saved: it is left alone.
make_sets() {
    missing=
    for set in $(section sets | sed -n 's/^create \([^ ]*\) .*/\1/p'); do
        ipset list -n "$set" >/dev/null 2>&1 || missing="$missing $set"
    done
    [ -n "$missing" ] || return 0
    section sets | while read -r verb set rest; do
        case "$missing " in *" $set "*) printf '%s %s %s\n' "$verb" "$set" "$rest" ;; esac
    done | ipset restore
}

# The whole, of both families. mangle first: the half of a block that Docker never touches.
round() {
    failed=0
    read_commands
    for pass in plain sets; do
        if [ "$pass" = sets ]; then
            [ -n "$(section sets)" ] || continue
            make_sets || failed=1
        fi
        for family in 4 6; do
            if [ "$family" = 4 ]; then prefix=$prefix4; else prefix=$prefix6; fi
            [ -n "$prefix" ] || continue
            for table in mangle raw filter; do
                # In a subshell, so that the lock ends with the table.
                (settle) || failed=1
            done
        done
    done
    return "$failed"
}

# What the guard compares from second to second: a fork or two a family, and all else only where something of it changed.
print_of() {
    for prefix in $prefix4 $prefix6; do
        "$prefix-save" | sed -n -e '/^\*/p' -e '/DNH-/p' -e '/^-A FORWARD -j DOCKER-USER$/p'
    done 2>&1
}

guard() {
    mode=keep good= said=
    read_commands
    while :; do
        print=$(print_of)
        if [ "$print" != "$good" ]; then
            if what=$(round 2>&1); then good=$(print_of); else good=; fi
            # A failure that repeats itself every second is told once.
            if [ -n "$what" ] && [ "$what" != "$said" ]; then printf '%s\n' "$what" >&2; fi
            said=$what
        fi
        sleep 1
    done
}

[ -r "$saved" ] || { say "$saved cannot be read: save again with Save-FirewallRule"; exit 1; }
mode=${1:-load}
case $mode in
load)
    # Another program may write at the same moment: the kernel then refuses one of the two.
    for attempt in 1 2 3 4 5; do
        if round; then exit 0; fi
        sleep "$attempt"
    done
    say "not all of the saved rules are in place, see above"
    exit 1
    ;;
keep) round ;;
guard) guard ;;
*)
    say "'$mode' is none of load, keep, guard"
    exit 2
    ;;
esac
