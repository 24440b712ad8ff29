namespace DockerNetHarden.Hosts;

/// <summary>The programs that a host runs for a rollback. All of it is constant sh; names, times and texts come as arguments.</summary>
internal static class RollbackProgram
{
    /// <summary>Exit code of <see cref="Arm"/>: this rollback is already armed.</summary>
    internal const int AlreadyArmed = 10;

    /// <summary>Exit code of <see cref="Arm"/>: this rollback was already decided.</summary>
    internal const int AlreadyDecided = 11;

    /// <summary>Exit code of <see cref="Arm"/>: another rollback waits; its id is printed.</summary>
    internal const int OtherPending = 12;

    /// <summary>Exit code of <see cref="Ask"/>: there is no rollback with this id.</summary>
    internal const int Unknown = 9;

    // A network namespace has its own tables, and so its own rollbacks. A reboot empties /run, as it does the tables.
    // A user's /run/user goes with the last session, /tmp does not; a folder that is not the user's own is not used.
    private const string Bases = """
        u=$(id -u)
        ns=$(readlink /proc/self/ns/net 2>/dev/null | tr -cd 0-9)
        if [ "$u" = 0 ]; then b=/run/docker-net-harden
        elif [ -w "/run/user/$u" ]; then b=/run/user/$u/docker-net-harden
        else b=/tmp/docker-net-harden-$u
        fi
        mine() { [ -d "$1" ] && ! [ -L "$1" ] && [ -O "$1" ]; }

        """;

    /// <summary>
    /// Saves our chains as they are, and starts the timer. $1 id, $2 seconds, $3 and $4 the iptables commands, $5 the chains, $6 the timer, $7 the
    /// chains that a timer that already waits does not know.
    /// </summary>
    internal const string Arm = Bases + "save_sets() (\n" + OwnSets.List + "\n)\n" + """
        { mkdir -p "$b" && mine "$b" && b=$b/${ns:-0} && mkdir -p "$b" && mine "$b"; } || { printf 'cannot make a folder of its own at %s\n' "$b" >&2; exit 1; }
        if [ -d "$b/$1" ]; then
        [ -d "$b/$1/decided" ] && exit 11
        [ -n "$7" ] || exit 10
        # Chains that this write changes and the one before did not, as they are now. Only whole files, because the timer may look at any moment.
        cd "$b/$1" || exit 1
        [ -e more4 ] || { $S "$3-save" -c >new4 && mv new4 more4; } || exit 1
        [ -e more6 ] || [ -z "$4" ] || { $S "$4-save" -c >new6 && mv new6 more6; } || exit 1
        if grep -qs -e ' --match-set DNH-' more4 more6; then save_sets >newsets && mv newsets moresets || exit 1; fi
        case $7 in *"n inet "*) [ -e tabled ] || { { $S nft list table inet docker_net_harden 2>/dev/null || :; } >newt && mv newt tabled; } || exit 1 ;; esac
        { cat more 2>/dev/null; printf '%s\n' "$7"; } >new && mv new more || exit 1
        # The timer decides before it looks for them.
        [ -d decided ] && exit 11
        exit 10
        fi
        # Under a name with a dot until the timer runs, so that nobody takes it for a waiting one.
        mkdir "$b/.$1" && cd "$b/.$1" || exit 1
        give_up() { cd / && rm -rf "$b/.$1"; exit 1; }
        $S "$3-save" -c >saved4 || give_up "$1"
        if [ -n "$4" ]; then $S "$4-save" -c >saved6 || give_up "$1"; else : >saved6; fi
        # The sets that our lines ask: the change may remove them.
        if grep -q -e ' --match-set DNH-' saved4 saved6; then save_sets >sets || give_up "$1"; fi
        # Our nftables table as it is, with its counters; empty if there is none.
        case $5 in *"n inet "*) { $S nft list table inet docker_net_harden 2>/dev/null || :; } >tabled || give_up "$1" ;; esac
        # A session of its own, and no stream of the conversation: neither the connection's end nor sudo's or the terminal's signals reach
        # it, ssh does not wait for it, and it does not hold the lock of writers (9). It says "ready" before it lets go of the pipe.
        if command -v setsid >/dev/null; then d=setsid; elif command -v nohup >/dev/null; then d=nohup; else d=; fi
        r=$($d /bin/sh -c "$6" dnh-rollback "$1" "$S" "$2" "$3" "$4" "$5" </dev/null 2>/dev/null 9<&- &)
        [ "$r" = ready ] || { printf 'the timer did not start\n' >&2; give_up "$1"; }
        mv "$b/.$1" "$b/$1" || { mkdir decided; printf 'disarmed\n' >decided/by; exit 1; }
        # Looks for others after this one can be seen: of two that are armed at once, one or both give way.
        for o in "$b"/*/; do
        o=${o%/}
        if [ "$o" = "$b/$1" ] || [ -d "$o/decided" ]; then continue; fi
        p=
        { read -r p <"$o/pid"; } 2>/dev/null
        if [ -n "$p" ] && tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -qF "dnh-rollback ${o##*/} "; then
        mkdir "$b/$1/decided" && printf 'disarmed\n' >"$b/$1/decided/by"
        printf '%s\n' "${o##*/}"
        exit 12
        fi
        # Its timer is gone without a decision: it was killed.
        mkdir "$o/decided" 2>/dev/null && printf 'lost\n' >"$o/decided/by"
        done
        :
        """;

    /// <summary>Ends a timer after a write that changed nothing. $1 id.</summary>
    internal const string Disarm = Bases + """
        b=$b/${ns:-0}
        mkdir "$b/$1/decided" && printf 'disarmed\n' >"$b/$1/decided/by"
        """;

    /// <summary>Exits with <see cref="OtherPending"/> and prints the id if anybody's rollback waits in this network namespace. To be run as root.</summary>
    internal const string Pending = """
        ns=$(readlink /proc/self/ns/net 2>/dev/null | tr -cd 0-9)
        for o in /run/docker-net-harden/"${ns:-0}"/*/ /run/user/*/docker-net-harden/"${ns:-0}"/*/ /tmp/docker-net-harden-*/"${ns:-0}"/*/; do
        o=${o%/}
        if ! [ -d "$o" ] || [ -d "$o/decided" ]; then continue; fi
        p=
        { read -r p <"$o/pid"; } 2>/dev/null
        if [ -n "$p" ] && tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -qF "dnh-rollback ${o##*/} "; then
        printf '%s\n' "${o##*/}"
        exit 12
        fi
        done
        """;

    /// <summary>
    /// Asks about a rollback, and confirms it if $2 says so. Prints who decided (<c>confirmed</c>, <c>fired</c>, or <c>pending</c>), and
    /// how a rollback ended. $1 id.
    /// </summary>
    internal const string Ask = Bases + """
        for b in "/run/docker-net-harden" "/run/user/$u/docker-net-harden" "/tmp/docker-net-harden-$u"; do
        d=$b/${ns:-0}/$1
        mine "$b" && mine "$d" || continue
        if [ "$2" = confirm ] && mkdir "$d/decided" 2>/dev/null; then
        printf 'confirmed\n' >"$d/decided/by"
        fi
        if ! [ -d "$d/decided" ]; then printf 'pending\n'; exit 0; fi
        # There is one command between the decision and its name.
        n=0
        while ! [ -s "$d/decided/by" ] && [ "$n" -lt 3 ]; do sleep 1; n=$((n + 1)); done
        cat "$d/decided/by"
        if [ -e "$d/decided/done" ]; then cat "$d/decided/done"; fi
        exit 0
        done
        exit 9
        """;
}
