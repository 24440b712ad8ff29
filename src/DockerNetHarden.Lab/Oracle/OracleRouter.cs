using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>
/// A router in its own namespace, with two bridges as Docker makes them and two uplinks. All four cables end in a second namespace that has no
/// addresses: it sends what it is told to and answers nothing, so that only the packets under test are counted.
/// </summary>
internal sealed class OracleRouter : IAsyncDisposable
{
    private const string Prefix = "dnhorc";
    private static int s_count;

    private readonly string _router;
    private readonly string _wire;
    private readonly HashSet<(IptablesBackend, Family)> _filled = [];

    private OracleRouter(string name) => (_router, _wire) = (name + "r", name + "w");

    /// <summary>The cables, by the router's link at their other end.</summary>
    public static IReadOnlyDictionary<string, string> WireEnds { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        [OracleSites.FirstBridge] = "wa",
        [OracleSites.SecondBridge] = "wb",
        [OracleSites.FirstUplink] = "w0",
        [OracleSites.SecondUplink] = "w1",
    };

    public string Name => _router;

    public NetNamespace Space => NetNamespace.Named(_router);

    public NetNamespace Wire => NetNamespace.Named(_wire);

    /// <summary>Why rulesets cannot be tried here; null if they can.</summary>
    public static string? WhyUnavailable()
    {
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess)
            return "needs root on Linux: network namespaces have to be made";
        string[] tools = ["ip", "ipset", "nft", "nsenter", "iptables-nft-restore", "iptables-legacy-restore"];
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(["/usr/sbin", "/sbin", "/usr/bin"]).Where(static folder => folder.Length > 0).ToArray();
        return tools.FirstOrDefault(tool => !folders.Any(folder => File.Exists(Path.Combine(folder, tool)))) is { } missing
            ? $"'{missing}' is missing: install iproute2, iptables, nftables, ipset and util-linux (Debian's names)"
            : null;
    }

    public static async Task<OracleRouter> RaiseAsync(CancellationToken stop)
    {
        await RemoveRemainsAsync(stop).ConfigureAwait(false);
        var router = new OracleRouter(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}"));
        try
        {
            await router.BuildAsync(stop).ConfigureAwait(false);
            return router;
        }
        catch
        {
            await router.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The hardware address of a link of the router.</summary>
    public static byte[] HardwareAddress(string link) => [2, 0, 0, 0, 0, (byte)(1 + Array.IndexOf(OracleSites.Links, link))];

    /// <summary>Runs a command in the router.</summary>
    public async Task<CommandResult> RunAsync(IReadOnlyList<string> command, CancellationToken stop, string? input = null) =>
        await ProcessRun.RunAsync(["nsenter", "--net=/run/netns/" + _router, "--", .. command], stop, input).ConfigureAwait(false);

    /// <summary>Writes the ruleset, and removes what an earlier one left in tables that it does not use. Counters are zero afterwards.</summary>
    /// <exception cref="LabException">iptables refuses it.</exception>
    public async Task LoadAsync(OracleRuleset rules, CancellationToken stop)
    {
        foreach (var backend in (IptablesBackend[])[IptablesBackend.Nft, IptablesBackend.Legacy])
        {
            var isUsed = rules.Backends.Contains(backend);
            foreach (var family in (Family[])[Family.IPv4, Family.IPv6])
            {
                var mine = isUsed && family == rules.Family;
                if (!mine && !_filled.Contains((backend, family)))
                    continue;
                var text = (mine ? rules : OracleRuleset.Empty(family)).RestoreText(backend);
                var written = await RunAsync([Command(backend, family) + "-restore"], stop, text).ConfigureAwait(false);
                if (written.ExitCode != 0)
                    throw new LabException($"{Command(backend, family)}-restore refuses a ruleset: {written.Errors.Trim()}\n{text}");
                _ = mine ? _filled.Add((backend, family)) : _filled.Remove((backend, family));
            }
        }
    }

    /// <summary>What iptables-save prints of a family, counters included.</summary>
    public async Task<string> SaveAsync(IptablesBackend backend, Family family, CancellationToken stop) =>
        (await RunAsync([Command(backend, family) + "-save", "-c"], stop).ConfigureAwait(false)).OrThrow();

    public static string Command(IptablesBackend backend, Family family) =>
        (family == Family.IPv4 ? "iptables-" : "ip6tables-") + (backend == IptablesBackend.Nft ? "nft" : "legacy");

    public async ValueTask DisposeAsync()
    {
        foreach (var space in (string[])[_router, _wire])
        {
            if (File.Exists("/run/netns/" + space))
                await IpAsync(["netns", "delete", space], null, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task BuildAsync(CancellationToken stop)
    {
        foreach (var space in (string[])[_router, _wire])
            await IpAsync(["netns", "add", space], null, stop).ConfigureAwait(false);
        // The kernel must send nothing by itself: no duplicate address detection, no router solicitations, no redirects, no answers.
        foreach (var which in (string[])["all", "default"])
        {
            Wire.Write($"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "1");
            Space.Write($"/proc/sys/net/ipv6/conf/{which}/accept_dad", "0");
            Space.Write($"/proc/sys/net/ipv6/conf/{which}/router_solicitations", "0");
            Space.Write($"/proc/sys/net/ipv6/conf/{which}/addr_gen_mode", "1");
            Space.Write($"/proc/sys/net/ipv4/conf/{which}/rp_filter", "0");
            Space.Write($"/proc/sys/net/ipv4/conf/{which}/send_redirects", "0");
        }
        // With br_netfilter, a packet that DNAT sends back to the bridge stays on it, past FORWARD if it is the same port; the cable here is one port.
        foreach (var family in (string[])["iptables", "ip6tables"])
        {
            if (Directory.Exists("/proc/sys/net/bridge"))
                Space.Write("/proc/sys/net/bridge/bridge-nf-call-" + family, "0");
        }
        Space.Write("/proc/sys/net/ipv4/ip_forward", "1");
        Space.Write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
        await IpAsync(["-n", _router, "-batch", "-"], RouterSetup(), stop).ConfigureAwait(false);
        await IpAsync(["-n", _wire, "-batch", "-"], string.Join('\n', WireEnds.Values.Select(static end => $"link set {end} up")), stop).ConfigureAwait(false);
        (await RunAsync(["ipset", "restore"], stop, OracleSites.IpSets).ConfigureAwait(false)).OrThrow();
    }

    private string RouterSetup()
    {
        var lines = new List<string> { "link set lo up" };
        foreach (var bridge in OracleSites.Bridges)
        {
            lines.Add($"link add {bridge} type bridge");
            lines.Add($"link add p{WireEnds[bridge]} type veth peer name {WireEnds[bridge]} netns {_wire}");
            lines.Add($"link set p{WireEnds[bridge]} master {bridge} up");
        }
        foreach (var link in (string[])[OracleSites.FirstUplink, OracleSites.SecondUplink])
            lines.Add($"link add {link} type veth peer name {WireEnds[link]} netns {_wire}");
        foreach (var link in OracleSites.Links)
            lines.Add($"link set {link} address {Text(HardwareAddress(link))} up");
        lines.AddRange(
        [
            $"addr add 172.30.0.1/16 dev {OracleSites.FirstBridge}",
            $"addr add fd30::1/64 dev {OracleSites.FirstBridge} nodad",
            $"addr add 172.31.5.1/24 dev {OracleSites.SecondBridge}",
            $"addr add fd31::1/64 dev {OracleSites.SecondBridge} nodad",
            $"addr add 192.0.2.1/24 dev {OracleSites.FirstUplink}",
            $"addr add 2001:db8:1::1/64 dev {OracleSites.FirstUplink} nodad",
            $"addr add 10.9.0.1/24 dev {OracleSites.SecondUplink}",
            $"addr add 10.9.0.7/24 dev {OracleSites.SecondUplink}",
            $"addr add fd09::1/64 dev {OracleSites.SecondUplink} nodad",
            $"addr add fd09::7/64 dev {OracleSites.SecondUplink} nodad",
            "route add default via 192.0.2.254",
            "route add default via 2001:db8:1::fe",
            "route add 10.0.0.0/8 via 10.9.0.254",
            "route add fd00::/8 via fd09::fe",
            "route add blackhole 198.18.0.0/24",
            "route add unreachable 198.18.1.0/24",
            "route add prohibit 198.18.2.0/24",
            "route add blackhole 2001:db8:ff00::/48",
            "route add unreachable 2001:db8:ff01::/48",
            "route add prohibit 2001:db8:ff02::/48",
        ]);
        // The neighbours on a link are known beforehand: a packet that waits for an ARP answer would not arrive.
        lines.AddRange(from neighbour in Neighbours() select $"neigh add {neighbour.Address} lladdr 02:00:00:00:00:99 dev {neighbour.Link} nud permanent");
        return string.Join('\n', lines);
    }

    private static IEnumerable<(string Link, string Address)> Neighbours() =>
    [
        (OracleSites.FirstBridge, OracleSites.Neighbours4[0]), (OracleSites.SecondBridge, OracleSites.Neighbours4[1]), (OracleSites.FirstUplink, OracleSites.Neighbours4[2]),
        (OracleSites.FirstBridge, OracleSites.Neighbours6[0]), (OracleSites.SecondBridge, OracleSites.Neighbours6[1]), (OracleSites.FirstUplink, OracleSites.Neighbours6[2]),
        (OracleSites.FirstUplink, "192.0.2.254"), (OracleSites.FirstUplink, "2001:db8:1::fe"), (OracleSites.SecondUplink, "10.9.0.254"), (OracleSites.SecondUplink, "fd09::fe"),
    ];

    private static string Text(byte[] hardwareAddress) => string.Join(':', hardwareAddress.Select(static octet => octet.ToString("x2", CultureInfo.InvariantCulture)));

    // Left over from killed runs: namespaces whose process is gone.
    private static async Task RemoveRemainsAsync(CancellationToken stop)
    {
        if (!Directory.Exists("/run/netns"))
            return;
        foreach (var space in Directory.GetFiles("/run/netns", Prefix + "*").Select(static path => Path.GetFileName(path)))
        {
            var number = space[Prefix.Length..].Split('-')[0];
            if (int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var process) && !Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}")))
                await IpAsync(["netns", "delete", space], null, stop).ConfigureAwait(false);
        }
    }

    private static async Task IpAsync(IReadOnlyList<string> arguments, string? batch, CancellationToken stop) =>
        (await ProcessRun.RunAsync(["ip", .. arguments], stop, batch is null ? null : batch + "\n").ConfigureAwait(false)).OrThrow();
}
