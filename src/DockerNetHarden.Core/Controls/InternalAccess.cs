using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// Keeps a network's containers from internal ranges, which stops SSRF and DNS rebinding. Packets that leave by the bridge they came from pass, and so do
/// replies to clients of a published port.
/// </summary>
public sealed record InternalAccess : Control
{
    /// <summary>What counts as internal if no range is named: RFC 1918, RFC 6598 (shared address space) and RFC 3927 (link-local).</summary>
    public static IReadOnlyList<Cidr> DefaultRanges { get; } =
        [Cidr.Parse("10.0.0.0/8"), Cidr.Parse("172.16.0.0/12"), Cidr.Parse("192.168.0.0/16"), Cidr.Parse("100.64.0.0/10"), Cidr.Parse("169.254.0.0/16")];

    /// <summary>The ranges; IPv4.</summary>
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

    /// <inheritdoc/>
    public override IReadOnlyList<FirewallRule> Rules()
    {
        CheckAction();
        var list = new RuleList(nameof(InternalAccess), Subject, Network?.Name);
        var forward = new RuleSpec { InInterface = Network?.Interface };
        var backstops = BackstopSources.Select(source => new RuleSpec { Table = "mangle", Chain = "POSTROUTING", Source = source }).ToList();
        foreach (var scope in backstops.Prepend(forward))
            Exceptions(list, scope);
        foreach (var network in ExceptNetworks.Select(network => new NetworkReference(network)))
        {
            list.Except(new RuleSpec { InInterface = network.Interface });
            list.Except(new RuleSpec { Table = "mangle", Chain = "POSTROUTING", Source = network.Sources(Family.IPv4)[0] });
        }
        foreach (var range in Ranges.Where(range => range.Family == Family.IPv6))
            throw new RefusedValueException("Range", range.ToString(), "internal ranges are IPv4 ranges; leave the IPv6 range out.");
        if (Ranges.Count > 0)
            Block(list);
        return list.Rules;
    }

    private void Block(RuleList list)
    {
        foreach (var place in Network is null ? ["docker:bridges", "docker:new-bridges"] : new[] { Network.Interface })
            list.Block(Match(place) with { InInterface = place }, Action, Log);
        // Networks made later have no backstop: POSTROUTING could recognise them only by their source, and real clients can have the pools' addresses too.
        foreach (var source in Network?.Sources(Family.IPv4) ?? ["docker:bridges"])
            list.Backstop(Match(Network?.Interface ?? "docker:bridges") with { Source = source, ConnectionDirection = "ORIGINAL" });
    }

    private RuleSpec Match(string place) => new() { Destination = string.Join(',', Ranges), OutInterface = "!" + place };

    private void Exceptions(RuleList list, RuleSpec scope)
    {
        if (Dns != false)
        {
            foreach (var protocol in new[] { "udp", "tcp" })
                list.Except(scope with { Destination = Dns == true ? null : "docker:resolvers", Protocol = protocol, DestinationPort = "53" });
        }
        AllowList.Except(list, scope, AllowPorts, AllowAddresses, Family.IPv4);
    }
}
