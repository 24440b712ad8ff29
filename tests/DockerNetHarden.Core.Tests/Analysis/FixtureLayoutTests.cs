using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>
/// What the layouts of three engines do to packets. The answers were found by reading the rules, before the walk was asked; the comment
/// on each says how.
/// </summary>
public sealed class FixtureLayoutTests
{
    // Container's link, destination, TCP port, verdict, deciding chain (position 0 means the chain's policy).
    public static TheoryData<string, string, int, Verdict, string, int> Old => new()
    {
        // DOCKER-USER returns, stage 1 goes to stage 2, which has no rule for eth0; back in FORWARD, rules 3 to 12 are about other links.
        { "docker0", "169.254.169.254", 80, Verdict.Accept, "FORWARD", 13 },
        { "plain0", "169.254.169.254", 80, Verdict.Accept, "FORWARD", 9 },
        { "quiet0", "10.0.0.9", 443, Verdict.Accept, "FORWARD", 5 },
        { "plain0", "203.0.113.25", 25, Verdict.Accept, "FORWARD", 9 },
        // Internal: stage 1 drops packets that leave its subnet.
        { "inner0", "169.254.169.254", 80, Verdict.Drop, "DOCKER-ISOLATION-STAGE-1", 3 },
        { "inner0", "203.0.113.25", 25, Verdict.Drop, "DOCKER-ISOLATION-STAGE-1", 3 },
        // From network to network: stage 2.
        { "docker0", "172.18.0.2", 80, Verdict.Drop, "DOCKER-ISOLATION-STAGE-2", 2 },
        { "plain0", "172.20.0.2", 80, Verdict.Drop, "DOCKER-ISOLATION-STAGE-2", 1 },
        // INPUT is empty and its policy is ACCEPT; an internal network reaches the host by its bridge.
        { "docker0", "10.0.0.5", 22, Verdict.Accept, "INPUT", 0 },
        { "plain0", "172.18.0.1", 22, Verdict.Accept, "INPUT", 0 },
        { "inner0", "172.19.0.1", 22, Verdict.Accept, "INPUT", 0 },
        // The published port: nat's DOCKER returns for docker0, so docker-proxy gets the packet in INPUT.
        { "docker0", "10.0.0.5", 8080, Verdict.Accept, "INPUT", 0 },
        // An internal network has no such RETURN: the packet is translated to 172.18.0.2, and stage 1 drops it.
        { "inner0", "10.0.0.5", 8080, Verdict.Drop, "DOCKER-ISOLATION-STAGE-1", 3 },
    };

    public static TheoryData<string, string, int, Verdict, string, int> Middle => new()
    {
        // DOCKER-CT is about established connections, DOCKER-INTERNAL about inner0, DOCKER-BRIDGE about packets to a bridge.
        { "docker0", "169.254.169.254", 80, Verdict.Accept, "DOCKER-FORWARD", 4 },
        { "plain0", "169.254.169.254", 80, Verdict.Accept, "DOCKER-FORWARD", 5 },
        { "quiet0", "10.0.0.9", 443, Verdict.Accept, "DOCKER-FORWARD", 8 },
        { "routed0", "203.0.113.25", 25, Verdict.Accept, "DOCKER-FORWARD", 9 },
        { "inner0", "169.254.169.254", 80, Verdict.Drop, "DOCKER-INTERNAL", 2 },
        // A container with a published port cannot be reached at its own address from elsewhere; one without meets the default of its bridge.
        { "docker0", "172.18.0.2", 80, Verdict.Drop, "PREROUTING", 1 },
        { "docker0", "172.18.0.3", 80, Verdict.Drop, "DOCKER", 4 },
        // The host's port is translated for every link but plain0, and DOCKER accepts published ports, from other networks too.
        { "docker0", "10.0.0.5", 8080, Verdict.Accept, "DOCKER", 2 },
        { "plain0", "10.0.0.5", 8080, Verdict.Accept, "INPUT", 0 },
        { "inner0", "10.0.0.5", 8080, Verdict.Drop, "DOCKER-INTERNAL", 2 },
        // Routed: the published port is open at the container's own address, other ports are not.
        { "docker0", "172.21.0.2", 80, Verdict.Accept, "DOCKER", 1 },
        { "docker0", "172.21.0.2", 81, Verdict.Drop, "DOCKER", 7 },
        // nat-unprotected: every port is open.
        { "docker0", "172.22.0.2", 5432, Verdict.Accept, "DOCKER", 8 },
        { "docker0", "10.0.0.5", 22, Verdict.Accept, "INPUT", 0 },
        { "inner0", "172.19.0.1", 22, Verdict.Accept, "INPUT", 0 },
    };

