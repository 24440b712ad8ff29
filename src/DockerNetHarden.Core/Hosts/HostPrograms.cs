using System.Globalization;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Hosts;

/// <summary>
/// The two programs that a host runs. The sh in here is constant: names of commands, tables, chains and all texts come as data.
/// </summary>
internal static partial class HostPrograms
{
    private const string Tools = """
        for n in iptables iptables-nft iptables-legacy ip6tables ip6tables-nft ip6tables-legacy nft; do
        p=$(command -v "$n") || continue
        printf '%s\t%s\t%s\n' "$n" "$p" "$("$n" --version 2>&1)"
        done
        if p=$(command -v ip); then printf 'ip\t%s\t%s\n' "$p" "$(ip -V 2>&1)"; fi
        """;

    // A kernel without IPv6 has no /proc/net/if_inet6: there is nothing to read then, and ip6tables would only complain.
    private const string HasIPv6 = "[ -e /proc/net/if_inet6 ] && command -v ip6tables-save >/dev/null";
    private const string NftIsOther4 = "command -v iptables-nft-save >/dev/null && case $(iptables --version 2>/dev/null) in *nf_tables*) false ;; esac";
    private const string NftIsOther6 =
        "[ -e /proc/net/if_inet6 ] && command -v ip6tables-nft-save >/dev/null && case $(ip6tables --version 2>/dev/null) in *nf_tables*) false ;; esac";

    private const string LegacyIsOther4 =
        "command -v iptables-legacy-save >/dev/null && case $(iptables --version 2>/dev/null) in *nf_tables*|'') ;; *) false ;; esac";

    private const string LegacyIsOther6 =
        "[ -e /proc/net/if_inet6 ] && command -v ip6tables-legacy-save >/dev/null && case $(ip6tables --version 2>/dev/null) in *nf_tables*|'') ;; *) false ;; esac";

    // dockerd can be told its DNS servers, or another configuration file, on its command line. It is the one of this network namespace: a
    // machine can run several. Without the right to look at a process's namespace the first one found is taken.
    private const string FindDockerd = """
        dnh_dockerd= dnh_config=/etc/docker/daemon.json
        for p in /proc/[0-9]*; do
        c=
        { read -r c <"$p/comm"; } 2>/dev/null
        [ "$c" = dockerd ] || continue
        if [ -r "$p/ns/net" ] && ! [ "$p/ns/net" -ef /proc/self/ns/net ]; then continue; fi
        c=$(tr '\0' '\n' <"$p/cmdline" 2>/dev/null)
        # One that has ended and was not reaped has no arguments and no namespace any more.
        [ -n "$c" ] || continue
        dnh_dockerd=$c
        c=$(printf '%s\n' "$c" | sed -n -e 's/^--config-file=//p' -e '/^--config-file$/{n;p;}')
        [ -z "$c" ] || dnh_config=$c
        break
        done
        """;

    // $1 is the command's prefix; then come pairs of a table and the lines that the plan was made on.
    // The whole save is cut to the table here: `iptables-legacy-save -t mangle` would create the table, and a stale plan must change
    // nothing.
    // Exit 1: stale (the table and its lines are printed). Exit 3: not readable.
    private const string Premise = """
        t=$($S "$1-save") || exit 3
        shift
        while [ $# -gt 1 ]; do
        case $1 in
        filter) l=$(printf '%s\n' "$t" | sed -n '/^\*filter$/,/^COMMIT$/{/DNH-/p;}'; printf x) ;;
        nat) l=$(printf '%s\n' "$t" | sed -n '/^\*nat$/,/^COMMIT$/{/DNH-/p;}'; printf x) ;;
        mangle) l=$(printf '%s\n' "$t" | sed -n '/^\*mangle$/,/^COMMIT$/{/DNH-/p;}'; printf x) ;;
        raw) l=$(printf '%s\n' "$t" | sed -n '/^\*raw$/,/^COMMIT$/{/DNH-/p;}'; printf x) ;;
        security) l=$(printf '%s\n' "$t" | sed -n '/^\*security$/,/^COMMIT$/{/DNH-/p;}'; printf x) ;;
        *) printf 'no table is called %s\n' "$1" >&2; exit 3 ;;
        esac
        if [ "$l" != "$2x" ]; then printf '%s\n' "$1"; printf '%s' "${l%x}"; exit 1; fi
        shift 2
        done
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
        if [ "$i" -gt 100 ]; then printf 'another writer holds the lock on /run\n' >&2; exit 1; fi
        sleep 0.1
        done
        """;

