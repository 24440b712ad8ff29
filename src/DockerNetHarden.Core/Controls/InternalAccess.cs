using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// Keeps a network's containers from internal ranges, which stops SSRF and DNS rebinding. Packets that leave by the bridge they came from pass, and so do
/// replies to clients of a published port.
/// </summary>
public sealed record InternalAccess : Control
{
    /// <summary>
    /// What counts as internal if no range is named: RFC 1918, RFC 6598 (shared address space) and RFC 3927 (link-local) in IPv4; RFC 4193 (unique local) and RFC 4291, 2.5.6 (link-local) in IPv6.
    /// </summary>
    public static IReadOnlyList<Cidr> DefaultRanges { get; } =
    [
        Cidr.Parse("10.0.0.0/8"), Cidr.Parse("172.16.0.0/12"), Cidr.Parse("192.168.0.0/16"), Cidr.Parse("100.64.0.0/10"), Cidr.Parse("169.254.0.0/16"),
        Cidr.Parse("fc00::/7"), Cidr.Parse("fe80::/10"),
    ];

    /// <summary>The ranges, of both families. An IPv4 range also means the IPv6 addresses that lead there (<see cref="EmbeddedIPv4"/>).</summary>
    public IReadOnlyList<Cidr> Ranges { get; init; } = DefaultRanges;

    /// <summary>Internal addresses that stay open; with <see cref="AllowPorts"/> for those ports only.</summary>
    public IReadOnlyList<Cidr> AllowAddresses { get; init; } = [];

    /// <summary>Ports that stay open; with <see cref="AllowAddresses"/> only at those addresses.</summary>
    public IReadOnlyList<PortSpec> AllowPorts { get; init; } = [];

    /// <summary>True keeps DNS (53) open at every internal address. False closes it even at the containers' own resolvers. Null keeps just those open.</summary>
    public bool? Dns { get; init; }

    // A profile's exceptions have their own mark, so that they and a network's own block never replace each other.
    internal string? Subject { get; init; }

    /// <summary>Networks whose containers may reach internal ranges.</summary>
    public IReadOnlyList<string> ExceptNetworks { get; init; } = [];

    /// <summary>Ranges of both families, each IPv4 range also in the IPv6 forms that lead there.</summary>
    internal static IEnumerable<Cidr> WithForms(IReadOnlyList<Cidr> ranges) => ranges.Concat(ranges.SelectMany(EmbeddedIPv4.FormsOf)).Distinct();

    private protected override IReadOnlyList<FirewallRule> Blocks()
    {
        CheckAction();
        var list = new RuleList(nameof(InternalAccess), Subject, Network?.Name);
        foreach (var family in Enum.GetValues<Family>())
        {
            var ranges = WithForms(Ranges).Where(range => range.Family == family).ToList();
            // If only ranges of one family are named, only that family is meant.
            if (Ranges.Count > 0 && ranges.Count == 0)
                continue;
            Exceptions(list, family);
            if (ranges.Count > 0)
                Block(list, family, AddressLists.Of(ranges));
        }
        return list.Rules;
    }

    private void Block(RuleList list, Family family, string ranges)
    {
        var all = new RuleSpec { Family = family, Destination = ranges };
        foreach (var place in Network is null ? ["docker:bridges", "docker:new-bridges"] : new[] { Network.Interface })
            list.Block(all with { InInterface = place, OutInterface = "!" + place }, Action, Log);
        // Networks made later have no backstop: POSTROUTING could recognise them only by their source, and real clients can have the pools' addresses too.
        foreach (var source in Network?.Sources(family) ?? ["docker:bridges"])
            list.Backstop(all with { OutInterface = "!" + (Network?.Interface ?? "docker:bridges"), Source = source }, sparesReplies: true);
    }

    private void Exceptions(RuleList list, Family family)
    {
        var forward = new RuleSpec { Family = family, InInterface = Network?.Interface };
        var backstop = new RuleSpec { Family = family, Table = "mangle", Chain = "POSTROUTING" };
        foreach (var scope in BackstopSources(family).Select(source => backstop with { Source = source }).Prepend(forward))
        {
            if (Dns != false)
            {
                foreach (var protocol in new[] { "udp", "tcp" })
                    list.Except(scope with { Destination = Dns == true ? null : "docker:resolvers", Protocol = protocol, DestinationPort = "53" });
            }
            AllowList.Except(list, scope, AllowPorts, AllowAddresses, family);
        }
        foreach (var network in ExceptNetworks.Select(network => new NetworkReference(network)))
        {
            list.Except(new RuleSpec { Family = family, InInterface = network.Interface });
            list.Except(backstop with { Source = network.Sources(family)[0] });
        }
    }
}
