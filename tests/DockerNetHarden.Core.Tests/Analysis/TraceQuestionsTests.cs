using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Docker;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

public sealed class TraceQuestionsTests
{
    private static readonly HostSnapshot Host = Planning.Snapshots.Host() with
    {
        Addresses =
        [
            new("eth0", Cidr.Parse("10.0.0.5")), new("docker0", Cidr.Parse("172.17.0.1")), new("docker0", Cidr.Parse("fe80::42")),
            new("apps0", Cidr.Parse("172.18.0.1")), new("apps0", Cidr.Parse("fd01::1")),
        ],
        Containers =
        [
            new DockerContainer { Id = "abcd1234", Name = "one", State = "running", Addresses = [new("apps", Cidr.Parse("172.18.0.2"), Cidr.Parse("fd01::2"))] },
            new DockerContainer { Id = "ef561234", Name = "both", State = "running", Addresses = [new("apps", Cidr.Parse("172.18.0.3"), null), new("bridge", Cidr.Parse("172.17.0.3"), null)] },
            new DockerContainer { Id = "77771234", Name = "naked", State = "running", NetworkMode = "host" },
        ],
    };

    [Fact]
    public void Without_a_network_all_bridges_are_asked_about_and_networks_without_one_are_reported()
    {
        var questions = TraceQuestions.Of(new TraceRequest().To("1.2.3.4"), Host);
        Assert.Equal(["bridge", "apps"], questions.All.Select(question => question.Network));
        Assert.Equal(["172.17.0.0/16", "172.18.0.0/16"], questions.All.Select(question => Assert.Single(question.Query.Sources).ToString()));
        var problem = Assert.Single(questions.Problems);
        Assert.Equal((TraceProblemKind.NoBridge, "lan", false), (problem.Kind, problem.Name, problem.IsAskedFor));
    }

    [Fact]
    public void A_container_is_asked_about_on_each_of_its_networks_from_its_addresses()
    {
        var questions = TraceQuestions.Of(new TraceRequest { Containers = ["both", "abcd"] }.To("1.2.3.4"), Host);
        Assert.Equal([("apps", "both", "172.18.0.3/32"), ("bridge", "both", "172.17.0.3/32"), ("apps", "one", "172.18.0.2/32")],
            questions.All.Select(question => (question.Network, question.Container!, Assert.Single(question.Query.Sources).ToString())));
    }

    [Theory]
    [InlineData("172.18.9.9", new[] { "apps" })]
    [InlineData("172.17.0.0/24", new[] { "bridge" })]
    [InlineData("fd01::77", new[] { "apps" })]
    public void A_source_belongs_to_the_network_whose_subnet_holds_it(string source, string[] networks)
    {
        var destination = source.Contains(':', StringComparison.Ordinal) ? "2001:db8::1" : "1.2.3.4";
        var questions = TraceQuestions.Of(new TraceRequest { Source = Cidr.Parse(source) }.To(destination), Host);
        Assert.Equal(networks, questions.All.Select(question => question.Network));
        Assert.All(questions.All, question => Assert.Equal(Cidr.Parse(source), Assert.Single(question.Query.Sources)));
        Assert.Empty(questions.Problems);
    }

    [Fact]
    public void A_spoofed_source_is_asked_about_if_the_network_is_named() =>
        Assert.Equal("10.9.9.9/32", Assert.Single(TraceQuestions.Of(new TraceRequest { Networks = ["apps"], Source = Cidr.Parse("10.9.9.9") }.To("1.2.3.4"), Host).All).Query.Sources[0].ToString());

    [Fact]
    public void What_the_host_lacks_is_reported_with_what_it_has()
    {
        void Expect(TraceRequest request, TraceProblemKind kind, string part)
        {
            var questions = TraceQuestions.Of(request, Host);
            var problem = Assert.Single(questions.Problems);
            Assert.Empty(questions.All);
            Assert.Equal(kind, problem.Kind);
            Assert.True(problem.IsAskedFor);
            Assert.Contains(part, problem.Message, StringComparison.Ordinal);
        }
        Expect(new TraceRequest { Networks = ["web"] }, TraceProblemKind.NetworkUnknown, "apps, bridge, lan");
        Expect(new TraceRequest { Networks = ["lan"] }, TraceProblemKind.NoBridge, "macvlan");
        Expect(new TraceRequest { Containers = ["nobody"] }, TraceProblemKind.ContainerUnknown, "both, naked, one");
        Expect(new TraceRequest { Containers = ["naked"] }, TraceProblemKind.NoBridge, "network host");
        Expect(new TraceRequest { Source = Cidr.Parse("10.9.9.9") }, TraceProblemKind.SourceUnknown, "apps 172.18.0.0/16");
    }

