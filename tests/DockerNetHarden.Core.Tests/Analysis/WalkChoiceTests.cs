using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Redirections to one of several destinations, by chance or by a match that is not certain: what is so wherever the packets go is certain.</summary>
public sealed class WalkChoiceTests
{
    // A service of Kubernetes with three endpoints, as kube-proxy writes it.
    private const string Service = """
        -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -A KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-WEB
        -A KUBE-SVC-WEB ! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
        -A KUBE-SVC-WEB -m comment --comment "default/web -> 10.244.0.5:8080" -m statistic --mode random --probability 0.33333333349 -j KUBE-SEP-A
        -A KUBE-SVC-WEB -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-B
        -A KUBE-SVC-WEB -j KUBE-SEP-C
        -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
        -A KUBE-SEP-A -s 10.244.0.5/32 -j KUBE-MARK-MASQ
        -A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.5:8080
        -A KUBE-SEP-B -p tcp -m tcp -j DNAT --to-destination 10.244.0.6:8080
        -A KUBE-SEP-C -p tcp -m tcp -j DNAT --to-destination 10.244.1.7:8080
        """;

    [Theory]
    [InlineData("-A FORWARD -d 10.244.0.0/16 -j DROP", Verdict.Drop)]
    [InlineData("-A FORWARD -p tcp -m tcp --dport 8080 -j REJECT", Verdict.Reject)]
    [InlineData("-A FORWARD -d 10.244.0.0/24 -j REJECT\n-A FORWARD -d 10.244.1.7/32 -j DROP", Verdict.Drop)]
    [InlineData("-A FORWARD -d 10.244.0.0/24 -j DROP", Verdict.Unknown)]
    [InlineData("-A FORWARD -d 10.96.0.0/16 -j DROP", Verdict.Accept)]
    [InlineData("-A FORWARD -m mark --mark 0x4000/0x4000 -j DROP", Verdict.Drop)]
    [InlineData("-A FORWARD -m conntrack --ctorigdst 10.96.0.10 -j DROP", Verdict.Drop)]
    [InlineData("", Verdict.Accept)]
    public void A_service_is_followed_to_each_of_its_endpoints(string filter, Verdict verdict)
    {
        var part = Kubernetes(filter).AskOne("10.96.0.10", "tcp", "80");
        Assert.Equal(verdict, part.Verdict);
        Assert.Equal(Cidr.Parse("10.244.0.0/23"), part.NewDestination);
        if (verdict == Verdict.Unknown)
            Assert.Equal((Verdict.Accept, "where the packets go after nat KUBE-SVC-WEB rule 2 is not known: -m statistic picks packets by chance."), (part.Otherwise!.Value, part.Reason));
    }

