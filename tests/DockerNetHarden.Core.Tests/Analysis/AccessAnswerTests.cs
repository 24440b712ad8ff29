using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>What a trace says to a person: rows that mean one thing, with their own ports, what is open first.</summary>
public sealed class AccessAnswerTests
{
    private static readonly HostSnapshot Bare = FixtureHost.Docker20;
    private static readonly HostSnapshot Hardened = Bare.Applied([.. new MetadataAccess().Rules(), .. new HostAccess { AllowPorts = [PortSpec.Parse("8080/tcp", "AllowPort")] }.Rules()]);

    [Fact]
    public void An_exception_is_named_with_its_control_and_its_services()
    {
        var rows = Rows(Hardened, "169.254.169.254");
        Assert.Equal([AccessState.Exception, AccessState.Closed], rows.Select(row => row.State));
        Assert.Equal("DNS and NTP stay open, MetadataAccess exception", rows[0].Why);
        Assert.Equal((Verdict.Accept, "tcp, udp", "123,53/udp, 53/tcp"), (rows[0].Verdict, rows[0].Protocol, Sorted(rows[0].Port)));
        Assert.Equal((Verdict.Reject, null, "all but 123,53/udp, 53/tcp"), (rows[1].Verdict, rows[1].Protocol, "all but " + Sorted(rows[1].Port!["all but ".Length..])));
        Assert.StartsWith("filter DNH-METADATA", rows[1].DecidedBy, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_have_their_own_ports_and_not_those_of_the_question()
    {
        var rows = Rows(Hardened, "10.0.0.5");
        var open = rows.Single(row => row.State == AccessState.Exception && row.Port!.Contains("8080", StringComparison.Ordinal));
        Assert.Contains("HostAccess exception", open.Why, StringComparison.Ordinal);
        Assert.Equal(AccessState.Closed, rows[^1].State);
        Assert.StartsWith("all but ", rows[^1].Port, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_control_nothing_is_an_exception()
    {
        // Only the exceptions are there, and nothing is closed.
        var exceptions = new MetadataAccess().Rules().Where(rule => rule.Action is RuleAction.Return).ToList();
        Assert.NotEmpty(exceptions);
        Assert.Equal([AccessState.Open], Rows(Bare, "169.254.169.254").Select(row => row.State));
        Assert.Equal([AccessState.Open], Rows(Bare.Applied(exceptions), "169.254.169.254").Select(row => row.State));
    }

    [Fact]
    public void What_nobody_serves_here_is_not_open()
    {
        var row = Assert.Single(Rows(Bare, "169.254.170.2"));
        Assert.Equal((AccessState.NotServed, "not served on this host"), (row.State, row.Why));
        Assert.StartsWith("Not served on this host", row.Parts[0].Part.Reason, StringComparison.Ordinal);
        // Behind an agent's redirection it is.
        var redirected = Bare.Iptables("-t nat -A PREROUTING -p tcp -d 169.254.170.2/32 --dport 80 -j DNAT --to-destination 127.0.0.1:51679").Sysctl("net.ipv4.conf.all.route_localnet", "1");
        Assert.Contains(Rows(redirected, "169.254.170.2:80"), open => open.State == AccessState.Open);
        // And an address that clouds answer at is never "not served".
        Assert.Equal(AccessState.Open, Rows(Bare, "169.254.169.254")[0].State);
    }

    [Fact]
    public void What_is_open_comes_first_and_the_rows_are_the_whole_answer()
    {
        var rows = AccessRow.Of(Answers(Hardened, new TraceRequest()));
        Assert.Equal(rows.Select(row => row.State).Order(), rows.Select(row => row.State));
        Assert.Equal(rows.Select(row => (row.Parts[0].Question.Network, row.Parts[0].Question.Target, row.State, row.Verdict, row.Parts[0].Exception)).Distinct().Count(), rows.Count);
        var walk = new PacketWalk(Hardened);
        foreach (var question in TraceQuestions.Of(new TraceRequest(), Hardened).All)
        {
            var parts = new AccessAnswers(walk).Of(question).Select(answer => answer.Part.Packets).ToList();
            Assert.True(parts.Aggregate((one, other) => one.Union(other)).SetEquals(question.Packets));
            for (var i = 0; i < parts.Count; i++)
                Assert.All(parts.Skip(i + 1), other => Assert.True(parts[i].Intersect(other).IsEmpty));
        }
    }

    [Fact]
    public void A_rule_of_the_users_own_that_accepts_is_an_exception_with_its_mark()
    {
        var rule = FirewallRule.Parse("iptables -A INPUT -i plain0 -p tcp --dport 5432 -m comment --comment DockerNetHarden:Custom/db -j ACCEPT");
        var rows = Rows(Bare.Applied([rule]), "10.0.0.5:5432");
        Assert.Equal((AccessState.Exception, "Custom/db"), (rows[0].State, rows[0].Parts[0].Exception));
    }

    [Theory]
    [InlineData("10.0.0.5:5432", "10.0.0.5", "5432", "tcp")]
    [InlineData("10.0.0.5:53/udp", "10.0.0.5", "53", "udp")]
    [InlineData("10.0.0.0/8:80,443", "10.0.0.0/8", "80,443", "tcp")]
    [InlineData("[fd00::5]:1000-2000/UDP", "fd00::5", "1000:2000", "udp")]
    [InlineData("Metadata:80", "Metadata", "80", "tcp")]
    [InlineData("fd00::5", "fd00::5", null, null)]
    [InlineData("::1", "::1", null, null)]
    public void A_destination_can_name_its_ports(string text, string place, string? ports, string? protocol)
    {
        var destination = TraceDestination.Parse(text);
        Assert.Equal((place, ports, protocol, text), (destination.Place, destination.Ports?.ToString(), destination.Protocol, destination.Text));
    }

    [Theory]
    [InlineData("10.0.0.5:")]
    [InlineData("10.0.0.5:http")]
    [InlineData("10.0.0.5:80/icmp")]
    [InlineData("10.0.0.5:70000")]
    [InlineData("example.org:80")]
    [InlineData("[fd00::5]")]
    [InlineData("fd00::5:80:x")]
    [InlineData(":80")]
    public void A_wrong_one_is_refused(string text) => Assert.Throws<RefusedValueException>(() => TraceDestination.Parse(text));

    [Fact]
    public void Ports_are_named_in_one_place()
    {
        Assert.Contains("10.0.0.5:80", Assert.Throws<RefusedValueException>(() => new TraceRequest().With("443", null).To("10.0.0.5:80")).Message, StringComparison.Ordinal);
        Assert.Throws<RefusedValueException>(() => new TraceRequest().To("10.0.0.5:80").With(null, "udp"));
        var question = Assert.Single(TraceQuestions.Of(new TraceRequest { Networks = ["plain"] }.To("10.0.0.5:53/udp"), Bare).All);
        Assert.Equal(("10.0.0.5:53/udp", "udp", "53"), (question.Target, question.Query.Protocol, question.Query.Ports!.ToString()));
    }

    [Fact]
    public void Services_are_named_shortly()
    {
        var every = PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = "any" });
        var all = ServiceSet.Of([every]);
        Assert.True(all.IsEverything);
        Assert.Null(all.Ports(all));
        Assert.Equal("80, 443", ServiceSet.Of([Set("tcp", "80"), Set("tcp", "443")]).Ports(all)?.Replace("80,443", "80, 443", StringComparison.Ordinal));
        Assert.Equal("53/tcp, 53/udp", ServiceSet.Of([Set("tcp", "53"), Set("udp", "53")]).Ports(all));
        Assert.Equal("all but 53/tcp, 53/udp", ServiceSet.Of([every.Subtract(Set("tcp", "53")).Subtract(Set("udp", "53"))]).Ports(all));
        Assert.Equal("all", ServiceSet.Of([Set("udp", null)]).Ports(all));
        Assert.Equal(["udp"], ServiceSet.Of([Set("udp", null)]).Names);
    }

    [Fact]
    public void Evidence_names_the_network_and_where_a_redirection_leads()
    {
        var host = Bare.Iptables("-t nat -A PREROUTING -p tcp -d 169.254.170.2/32 --dport 80 -j DNAT --to-destination 127.0.0.1:51679").Sysctl("net.ipv4.conf.all.route_localnet", "1");
        var evidence = HardeningAudit.Of(host).Single(finding => finding is { Id: "METADATA-AWS", Network: "plain" }).Evidence;
        Assert.Contains(evidence, line => line.Contains("from network plain (172.18.0.0/16) to 169.254.170.2 port 80, redirected to 127.0.0.1", StringComparison.Ordinal));
        // A part of the network is told by its addresses: the name would say too much.
        var part = Bare.Iptables("-I DOCKER-USER -s 172.18.0.0/17 -d 169.254.169.254/32 -j DROP");
        Assert.DoesNotContain(HardeningAudit.Of(part).Single(finding => finding is { Id: "METADATA-AWS", Network: "plain" }).Evidence, line => line.Contains("from network", StringComparison.Ordinal) && line.Contains("169.254.169.254", StringComparison.Ordinal));
    }

    private static PacketSet Set(string protocol, string? ports) =>
        PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = "any", Protocol = protocol, Ports = ports is null ? null : PortList.Parse(ports, "Port") });

    private static string Sorted(string? ports) => string.Join(", ", ports!.Split(", ").Select(item => string.Join(',', item.Split('/')[0].Split(',').Order(StringComparer.Ordinal)) + "/" + item.Split('/')[^1]).Order(StringComparer.Ordinal));

    private static IEnumerable<AccessAnswer> Answers(HostSnapshot host, TraceRequest request) => TraceQuestions.Of(request, host).All.SelectMany(new AccessAnswers(new PacketWalk(host)).Of);

    private static IReadOnlyList<AccessRow> Rows(HostSnapshot host, string destination) => AccessRow.Of(Answers(host, new TraceRequest { Networks = ["plain"] }.To(destination)));
}
