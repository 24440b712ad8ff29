using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Hosts;

/// <summary>
/// The two programs that a host runs. The sh in here is constant: names of commands, tables, chains and all texts come as data.
/// </summary>
internal static partial class HostPrograms
{
    // Which iptables there are, a family each. A host pays for each program that is called, so no more are called than it takes. Which implementation a command is says
    // the file behind its links: what /usr/sbin/iptables and xtables-nft-multi share is iptables-nft, and the head of its save says its version. The other
    // implementation is looked at only where it may hold rules. Legacy tables that were ever used are listed; who may not read the list asks iptables-legacy-save.
    // A kernel without IPv6 has no /proc/net/if_inet6: there is nothing to read then, and ip6tables would only complain.
    private const string FindTools = """
        dnh_tools= dnh_path4= dnh_path6= dnh_other6=
        dnh_tool() {
        dnh_tools="$dnh_tools$1	$2	$3
        "
        }
        dnh_find xtables-nft-multi
        dnh_multi=$V
        dnh_look() {
        dnh_path= dnh_other=
        dnh_find "$1"
        [ -n "$V" ] || return 0
        dnh_path=$V
        if [ -n "$dnh_multi" ] && [ "$dnh_path" -ef "$dnh_multi" ]; then dnh_version="$1 (nf_tables)"
        elif [ -n "$dnh_path4" ] && [ "$dnh_path" -ef "$dnh_path4" ]; then dnh_version=ip6${dnh_version4#ip}
        else dnh_version=$("$dnh_path" --version 2>&1) || dnh_version=
        fi
        # An ip6tables that does not run is none: the IPv4 half does not need it.
        if [ -z "$dnh_version" ] && [ "$1" = ip6tables ]; then dnh_path=; return; fi
        dnh_tool "$1" "$dnh_path" "$dnh_version"
        case $dnh_version in *nf_tables*) dnh_other=$1-legacy ;; *) dnh_other=$1-nft ;; esac
        dnh_find "$dnh_other-save"
        [ -n "$V" ] || dnh_other=
        case $dnh_other in *-legacy)
        dnh_tables=
        if ! [ -e "$2" ]; then dnh_other=; elif [ -r "$2" ]; then read -r dnh_tables <"$2"; [ -n "$dnh_tables" ] || dnh_other=; fi
        esac
        [ -z "$dnh_other" ] || dnh_tool "$dnh_other" "${V%-save}" "$("$dnh_other" --version 2>&1)"
        }
        dnh_look iptables /proc/net/ip_tables_names
        dnh_path4=$dnh_path dnh_version4=$dnh_version dnh_other4=$dnh_other
        if [ -e /proc/net/if_inet6 ]; then dnh_look ip6tables /proc/net/ip6_tables_names; dnh_path6=$dnh_path dnh_other6=$dnh_other; fi
        """;

    // dockerd can be told its DNS servers, or another configuration file, on its command line. It is the one of this network namespace: a
    // machine can run several. Without the right to look at a process's namespace the first one found is taken. Where it says its number is looked first, which is
    // beside its socket: a host can have thousands of processes.
    private const string FindDockerd = """
        dnh_dockerd= dnh_config=/etc/docker/daemon.json
        dnh_is_dockerd() {
        c=
        { read -r c <"$1/comm"; } 2>/dev/null
        [ "$c" = dockerd ] || return 1
        if [ -r "$1/ns/net" ] && ! [ "$1/ns/net" -ef /proc/self/ns/net ]; then return 1; fi
        # One that has ended and was not reaped has no arguments and no namespace any more.
        dnh_dockerd=$(tr '\0' '\n' <"$1/cmdline" 2>/dev/null)
        [ -n "$dnh_dockerd" ]
        }
        p= c=/run/docker.pid
        case ${DOCKER_HOST-} in unix://?*.sock) c=${DOCKER_HOST#unix://}; c=${c%.sock}.pid ;; esac
        { read -r p <"$c"; } 2>/dev/null
        if [ -z "$p" ] || ! dnh_is_dockerd "/proc/$p"; then
        for p in /proc/[0-9]*; do if dnh_is_dockerd "$p"; then break; fi; done
        fi
        case $dnh_dockerd in *--config-file*)
        c= IFS='
        '
        set -f
        for a in $dnh_dockerd; do
        case $c in next) dnh_config=$a ;; esac
        c=
        case $a in --config-file=*) dnh_config=${a#*=} ;; --config-file) c=next ;; esac
        done
        unset IFS; set +f
        esac
        """;

    // One process for all files. They are those of the network namespace of whoever opens them; /sys/class/net is not: a shell that entered a network namespace by
    // nsenter still has the other namespace's /sys. What does not exist is not printed.
    private const string Files = """grep -a -s -e '' -- /dev/null /proc/net/dev /etc/resolv.conf /run/systemd/resolve/resolv.conf "$dnh_config" || :""";

