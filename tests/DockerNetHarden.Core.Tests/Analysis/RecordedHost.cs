using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Core.Tests.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>
/// Hosts as real engines left them, and what real packets of their containers met: Docker 26.1.5 and 28.5.2 of Debian, and 29.7.2, built from its tag, with each of its firewall
/// backends, on Linux 6.18. <c>up0</c>, a veth, is the link to the outside. The networks: docker0, with IPv6 (v6), without it (plain), with IPv6 only (only6, from engine 28),
/// internal (int), icc off (noicc), gateway modes routed, nat-unprotected (unprot) and isolated (isol), and trusted_host_interfaces (trusted). Every container listens on port 80, every address of
/// the host on 8443. <c>after-export-loaded</c> is the same host with the four controls from <c>Export-FirewallRule -As Nftables</c>, and a network (later) made afterwards.
/// <c>switched-from-iptables</c> changed its backend without a reboot. Each file in Fixtures holds the Engine API's replies, the output of iptables-save, nft, ip and sysctl, and probes.
/// </summary>
internal static class RecordedHost
{
    private static readonly ConcurrentDictionary<string, Recording> Known = new(StringComparer.Ordinal);
    private static readonly ConcurrentDictionary<string, IReadOnlyList<HardeningFinding>> Found = new(StringComparer.Ordinal);

    // Not in the recording: the DNS server of the host and its containers.
    private static readonly Cidr Resolver = Cidr.Parse("203.0.113.53");

    /// <summary>The recordings with probes.</summary>
    public static IReadOnlyList<string> Probed { get; } =
        ["26.1.5-before", "28.5.2-before", "29.7.2-iptables-before", "29.7.2-nftables-before", "29.7.2-nftables-after-export-loaded"];

    public static IReadOnlyList<string> All { get; } = [.. Probed, "29.7.2-nftables-switched-from-iptables"];

    public static HostSnapshot Of(string name) => Read(name).Host;

    /// <summary>The audit's findings there, computed once.</summary>
    public static IReadOnlyList<HardeningFinding> Findings(string name) => Found.GetOrAdd(name, static each => HardeningAudit.Of(Of(each)));

    /// <summary>
    /// The same rules in iptables-legacy: nf_tables then holds no iptables rules, and rules can be added without writing them twice.
    /// </summary>
    public static HostSnapshot OnLegacy(this HostSnapshot host) => host with
    {
        Iptables = host.Iptables with { Backend = IptablesBackend.Legacy },
        Nft = host.Nft! with
        {
            Chains = [.. host.Nft.Chains.Where(chain => !IsOfIptables(chain.Family, chain.Table))],
            Rules = [.. host.Nft.Rules.Where(rule => !IsOfIptables(rule.Family, rule.Table))],
        },
    };

    private static bool IsOfIptables(string family, string table) => family is "ip" or "ip6" && table is "raw" or "mangle" or "nat" or "filter" or "security";

    public static IReadOnlyList<RecordedProbe> Probes(string name) => Read(name).Probes;

    private static Recording Read(string name) => Known.GetOrAdd(name, static each =>
    {
        using var stream = typeof(RecordedHost).Assembly.GetManifestResourceStream($"engine-{each}.json") ?? throw new ArgumentException(each);
        using var document = JsonDocument.Parse(stream);
        var root = document.RootElement;
        return new Recording(Host(each, root), [.. root.GetProperty("probes").EnumerateObject().SelectMany(static container => container.Value.EnumerateObject().Select(probe => Probe(container.Name, probe)))]);
    });

    private static HostSnapshot Host(string name, JsonElement root) => new()
    {
        HostName = name,
        TakenAt = DateTimeOffset.UnixEpoch,
        Iptables = new IptablesTool(IptablesBackend.Nft, root.GetProperty("versions")[0].GetString()!, "iptables", "ip6tables"),
        Engine = StubTransport.Read(Bytes(root.GetProperty("info")), static api => api.GetInfoAsync(CancellationToken.None)) with { ApiVersion = root.GetProperty("apiVersion").GetString()! },
        Networks = StubTransport.Read(Bytes(root.GetProperty("networks")), static api => api.ListNetworksAsync(CancellationToken.None)),
        Containers = StubTransport.Read(Bytes(root.GetProperty("containers")), static api => api.ListContainersAsync(CancellationToken.None)),
        Rules = new Dictionary<Family, Ruleset>
        {
            [Family.IPv4] = Ruleset.Parse(Family.IPv4, Text(root, "save4")),
            [Family.IPv6] = Ruleset.Parse(Family.IPv6, Text(root, "save6")),
        },
        Nft = NftText.Parse(Bytes(root.GetProperty("nft"))),
        Links = [.. root.GetProperty("links").EnumerateArray().Select(static link => Text(link, "name"))],
        LinkDetails = [.. root.GetProperty("links").EnumerateArray().Select(static link =>
            new HostLink(Text(link, "name"), link.GetProperty("kind").GetString(), link.GetProperty("master").GetString(), link.GetProperty("xdp").GetBoolean(), HasTcFilter: false))],
        Addresses = [.. root.GetProperty("addresses").EnumerateArray().Select(static address => new HostAddress(Text(address, "link"), Cidr.Parse(Text(address, "address"))))],
        Routes = [.. RouteText.Parse(Family.IPv4, Text(root, "routes4")), .. RouteText.Parse(Family.IPv6, Text(root, "routes6"))],
        Sysctls = SysctlText.Parse(Text(root, "sysctls")),
        Connections = [],
        Resolvers = [Resolver],
    };

    // "10.18.18.246 8080/tcp": "OK"
    private static RecordedProbe Probe(string container, JsonProperty probe)
    {
        var words = probe.Name.Split(' ', '/');
        return new RecordedProbe(container, Cidr.Parse(words[0]), int.Parse(words[1], CultureInfo.InvariantCulture), words[2], probe.Value.GetString()!);
    }

    private static byte[] Bytes(JsonElement element) => Encoding.UTF8.GetBytes(element.GetRawText());

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private sealed record Recording(HostSnapshot Host, IReadOnlyList<RecordedProbe> Probes);
}

/// <summary>What one real packet of a container met.</summary>
/// <param name="Container">The container's name.</param>
/// <param name="Destination">The destination that the container used.</param>
/// <param name="Port">The port.</param>
/// <param name="Protocol"><c>tcp</c> or <c>udp</c>.</param>
/// <param name="Outcome"><c>OK</c>, <c>TIMEOUT</c>, the name of an errno, or <c>UNSENT-</c> plus one: the container has no route there.</param>
internal sealed record RecordedProbe(string Container, Cidr Destination, int Port, string Protocol, string Outcome)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Container} to {Destination.Address} {Port}/{Protocol}");
}
