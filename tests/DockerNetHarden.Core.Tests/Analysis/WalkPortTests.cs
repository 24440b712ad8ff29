using DockerNetHarden.Matching;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Matches that look at the ports of bridges (<c>-m physdev</c>), on hosts where iptables sees what bridges pass on. The expectations are counters that the kernel showed (Linux 6.18).</summary>
public sealed class WalkPortTests
{
    private const string Neighbour = "172.17.0.9";
    private const string Outside = "203.0.113.9";

    [Theory]
    [InlineData("--physdev-is-bridged", Verdict.Drop, Verdict.Accept)]
    [InlineData("! --physdev-is-bridged", Verdict.Accept, Verdict.Drop)]
    [InlineData("--physdev-is-out", Verdict.Drop, Verdict.Accept)]
    [InlineData("--physdev-is-in", Verdict.Drop, Verdict.Drop)]
    [InlineData("! --physdev-is-in", Verdict.Accept, Verdict.Accept)]
    [InlineData("--physdev-in veth+", Verdict.Drop, Verdict.Drop)]
    [InlineData("--physdev-in veth1", Verdict.Unknown, Verdict.Unknown)]
    [InlineData("--physdev-in nope", Verdict.Accept, Verdict.Accept)]
    [InlineData("! --physdev-in nope", Verdict.Drop, Verdict.Drop)]
    [InlineData("--physdev-out veth+", Verdict.Drop, Verdict.Accept)]
    [InlineData("--physdev-out veth2", Verdict.Unknown, Verdict.Accept)]
    [InlineData("--physdev-in veth+ --physdev-is-bridged", Verdict.Drop, Verdict.Accept)]
    [InlineData("! --physdev-out veth1", Verdict.Unknown, Verdict.Unknown)]
    public void With_br_netfilter_packets_have_a_port(string match, Verdict bridged, Verdict routed)
    {
        var host = Host($"-m physdev {match} -j DROP", "1");
        Assert.Equal((bridged, routed), (host.AskOne(Neighbour, "tcp", "80").Verdict, host.AskOne(Outside, "tcp", "80").Verdict));
    }

    [Theory]
    [InlineData("! --physdev-is-in", Verdict.Drop)]
    [InlineData("--physdev-in veth+", Verdict.Accept)]
    [InlineData("! --physdev-in veth1", Verdict.Drop)]
    public void What_enters_by_no_bridge_has_none(string match, Verdict verdict) =>
        Assert.Equal(verdict, Host($"-m physdev {match} -j DROP", "1").AskOne("172.17.0.9", "tcp", "80", link: "eth0", source: "10.0.0.9").Verdict);

    private static HostSnapshot Host(string rule, string filtered) => WalkHost.WithDockerUser(rule).With("net.bridge.bridge-nf-call-iptables", filtered) is var host
        ? host with { LinkDetails = [.. host.LinkDetails, new HostLink("veth1", "veth", "docker0", false, false), new HostLink("veth2", "veth", "docker0", false, false), new HostLink("veth3", "veth", "apps0", false, false)] }
        : host;
}