    // One process for all that ip knows. busybox's has no -batch and is asked one by one. The client's address is sshd's, but a user can set the variable.
    private const string Addresses = """
        c=${SSH_CONNECTION-} q='addr show'
        c=${c%% *}
        case $c in ''|*[!0-9A-Fa-f:.]*) c= ;; *) q="$q
        route get $c" ;; esac
        V=$(ip -o -batch - 2>/dev/null <<dnh_questions
        $q
        dnh_questions
        )
        [ -n "$V" ] || V=$(ip -o addr show 2>/dev/null; [ -z "$c" ] || ip -o route get "$c" 2>/dev/null)
        """;

    // $1 is the command's prefix; then come pairs of a table and the lines that the plan was made on.
    // The whole save is cut to the table here: `iptables-legacy-save -t mangle` would create the table, and a stale plan must change
    // nothing. Where nothing is ours anywhere, nothing needs to be cut.
    // Exit 1: stale (the table and its lines are printed). Exit 3: not readable.
    private const string Premise = """
        dnh_ours() {
        case $1 in
        filter) sed -n '/^\*filter$/,/^COMMIT$/{/DNH-/p;}' ;;
        nat) sed -n '/^\*nat$/,/^COMMIT$/{/DNH-/p;}' ;;
        mangle) sed -n '/^\*mangle$/,/^COMMIT$/{/DNH-/p;}' ;;
        raw) sed -n '/^\*raw$/,/^COMMIT$/{/DNH-/p;}' ;;
        security) sed -n '/^\*security$/,/^COMMIT$/{/DNH-/p;}' ;;
        esac
        }
        dnh_premise() {
        t=$($S "$1-save") || return 3
        shift
        while [ $# -gt 1 ]; do
        case $1 in filter | nat | mangle | raw | security) ;; *) printf 'no table is called %s\n' "$1" >&2; return 3 ;; esac
        l=x
        case $t in *DNH-*) l=$(printf '%s\n' "$t" | dnh_ours "$1"; printf x) ;; esac
        if [ "$l" != "$2x" ]; then printf '%s\n' "$1"; printf '%s' "${l%x}"; return 1; fi
        shift 2
        done
        }
        dnh_premise "$@"
        """;

    // Between looking at a table and writing it nobody of us may write: a refill replaces a whole chain, and what another writer had put into it since would be
    // gone. The lock is on a folder that each user can read, so that sudo plays no part; it ends with the shell. Not xtables.lock: iptables takes that itself.
    // A redirection that fails would end the shell, so it is looked at first.
    private const string OpenLock = "if command -v flock >/dev/null && [ -d /run ] && [ -r /run ]; then exec 9</run; dnh_lock=1; fi";

    // Not `flock -w`: busybox has none. Exit 1 is what a stale premise is: nothing was written, plan again.
    private const string Lock = """
        i=0
        until flock -n 9; do
        i=$((i + 1))
        if [ "$i" -gt 100 ]; then printf 'another writer holds the lock on /run\n' >&2; break; fi
        sleep 0.1
        done
        [ "$i" -le 100 ]
        """;

    private const string Go = """[ "$dnh_go" = 1 ]""";

    /// <summary>The program that reads all that a snapshot needs, in independent sections; to be built.</summary>
    internal static ShellProgram Read() => new ShellProgram()
        // Goes out at once: the first frame says that a shell is there.
        .Section("id", """printf '%s\n' "$dnh_uid" """, subshell: false)
        .Do(FindTools)
        .Note("tools", "V=$dnh_tools")
        .Section("save4", "$S iptables-save -c", when: """[ -n "$dnh_path4" ] && command -v iptables-save >/dev/null""")
        .Section("save6", "$S ip6tables-save -c", when: """[ -n "$dnh_path6" ] && command -v ip6tables-save >/dev/null""")
        // The legacy save commands read /proc/net/ip_tables_names and create no table; `iptables-legacy -S` would.
        .Section("save4-nft", "$S iptables-nft-save -c", when: """[ "$dnh_other4" = iptables-nft ]""")
        .Section("save6-nft", "$S ip6tables-nft-save -c", when: """[ "$dnh_other6" = ip6tables-nft ]""")
        .Section("save4-legacy", "$S iptables-legacy-save -c", when: """[ "$dnh_other4" = iptables-legacy ]""")
        .Section("save6-legacy", "$S ip6tables-legacy-save -c", when: """[ "$dnh_other6" = ip6tables-legacy ]""")
        .Note("ipv6", "V=0; [ ! -e /proc/net/if_inet6 ] || V=1")
        .Note("addresses", Addresses, when: "command -v ip >/dev/null")
        .Note("session", """V=$SSH_CONNECTION""", when: """[ -n "${SSH_CONNECTION-}" ]""")
        .Do(FindDockerd)
        .Note("dockerd", "V=$dnh_dockerd", when: """[ -n "$dnh_dockerd" ]""")
        .Note("daemon-path", "V=$dnh_config")
        .Section("files", Files)
        .Section("daemon", """$S cat "$dnh_config" """, when: """[ -e "$dnh_config" ] && ! { [ -f "$dnh_config" ] && { true <"$dnh_config"; } 2>/dev/null; }""");