    [Fact]
    public void The_parts_of_a_wide_question_are_disjoint_and_together_the_question()
    {
        var parts = Kubernetes("-A FORWARD -d 10.244.0.0/24 -j DROP\n-A FORWARD -d 10.96.0.0/24 -p udp -j DROP").Ask("10.96.0.0/16");
        var all = parts.Aggregate(PacketSet.None(Family.IPv4), static (sum, part) =>
        {
            Assert.True(sum.Intersect(part.Packets).IsEmpty);
            return sum.Union(part.Packets);
        });
        Assert.True(all.SetEquals(PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = "docker0", Sources = [Cidr.Parse("172.17.0.2")], Destinations = [Cidr.Parse("10.96.0.0/16")] })));
        Assert.Equal(Verdict.Unknown, Assert.Single(parts, static part => part.Packets.Contains(new Packet(Family.IPv4, Cidr.Parse("172.17.0.2"), Cidr.Parse("10.96.0.10"), 6, 40000, 80))).Verdict);
        Assert.Equal([Verdict.Accept, Verdict.Drop, Verdict.Unknown], parts.Select(static part => part.Verdict).Distinct().Order());
    }

    [Theory]
    [InlineData("-j DNAT --to-destination 10.1.0.1-10.1.0.9", "-d 10.1.0.0/28", Verdict.Drop)]
    [InlineData("-j DNAT --to-destination 10.1.0.1-10.1.0.9", "-d 10.1.0.0/29", Verdict.Unknown)]
    [InlineData("-j DNAT --to-destination 10.1.0.1-10.1.0.9", "-d 10.9.0.0/16", Verdict.Accept)]
    [InlineData("-p tcp -j DNAT --to-destination 10.1.0.1:80-90", "-p tcp -m tcp --dport 80:90", Verdict.Drop)]
    [InlineData("-p tcp -j DNAT --to-destination 10.1.0.1:80-90/8000", "-p tcp -m tcp --dport 80:89", Verdict.Unknown)]
    [InlineData("-p tcp -j DNAT --to-destination 10.1.0.1-10.1.0.2:80-81 --random --persistent", "-d 10.1.0.0/30", Verdict.Drop)]
    [InlineData("-p tcp -j DNAT --to-destination :8080-8081", "-d 10.9.1.1/32", Verdict.Drop)]
    [InlineData("-m string --algo bm --string x -j DNAT --to-destination 10.1.0.1", "-o eth0", Verdict.Drop)]
    [InlineData("-m string --algo bm --string x -j DNAT --to-destination 10.1.0.1", "-d 10.1.0.1/32", Verdict.Unknown)]
    [InlineData("-m string --algo bm --string x -j RETURN", "-d 10.9.1.1/32", Verdict.Drop)]
    public void A_redirection_to_one_of_several_is_followed_to_each(string target, string filter, Verdict verdict) =>
        Assert.Equal(verdict, Nat($"-A PREROUTING -d 10.9.0.0/16 {target}", $"-A FORWARD {filter} -j DROP").AskOne("10.9.1.1", "tcp", "80").Verdict);

    [Theory]
    [InlineData("--to 10.1.2.0/24", "-d 10.1.2.1/32", Verdict.Drop, "10.1.2.0/24")]
    [InlineData("--to 10.1.2.0/24", "-d 10.1.2.2/32", Verdict.Accept, "10.1.2.0/24")]
    [InlineData("--to 10.1.2.7/32", "-d 10.1.2.7/32", Verdict.Drop, "10.1.2.7")]
    [InlineData("--to 172.18.0.0/16", "-o apps0", Verdict.Drop, "172.18.0.0/16")]
    [InlineData("--to 10.9.0.0/16", "-d 10.9.1.1/32", Verdict.Drop, null)]
    public void NETMAP_moves_each_destination_to_its_own(string to, string filter, Verdict verdict, string? place)
    {
        var part = Nat($"-A PREROUTING -d 10.9.1.0/24 -j NETMAP {to}", $"-A FORWARD {filter} -j DROP").AskOne("10.9.1.1", "tcp", "80");
        Assert.Equal((verdict, place is null ? null : (Cidr?)Cidr.Parse(place)), (part.Verdict, part.NewDestination));
    }

    [Fact]
    public void NETMAP_of_several_prefixes_takes_each_apart()
    {
        var parts = Nat("-A PREROUTING -d 10.9.0.0/16 -j NETMAP --to 10.1.2.0/24", "-A FORWARD -d 10.1.2.1/32 -j DROP").Ask("10.9.0.0/22");
        Assert.Equal(["10.9.0.1/32", "10.9.1.1/32", "10.9.2.1/32", "10.9.3.1/32"], parts.Where(static part => part.Verdict == Verdict.Drop).SelectMany(static part => part.Packets.Destinations).Select(static place => place.ToString()).Order(StringComparer.Ordinal));
        // More than can be told apart.
        Assert.Contains(Verdict.Unknown, Nat("-A PREROUTING -d 10.9.0.0/16 -j NETMAP --to 10.1.2.0/28", "").Ask("10.9.0.0/16").Select(static part => part.Verdict));
    }

    private static HostSnapshot Kubernetes(string filter) => Nat(":KUBE-SERVICES - [0:0]\n:KUBE-SVC-WEB - [0:0]\n:KUBE-SEP-A - [0:0]\n:KUBE-SEP-B - [0:0]\n:KUBE-SEP-C - [0:0]\n:KUBE-MARK-MASQ - [0:0]\n" + Service, filter);

    private static HostSnapshot Nat(string rules, string filter) => WalkHost.Of(
        $"*nat\n:PREROUTING ACCEPT [0:0]\n{rules}\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n{filter}\nCOMMIT\n");
}
