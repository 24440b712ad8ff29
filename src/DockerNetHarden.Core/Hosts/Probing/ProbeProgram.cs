using System.Globalization;
using DockerNetHarden.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosts.Probing;

/// <summary>
/// Sends real connection attempts from inside containers. Only the network namespace is entered (nsenter(1), <c>-n</c>), so the tools are the host's: nothing extra
/// has to be in the image, and nothing is sent over the connection.
/// </summary>
public static class ProbeProgram
{
    /// <summary>How many attempts one program makes at most.</summary>
    public const int MostProbes = 64;

    private const string Section = "probe";

    // Exit code of the section if a tool is missing, which its output names.
    private const int NoTool = 3;

    // The arguments come in fours: id, pid, address, port. Each probe returns a line: its number, the tool, the exit code, the errors. Sixteen at once, so that a
    // batch takes as long as its slowest attempt. By now the pid may belong to another process, so its cgroup is compared with the container (proc_pid_cgroup(5)). What a tool says
    // about a missing route it also says about an ICMP error that came back, so the container's routes are asked (ip-route(8), get).
    private const string Code = """
        if ! command -v nsenter >/dev/null; then printf 'nsenter (util-linux)'; exit 3; fi
        if command -v bash >/dev/null && command -v timeout >/dev/null; then t=bash
        elif command -v nc >/dev/null; then t=nc
        elif command -v curl >/dev/null; then t=curl
        else printf 'bash with timeout (coreutils), nc, curl: one of them is needed'; exit 3
        fi
        probe() {
        if ! grep -qF "$2" "/proc/$3/cgroup" 2>/dev/null; then printf '%s gone 0 \n' "$1"; return; fi
        case $t in
        bash) e=$($S nsenter -t "$3" -n timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$4" "$5" 2>&1) ;;
        nc) e=$($S nsenter -t "$3" -n nc -n -z -v -w 2 "$4" "$5" 2>&1) ;;
        curl)
        case $4 in *:*) a="[$4]:$5" ;; *) a="$4:$5" ;; esac
        e=$($S nsenter -t "$3" -n curl -q -sS --noproxy '*' --connect-timeout 2 --max-time 2 -o /dev/null -w ' connected=%{time_connect}' "telnet://$a" 2>&1) ;;
        esac
        r=$?
        if [ $r != 0 ] && command -v ip >/dev/null; then
        case $(LC_ALL=C $S nsenter -t "$3" -n ip route get "$4" 2>&1) in
        *RTNETLINK*unreachable*|*RTNETLINK*'No route to host'*) printf '%s noroute %s \n' "$1" "$r"; return ;;
        esac
        fi
        e=$(printf '%s' "$e" | tr '\n\r' '  ' | cut -c1-300)
        printf '%s %s %s %s\n' "$1" "$t" "$r" "$e"
        }
        n=0
        while [ $# -ge 4 ]; do
        probe "$n" "$1" "$2" "$3" "$4" &
        shift 4
        n=$((n + 1))
        [ $((n % 16)) != 0 ] || wait
        done
        wait
        """;

    /// <summary>How long one attempt may take.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(2);

    /// <summary>Makes the attempts, several at once.</summary>
    /// <param name="shell">The conversation with the containers' host; its user is root, or may run nsenter with sudo.</param>
    /// <param name="probes">The attempts, <see cref="MostProbes"/> at most.</param>
    /// <param name="stop">Stops waiting; attempts that have begun end by themselves.</param>
    /// <returns>One result per probe, in their order.</returns>
    /// <exception cref="ArgumentException">There are too many probes, or one does not go to a single address.</exception>
    /// <exception cref="HostException">The conversation broke.</exception>
    public static async Task<IReadOnlyList<ProbeResult>> RunAsync(IShell shell, IReadOnlyList<ConnectionProbe> probes, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(shell);
        ArgumentNullException.ThrowIfNull(probes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(probes.Count, MostProbes);
        if (probes.FirstOrDefault(static probe => !probe.Address.IsSingleAddress) is { } wide)
            throw new ArgumentException($"'{wide.Address}' is not a single address, which a connection needs.", nameof(probes));
        if (probes.Count == 0)
            return [];
        string[] data = [.. probes.SelectMany(static probe => (string[])[probe.ContainerId, Text(probe.Pid), probe.Address.Address, Text(probe.Port)])];
        // Sixteen at once; the rest is for the start of the tools on a busy host.
        var batches = (probes.Count + 15) / 16;
        var script = new ShellProgram().Section(Section, Code, data).Build((batches * Patience) + TimeSpan.FromSeconds(30));
        return Read((await shell.RunAsync(script, stop).ConfigureAwait(false)).Find(Section)!, probes.Count);
    }

    internal static IReadOnlyList<ProbeResult> Read(ShellSection section, int count)
    {
        if (section.ExitCode == NoTool)
            return [.. Enumerable.Repeat(new ProbeResult(ProbeOutcome.Failed, $"The host lacks {section.Text.Trim()}."), count)];
        var results = Enumerable.Repeat(new ProbeResult(ProbeOutcome.Failed, $"The host reported no result ({FarText.Line(section.Errors)})."), count).ToArray();
        foreach (var line in section.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Split(' ', 4) is [var number, var tool, var code, var said]
                && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < count
                && int.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var exit))
                results[index] = Judge(tool, exit, said.Trim());
        }
        return results;
    }

    // These are the texts of strerror(3) in the C locale, which bash and the kinds of nc print; ncat has its own. timeout(1) ends with 124, busybox's with 143.
    private static ProbeResult Judge(string tool, int exit, string said)
    {
        bool Says(string text) => said.Contains(text, StringComparison.OrdinalIgnoreCase);
        if (tool is "gone")
            return new ProbeResult(ProbeOutcome.NoContainer, "The container has ended or restarted since the host was read.");
        if (tool is "noroute")
            return new ProbeResult(ProbeOutcome.NoRoute, "The container has no route to it.");
        if (tool is "curl")
            return JudgeCurl(exit, said);
        if (ShellErrors.IsNoRight(said))
            return new ProbeResult(ProbeOutcome.Failed, $"No right to enter a container's network: {said} Use root, or a user with sudo without a password.");
        if (exit == 0)
            return new ProbeResult(ProbeOutcome.Connected);
        if (Says("refused"))
            return new ProbeResult(ProbeOutcome.Refused);
        if (exit is 124 or 143 || Says("timed out") || Says("timeout"))
            return new ProbeResult(ProbeOutcome.TimedOut);
        return new ProbeResult(Says("unreachable") || Says("No route to host") || Says("Protocol not available") ? ProbeOutcome.Unreachable : ProbeOutcome.Failed, said);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    // curl(1): 7 is "failed to connect", whatever the cause; 28 a timeout, of connecting or, once connected, of waiting for data.
    private static ProbeResult JudgeCurl(int exit, string said)
    {
        var at = said.LastIndexOf("connected=", StringComparison.Ordinal);
        var connected = at >= 0 && said.AsSpan(at + 10).IndexOfAnyInRange('1', '9') >= 0;
        return (connected, exit) switch
        {
            (true, _) => new ProbeResult(ProbeOutcome.Connected),
            (_, 28) => new ProbeResult(ProbeOutcome.TimedOut),
            (_, 7) => new ProbeResult(ProbeOutcome.Refused),
            _ => new ProbeResult(ProbeOutcome.Failed, said),
        };
    }
}