    /// <summary>
    /// The program that writes: compares the premises, creates chains, runs the steps in order; a step that fails is the last one and those
    /// before it are taken back in reverse. It always reads back.
    /// </summary>
    internal static ShellScript Write(WriteRequest request, TimeSpan timeout)
    {
        var program = new ShellProgram()
            // From here on the program ends what it began: neither a lost connection (HUP, PIPE) nor a Ctrl-C, which the terminal
            // sends to the whole process group (INT, QUIT), may stop it between two tables. iptables-restore inherits this. It is not
            // taken back at the end: then a signal could still come before the last frame. A shell like this ends with its input.
            .Do("trap '' HUP INT QUIT PIPE TERM; dnh_go=1 dnh_failed=0 dnh_done=0 dnh_lock=0 dnh_armed=0 dnh_stuck=0")
            .Do(OpenLock)
            .Section("premise-lock", Lock, when: """[ "$dnh_lock" = 1 ]""", then: """[ "$dnh_rc" = 0 ] || dnh_go=0""", subshell: false);
        foreach (var family in request.Premises.GroupBy(static premise => premise.Family))
        {
            program.Section(
                Named("premise", (int)family.Key), Premise,
                data: [PrefixOf(request, family.Key), .. family.SelectMany(static premise => new[] { premise.Table, premise.Lines })],
                then: """[ "$dnh_rc" = 0 ] || dnh_go=0""", subshell: false);
        }
        if (request.Rollback is { } rollback)
        {
            // Before anything is written, and only if it will be; without a timer nothing is.
            program.Section(
                "arm", RollbackProgram.Arm,
                data:
                [
                    rollback.Id, ((int)rollback.After.TotalSeconds).ToString(CultureInfo.InvariantCulture), request.Tool.Prefix4, request.Tool.Prefix6 ?? "",
                    rollback.Targets, RollbackTimer.Code.ReplaceLineEndings("\n"), rollback.More,
                ],
                when: Go, then: """case $dnh_rc in 0) dnh_armed=1 ;; 10) ;; *) dnh_go=0 ;; esac""");
        }
        AddMarks(program, request);
        for (var i = 0; i < request.NewChains.Count; i++)
        {
            // It fails where the chain exists, which is as good; any other reason fails the step that needs the chain, with its own
            // message.
            var chain = request.NewChains[i];
            program.Section(
                Named("create", i + 1), """$S "$1" -w 10 -t "$2" -N "$3" 2>/dev/null || :""",
                data: [PrefixOf(request, chain.Family), chain.Table, chain.Chain], when: Go);
        }
        for (var i = 0; i < request.Steps.Count; i++)
        {
            program.Section(
                Named("step", i + 1), """$S "$1-restore" --noflush --counters --wait 10""",
                data: [PrefixOf(request, request.Steps[i].Family)], input: request.Steps[i].Restore, when: Go,
                then: """if [ "$dnh_rc" = 0 ]; then dnh_done=$((dnh_done + 1)); else dnh_go=0 dnh_failed=1; fi""");
        }
        for (var i = request.Steps.Count - 2; i >= 0; i--)
        {
            program.Section(
                Named("undo", i + 1), """$S "$1-restore" --noflush --counters --wait 10""",
                data: [PrefixOf(request, request.Steps[i].Family), (i + 1).ToString(CultureInfo.InvariantCulture)], input: request.Steps[i].Inverse,
                when: """[ "$dnh_failed" = 1 ] && [ "$dnh_done" -ge "$2" ]""", then: """[ "$dnh_rc" = 0 ] || dnh_stuck=1""");
        }
        if (request.Rollback is { } armed)
            program.Section("disarm", RollbackProgram.Disarm, data: [armed.Id], when: """[ "$dnh_armed$dnh_failed$dnh_stuck" = 110 ]""");
        AddTakings(program, request);
        program.Section("save4", """$S "$1-save" -c""", data: [request.Tool.Prefix4]);
        if (request.Tool.Prefix6 is { } prefix6)
            program.Section("save6", """$S "$1-save" -c""", data: [prefix6]);
        return program.Do("exec 9<&-").Build(timeout);
    }

    private static string Named(string kind, int number) => string.Create(CultureInfo.InvariantCulture, $"{kind}-{number}");

    private static string PrefixOf(WriteRequest request, Family family) =>
        family == Family.IPv4 ? request.Tool.Prefix4 : request.Tool.Prefix6
            ?? throw new ArgumentException(
                "The request writes IPv6 rules, but the host has no ip6tables; install it, or leave the IPv6 rules out.", nameof(request));
}