    public static TheoryData<string, string, int, Verdict, string, int> Nftables => new()
    {
        { "docker0", "169.254.169.254", 80, Verdict.Accept, "filter-forward-out__docker0", 2 },
        { "quiet0", "10.0.0.9", 443, Verdict.Accept, "filter-forward-out__quiet0", 2 },
        { "inner0", "169.254.169.254", 80, Verdict.Drop, "filter-forward-out__inner0", 2 },
        { "docker0", "172.18.0.2", 80, Verdict.Drop, "raw-PREROUTING", 1 },
        { "docker0", "172.18.0.3", 80, Verdict.Drop, "filter-forward-in__plain0", 4 },
        { "docker0", "10.0.0.5", 8080, Verdict.Accept, "filter-forward-in__plain0", 3 },
        // The chain of the destination's bridge comes first, and its accept ends the chain: the internal network's own drop is never reached.
        { "inner0", "172.19.0.1", 8080, Verdict.Accept, "filter-forward-in__plain0", 3 },
        { "docker0", "172.21.0.2", 80, Verdict.Accept, "filter-forward-in__routed0", 4 },
        { "docker0", "172.21.0.2", 81, Verdict.Drop, "filter-forward-in__routed0", 5 },
        { "docker0", "172.22.0.2", 5432, Verdict.Accept, "filter-forward-in__open0", 3 },
    };

    [Theory]
    [MemberData(nameof(Old))]
    public void Docker_20_10(string link, string destination, int port, Verdict verdict, string chain, int position) =>
        AssertAnswer(FixtureHost.Docker20, link, destination, port, verdict, chain, position);

    [Theory]
    [MemberData(nameof(Middle))]
    public void Docker_28(string link, string destination, int port, Verdict verdict, string chain, int position) =>
        AssertAnswer(FixtureHost.Docker28, link, destination, port, verdict, chain, position);

    [Theory]
    [MemberData(nameof(Nftables))]
    public void Docker_29_with_nftables(string link, string destination, int port, Verdict verdict, string chain, int position) =>
        AssertAnswer(FixtureHost.Docker29, link, destination, port, verdict, chain, position);

    // With icc off, containers of one bridge do not reach each other, provided that bridged packets pass the rules at all.
    [Theory]
    [InlineData("20.10", "1", Verdict.Drop, "FORWARD")]
    [InlineData("28", "1", Verdict.Drop, "DOCKER-FORWARD")]
    [InlineData("29", "1", Verdict.Drop, "filter-forward-in__quiet0")]
    public void Containers_of_one_bridge_with_icc_off(string engine, string filtered, Verdict verdict, string chain)
    {
        var host = FixtureHost.ByName(engine).Sysctl("net.bridge.bridge-nf-call-iptables", filtered);
        var part = Ask(host, "quiet0", "172.20.0.7", 80);
        Assert.Equal((verdict, chain), (part.Verdict, part.Chain));
    }

    [Theory]
    [InlineData("20.10", "docker0", "10.0.0.5", "web")]
    [InlineData("28", "plain0", "10.0.0.5", "web")]
    public void Docker_proxy_carries_what_reaches_a_published_port_in_INPUT(string engine, string link, string destination, string container)
    {
        var part = Ask(FixtureHost.ByName(engine), link, destination, 8080);
        Assert.Equal((PacketPath.Local, container), (part.Path, part.Proxied));
    }

    [Theory]
    [InlineData("28", "docker0")]
    [InlineData("29", "docker0")]
    public void A_published_port_is_translated_for_other_networks(string engine, string link)
    {
        var part = Ask(FixtureHost.ByName(engine), link, "10.0.0.5", 8080);
        Assert.Equal((PacketPath.Forward, "172.18.0.2/32", "plain0"), (part.Path, part.NewDestination?.ToString(), part.OutInterface));
    }

    private static void AssertAnswer(HostSnapshot host, string link, string destination, int port, Verdict verdict, string chain, int position)
    {
        var part = Ask(host, link, destination, port);
        Assert.Equal((verdict, chain, position), (part.Verdict, part.Chain, part.Position));
    }

    // One packet of each container: from the second address of its network.
    private static AccessPart Ask(HostSnapshot host, string link, string destination, int port)
    {
        var subnet = host.Networks.Single(network => network.Bridge == link).Subnets[0];
        return Assert.Single(new PacketWalk(host).Ask(new AccessQuery
        {
            Family = Family.IPv4,
            InInterface = link,
            Sources = [Cidr.Parse(subnet.Address.Replace(".0.0", ".0.2", StringComparison.Ordinal))],
            Destinations = [Cidr.Parse(destination)],
            Protocol = "tcp",
            SourcePorts = PortList.Parse("40000", "Port"),
            Ports = PortList.Parse(port.ToString(System.Globalization.CultureInfo.InvariantCulture), "Port"),
        }));
    }
}