    private const string Go = """[ "$dnh_go" = 1 ]""";

    /// <summary>The program that reads all that a snapshot needs, in independent sections; to be built.</summary>
    internal static ShellProgram Read() => new ShellProgram()
        .Section("id", "id -u")
        .Section("tools", Tools)
        .Section("save4", "$S iptables-save -c", when: "command -v iptables-save >/dev/null")
        .Section("save6", "$S ip6tables-save -c", when: HasIPv6)
        // The legacy save commands read /proc/net/ip_tables_names and create no table; `iptables-legacy -S` would.
        .Section("save4-nft", "$S iptables-nft-save -c", when: NftIsOther4)
        .Section("save6-nft", "$S ip6tables-nft-save -c", when: NftIsOther6)
        .Section("save4-legacy", "$S iptables-legacy-save -c", when: LegacyIsOther4)
        .Section("save6-legacy", "$S ip6tables-legacy-save -c", when: LegacyIsOther6)
        .Section("ipv6", "[ -e /proc/net/if_inet6 ]")
        .Section("addresses", "ip -o addr show", when: "command -v ip >/dev/null")
        // Not /sys/class/net: a shell that entered a network namespace by nsenter still has the other namespace's /sys.
        .Section("links", "cat /proc/net/dev")
        .Section("resolv", "cat /etc/resolv.conf", when: "[ -e /etc/resolv.conf ]")
        // systemd-resolved's stub cannot be reached from a container: Docker hands out what stands behind it.
        .Section(
            "resolv-systemd", "cat /run/systemd/resolve/resolv.conf",
            when: "[ -e /run/systemd/resolve/resolv.conf ] && grep -q '^[[:space:]]*nameserver[[:space:]][[:space:]]*127\\.0\\.0\\.53' /etc/resolv.conf 2>/dev/null")
        .Do(FindDockerd)
        .Section("dockerd", """printf '%s\n' "$dnh_dockerd" """, when: """[ -n "$dnh_dockerd" ]""")
        .Section("daemon", """cat "$dnh_config" 2>/dev/null || $S cat "$dnh_config" """, when: """[ -e "$dnh_config" ]""")
        .Section(
            "session", """printf '%s\n' "$SSH_CONNECTION"; set -f; set -- $SSH_CONNECTION; command -v ip >/dev/null && ip -o route get "$1" || :""",
            when: """[ -n "$SSH_CONNECTION" ]""");

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
            .Section("premise-lock", Lock, when: """[ "$dnh_lock" = 1 ]""", then: """[ "$dnh_rc" = 0 ] || dnh_go=0""");
        foreach (var family in request.Premises.GroupBy(static premise => premise.Family))
        {
            program.Section(
                Named("premise", (int)family.Key), Premise,
                data: [PrefixOf(request, family.Key), .. family.SelectMany(static premise => new[] { premise.Table, premise.Lines })],
                then: """[ "$dnh_rc" = 0 ] || dnh_go=0""");
        }
        if (request.Rollback is { } rollback)
        {
            // Before anything is written, and only if it will be; without a timer nothing is.
            program.Section(
                "arm", RollbackProgram.Arm,
                data:
                [
                    rollback.Id, ((int)rollback.After.TotalSeconds).ToString(CultureInfo.InvariantCulture), request.Tool.Prefix4, request.Tool.Prefix6 ?? "",
                    rollback.Targets, RollbackTimer.Code.ReplaceLineEndings("\n"),
                ],
                when: Go, then: """case $dnh_rc in 0) dnh_armed=1 ;; 10) ;; *) dnh_go=0 ;; esac""");
        }
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