    [Fact]
    public void Ports_and_protocols_combine_with_those_of_a_word()
    {
        var request = new TraceRequest { Networks = ["apps"] }.To("Metadata").With("53,443", null);
        var questions = TraceQuestions.Of(request, Host).All;
        Assert.NotEmpty(questions);
        Assert.All(questions, question => Assert.Equal("tcp", question.Query.Protocol));
        // WireServer's ports are 80, 443 and 32526.
        var wireServer = Assert.Single(questions, question => question.Query.Destinations.Contains(Cidr.Parse("168.63.129.16")));
        Assert.Equal("443", wireServer.Query.Ports!.ToString());
        Assert.Contains(questions, question => question.Query.Ports!.ToString() is "53,443" && question.Query.Destinations.Contains(Cidr.Parse("169.254.169.254")));
        Assert.DoesNotContain(TraceQuestions.Of(new TraceRequest { Networks = ["apps"] }.To("Metadata").With(null, "udp"), Host).All, question => question.Query.Ports is not null);
    }

    [Fact]
    public void Ipv6_is_asked_about_as_far_as_it_goes()
    {
        var request = new TraceRequest();
        var six = TraceQuestions.Of(request, Host).All.Where(question => question.Query.Family == Family.IPv6).ToList();
        // docker0 has no IPv6 subnet: its containers reach the host by link-local addresses, and nothing beyond it.
        Assert.All(six.Where(question => question.Network is "bridge"), question => Assert.All(question.Query.Destinations, destination => Assert.Contains(Host.Addresses, address => address.Address == destination)));
        Assert.Contains(six, question => question.Network is "bridge" && question.Target is "Host");
        Assert.DoesNotContain(six, question => question.Network is "bridge" && question.Target is "Metadata");
        Assert.Contains(six, question => question.Network is "apps" && question.Target is "Metadata");
    }

    [Fact]
    public void A_network_without_IPv4_is_asked_about_in_IPv6()
    {
        var host = FixtureHost.Docker28.WithIPv6Only();
        var questions = TraceQuestions.Of(new TraceRequest { Networks = ["plain"] }, host).All;
        Assert.NotEmpty(questions);
        Assert.All(questions, question => Assert.Equal(Family.IPv6, question.Query.Family));
        Assert.All(TraceQuestions.Of(new TraceRequest { Containers = ["web"] }, host).All, question => Assert.Equal(Family.IPv6, question.Query.Family));
    }

    [Fact]
    public void A_part_has_the_sources_that_meet_its_end()
    {
        var host = FixtureHost.Docker20.WithIPv6().Ip6tables("-A INPUT -s fe80::/10 -i plain0 -j DROP", "-A INPUT -s fd18::/65 -i plain0 -p udp -j DROP");
        var question = Assert.Single(TraceQuestions.Of(new TraceRequest { Networks = ["plain"] }.To("fd18::1").With("22", "tcp"), host).All);
        Assert.Equal(
            ["Accept fd18::/64", "Drop fe80::/10"],
            new PacketWalk(host).Ask(question.Packets, "plain0").Select(part => $"{part.Verdict} {string.Join(' ', question.SourcesOf(part))}").Order(StringComparer.Ordinal));
        var udp = Assert.Single(TraceQuestions.Of(new TraceRequest { Networks = ["plain"] }.To("fd18::1").With("22", "udp"), host).All);
        // The bridge's own address does not belong to a container: the rest of the lower half of the subnet is many prefixes, and never the whole.
        var parts = new PacketWalk(host).Ask(udp.Packets, "plain0").ToDictionary(part => $"{part.Verdict} {part.Position}", udp.SourcesOf);
        Assert.Equal(["Accept 0", "Drop 1", "Drop 2"], parts.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(["fd18::8000:0:0:0/65"], parts["Accept 0"].Select(source => source.ToString()));
        Assert.DoesNotContain(parts["Drop 2"], source => source.Length <= 65 || parts["Accept 0"][0].Contains(source));
    }

    [Fact]
    public void Each_icmp_is_asked_about_in_its_family()
    {
        var both = new TraceRequest { Networks = ["apps"] }.To("1.2.3.4", "2001:db8::1");
        Assert.Equal(Family.IPv4, Assert.Single(TraceQuestions.Of(both.With(null, "icmp"), Host).All).Query.Family);
        Assert.Equal(Family.IPv6, Assert.Single(TraceQuestions.Of(both.With(null, "ipv6-icmp"), Host).All).Query.Family);
    }

    [Theory]
    [InlineData("80", "icmp")]
    [InlineData("80", "nonsense")]
    [InlineData("0", null)]
    [InlineData("http", null)]
    public void What_cannot_be_asked_is_refused(string ports, string? protocol) =>
        Assert.Throws<RefusedValueException>(() => new TraceRequest().With(ports, protocol));

    [Fact]
    public void An_invalid_destination_is_refused() =>
        Assert.Throws<RefusedValueException>(() => new TraceRequest().To("Metadata", "example.org"));
}
