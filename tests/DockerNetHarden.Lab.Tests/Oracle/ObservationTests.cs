using System.Collections.Immutable;
using DockerNetHarden.Addresses;
using DockerNetHarden.Lab.Oracle;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Oracle;

/// <summary>What the oracle sees is what happened: rulesets whose effect is obvious.</summary>
public sealed class ObservationTests : IAsyncLifetime
{
    private KernelOracle? _oracle;

    public async Task InitializeAsync() => _oracle = KernelOracle.WhyUnavailable() is null ? await KernelOracle.RaiseAsync(default) : null;

    public async Task DisposeAsync()
    {
        if (_oracle is not null)
            await _oracle.DisposeAsync();
    }

    [OracleFact]
    public async Task Without_rules_a_packet_goes_where_the_routes_say()
    {
        Assert.Equal("out0 203.0.113.25", await SeeAsync([], Udp("203.0.113.25")));
        Assert.Equal("out1 10.0.0.5", await SeeAsync([], Udp("10.0.0.5")));
        Assert.Equal("br-dnhorc 172.30.0.9", await SeeAsync([], Udp("172.30.0.9")));
        Assert.Equal("br-dnhor2 172.31.5.9", await SeeAsync([], Udp("172.31.5.9")));
        Assert.Equal("local 192.0.2.1", await SeeAsync([], Udp("192.0.2.1")));
        Assert.Equal("nowhere", await SeeAsync([], Udp("198.18.0.5")));
        Assert.Equal("out0 2001:db8:5::25", await SeeAsync([], Udp("2001:db8:5::25")));
        Assert.Equal("out1 fd00:ec2::254", await SeeAsync([], Udp("fd00:ec2::254")));
        Assert.Equal("local fd30::1", await SeeAsync([], Udp("fd30::1")));
        Assert.Equal("nowhere", await SeeAsync([], Udp("2001:db8:ff01::5")));
    }

    [OracleFact]
    public async Task Every_protocol_arrives_outside_and_at_the_router()
    {
        foreach (var (family, outside, router) in new[] { (Family.IPv4, "203.0.113.25", "172.30.0.1"), (Family.IPv6, "2001:db8:5::25", "fd30::1") })
        {
            int[] protocols = [family == Family.IPv4 ? OraclePacket.Icmp : OraclePacket.IcmpV6, OraclePacket.Tcp, OraclePacket.Udp, OraclePacket.Sctp, OraclePacket.Esp, OraclePacket.Ospf];
            foreach (var protocol in protocols)
            {
                // The state match makes conntrack look at the packet: a wrong checksum would make it invalid.
                OracleTable[] rules = [Table("filter", "FORWARD", "-m conntrack --ctstate INVALID", "-j DROP"), Table("mangle", "INPUT", "-m conntrack --ctstate INVALID", "-j DROP")];
                Assert.Equal($"{protocol} out0 {outside}", $"{protocol} {await SeeAsync(rules, Packet(outside, protocol))}");
                Assert.Equal($"{protocol} local {router}", $"{protocol} {await SeeAsync(rules, Packet(router, protocol))}");
            }
        }
    }

    [OracleFact]
    public async Task A_dropping_rule_counts_what_does_not_arrive()
    {
        foreach (var backend in (IptablesBackend[])[IptablesBackend.Nft, IptablesBackend.Legacy])
        {
            var rules = new OracleRuleset(Family.IPv4, [Table("filter", "FORWARD", "-d 203.0.113.0/24 -p udp -m udp --dport 53", "-j DROP", backend)]);
            var (arrivals, host) = await _oracle!.ObserveAsync(rules, [Udp("203.0.113.25"), Udp("10.0.0.5"), Udp("203.0.113.128"), Udp("203.0.113.25", 54)], default);
            Assert.Equal([null, "out1", null, "out0"], arrivals.Select(static arrival => arrival?.OutLink));
            Assert.Equal(2, Assert.Single(host.Rules[Family.IPv4].AllRules).Packets);
        }
    }

    [OracleFact]
    public async Task A_translated_destination_is_seen()
    {
        Assert.Equal("out1 10.0.0.5", await SeeAsync([Table("nat", "PREROUTING", "-p udp", "-j DNAT --to-destination 10.0.0.5:80")], Udp("8.8.8.8")));
        Assert.Equal("local 172.30.0.1", await SeeAsync([Table("nat", "PREROUTING", "-p udp", "-j REDIRECT --to-ports 80")], Udp("8.8.8.8")));
        Assert.Equal("local fd30::1", await SeeAsync([Table("nat", "PREROUTING", "-p udp", "-j REDIRECT")], Udp("2a00::8")));
    }

    private static OracleTable Table(string table, string chain, string match, string target, IptablesBackend backend = IptablesBackend.Nft) =>
        new(backend, table, [new OracleChain(chain, "ACCEPT", [new OracleRule([match], target)])]);

    private static OraclePacket Udp(string destination, int port = 53) => Packet(destination, OraclePacket.Udp, port);

    private static OraclePacket Packet(string destination, int protocol, int port = 53)
    {
        var to = Cidr.Parse(destination);
        var (sourcePort, destinationPort) = OraclePacket.HasPorts(protocol) ? (40000, port) : (0, protocol switch { OraclePacket.Icmp => 8 << 8, OraclePacket.IcmpV6 => 128 << 8, _ => 0 });
        return new OraclePacket(OracleSites.FirstBridge, new Packet(to.Family, Cidr.Parse(to.Family == Family.IPv4 ? "172.30.0.2" : "fd30::2"), to, protocol, sourcePort, destinationPort));
    }

    private async Task<string> SeeAsync(OracleTable[] tables, OraclePacket packet)
    {
        var (arrivals, _) = await _oracle!.ObserveAsync(new OracleRuleset(packet.Header.Family, tables.ToImmutableList()), [packet], default);
        return arrivals[0] is { } arrival ? $"{arrival.OutLink ?? "local"} {arrival.Destination.Address}" : "nowhere";
    }
}
