using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Planning;
using DockerNetHarden.Docker;
using DockerNetHarden.Effects;
using DockerNetHarden.Export;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Effects;

/// <summary>Rules of controls that only report, in plans, in policies and as Get-BlockedAccess counts them.</summary>
public sealed class ReportTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 30, 12, 0, 0, TimeSpan.Zero);

    public static TheoryData<Control> Controls =>
    [
        new MetadataAccess(), new MetadataAccess { Provider = "gcp", Network = new NetworkReference("apps") }, new HostAccess(), new HostAccess { Action = RuleAction.Drop, Log = true },
        new InternalAccess { Network = new NetworkReference("apps") }, new InternalAccess { AllowAddresses = [Cidr.Parse("10.0.0.7")] }, new SmtpRate(), new SmtpRate { PerContainer = true },
    ];

    [Theory]
    [MemberData(nameof(Controls))]
    public void A_control_that_only_reports_has_the_same_marks_and_no_rule_that_decides(Control control)
    {
        ArgumentNullException.ThrowIfNull(control);
        var (blocks, reports) = (control.Rules(), (control with { ReportOnly = true }).Rules());
        Assert.Equal(blocks.Select(static rule => rule.Mark).Distinct(), reports.Select(static rule => rule.Mark).Distinct());
        Assert.All(reports, static rule => Assert.True(rule.Action is RuleAction.Report or RuleAction.Return && VerdictChain.IsOfReport(rule) && rule.Connections is null && rule.Table + rule.Chain is not "manglePOSTROUTING"));
        Assert.Contains(reports, static rule => rule.Action == RuleAction.Report);
        // A connection counts once.
        Assert.All(reports.Where(static rule => rule.Action == RuleAction.Report), static rule => Assert.True(rule.ConnectionState is "NEW" || rule.TcpFlags is not null));
        Assert.All(reports, static rule => Assert.Equal(rule, FirewallRule.Parse(rule.ToString())));
    }

    [Theory]
    [MemberData(nameof(Controls))]
    public void Turning_it_on_replaces_the_reports_and_turning_it_off_warns(Control control)
    {
        ArgumentNullException.ThrowIfNull(control);
        var host = Host();
        var reporting = Plan.From((control with { ReportOnly = true }).Rules(), host);
        Assert.DoesNotContain(reporting.Warnings, static warning => warning.Contains("only reports", StringComparison.Ordinal));
        var reported = host.After(reporting.Steps.Select(static step => (step.Family, step.Restore)));
        Assert.True(Plan.From((control with { ReportOnly = true }).Rules(), reported) is { IsEmpty: true, Problems.Count: 0 });
        Assert.Contains(reported.Rules[Family.IPv4].ChainsOf("filter"), static chain => chain.Name == "DNH-REPORT");

        var enforced = Plan.From(control.Rules(), reported);
        var closed = reported.After(enforced.Steps.Select(static step => (step.Family, step.Restore)));
        Assert.DoesNotContain(closed.Rules.Values.SelectMany(static rules => rules.AllRules), static line => line.Text.Contains("REPORT", StringComparison.OrdinalIgnoreCase));
        Assert.True(Plan.From(control.Rules(), closed) is { IsEmpty: true, Problems.Count: 0 });
        Assert.Contains(Plan.From((control with { ReportOnly = true }).Rules(), closed).Warnings, static warning => warning.Contains("only reports after this", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Controls))]
    public void A_policy_of_the_host_keeps_that_it_only_reports(Control control)
    {
        ArgumentNullException.ThrowIfNull(control);
        var host = Host();
        var reporting = control with { ReportOnly = true };
        var captured = PolicyCapture.Of(host.After(Plan.From(reporting.Rules(), host).Steps.Select(static step => (step.Family, step.Restore))));
        Assert.Empty(captured.SingleRules);
        Assert.Equal(reporting.Rules().Order(Texts), Assert.Single(captured.Controls).Rules().Order(Texts));
    }

    [Fact]
    public void Saved_and_exported_rules_bring_their_log_and_decide_nothing()
    {
        var rules = new MetadataAccess { Provider = "gcp", ReportOnly = true }.Rules();
        var host = Host();
        var saved = SavedRules.Of(host.After(Plan.From(rules, host).Steps.Select(static step => (step.Family, step.Restore))));
        Assert.Equal(saved, SavedRules.Parse(saved.ToText()));
        Assert.Contains("-A DNH-REPORT -m limit --limit 1/sec --limit-burst 100 -m comment --comment DockerNetHarden -j LOG --log-prefix \"DNH-REPORT \"", saved.ToText(), StringComparison.Ordinal);
        Assert.DoesNotContain("-j DROP", saved.ToText(), StringComparison.Ordinal);
        Assert.DoesNotContain("-j REJECT", saved.ToText(), StringComparison.Ordinal);
        var nft = FirewallExport.Of(ExportFormat.Nftables, rules).Texts[0].Text;
        Assert.Contains("counter limit rate 1/second burst 100 packets log prefix \"DNH-REPORT \" comment \"DockerNetHarden:MetadataAccess/gcp report-only\"", nft, StringComparison.Ordinal);
        Assert.DoesNotContain("opened_", nft, StringComparison.Ordinal);
        Assert.Contains("DNH-REPORT", FirewallExport.Of(ExportFormat.IptablesRestore, rules).Texts[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_only_reports_comes_after_all_that_decides()
    {
        var wide = new InternalAccess();
        var narrow = new InternalAccess { Network = new NetworkReference("apps"), AllowAddresses = [Cidr.Parse("10.0.0.7")], ReportOnly = true };
        var host = Host();
        var after = host.After(Plan.From([.. narrow.Rules(), .. wide.Rules()], host).Steps.Select(static step => (step.Family, step.Restore)));
        var lines = OurChain.OfHost(after).First(static chain => chain is { Control: "InternalAccess", Family: Family.IPv4, Hook.Table: "filter" }).Lines;
        var first = lines.ToList().FindIndex(static line => VerdictChain.IsOfReport(line.Rule));
        Assert.InRange(first, 1, lines.Count - 1);
        Assert.All(lines.Skip(first), static line => Assert.True(VerdictChain.IsOfReport(line.Rule)));
    }

    [Fact]
    public void Only_a_rule_that_blocks_has_something_to_report()
    {
        var rule = Assert.Single(ReportingRules.Of([FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.7 -p tcp --dport 5432 -j REJECT")]));
        Assert.Equal("-A DOCKER-USER -d 10.0.0.7/32 -p tcp -m tcp --dport 5432 -m conntrack --ctstate NEW -m comment --comment \"DockerNetHarden:Custom report-only\" -j DNH-REPORT", rule.ToString());
        Assert.Contains("ReportOnly", Assert.Throws<RefusedValueException>(() => ReportingRules.Of([FirewallRule.Parse("-A DOCKER-USER -d 10.0.0.7 -j ACCEPT")]).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Counts_are_the_counters_and_containers_are_those_of_the_newest_lines()
    {
        var host = Counted(5);
        // One line is older than the counter, and one packet is told by two rules.
        string[] lines =
        [
            Line(10, "172.18.0.3", 1), Line(20, "172.18.0.2", 2), Line(20.001, "172.18.0.2", 2), Line(21, "172.18.0.2", 3), Line(22, "172.18.0.9", 4), Line(23, "172.18.0.2", 5), Line(24, "172.18.0.2", 6), "[   25.0] usb 1-1: new device",
        ];
        var met = MetByRules.Of(host, KernelLog.Parse(string.Join('\n', lines), "100.0 50.0", Now));
        Assert.Equal([("web", 4L, (string?)null), (null, 1L, "No running container has this address.")], met.Select(static each => (each.Container, each.Count, each.Note)));
        Assert.All(met, static each => Assert.Equal(("apps", "169.254.169.254", "80", "tcp", "MetadataAccess/aws", true), (each.Network, each.Destination, each.Port, each.Protocol, each.Control, each.ReportOnly)));
        Assert.Equal(Now.AddSeconds(-76), met[0].LastSeen);
        Assert.Equal("web on apps -> 169.254.169.254:80/tcp, 4 would be blocked by MetadataAccess/aws", met[0].ToString());
    }

    [Theory]
    [InlineData(null, "has no more lines")]
    [InlineData("dmesg: read kernel buffer failed: Operation not permitted", "could not be read (dmesg: read kernel buffer failed: Operation not permitted)")]
    public void What_no_line_tells_comes_without_a_container_and_says_why(string? unread, string why)
    {
        var log = unread is null ? KernelLog.Parse(Line(20, "172.18.0.2", 2), "100.0", Now) : new KernelLog([], unread);
        var met = MetByRules.Of(Counted(5), log);
        Assert.Equal(5, met.Sum(static each => each.Count));
        Assert.Null(met[^1].Container);
        Assert.Contains(why, met[^1].Note, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_in_ipv6_and_one_without_a_time_are_read()
    {
        var packet = Assert.Single(KernelLog.Parse("DNH-REPORT IN=apps0 OUT=eth0 MAC=02:42 SRC=fd17:0000:0000:0000:0000:0000:0000:0002 DST=fd00:0ec2:0000:0000:0000:0000:0000:0254 LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=7 PROTO=TCP SPT=5 DPT=80 SYN URGP=0 ", "", Now).Packets);
        Assert.Equal((Cidr.Parse("fd17::2"), Cidr.Parse("fd00:ec2::254"), 80, (DateTimeOffset?)null, "7"), (packet.Source, packet.Destination, packet.Port!.Value, packet.At, packet.Id));
        Assert.Empty(KernelLog.Parse("[ 1.0] other DNH-REPORT IN=apps0 SRC=10.0.0.1 DST=10.0.0.2", "2.0", Now).Packets);
    }

    private static Comparer<FirewallRule> Texts { get; } = Comparer<FirewallRule>.Create(static (one, other) => string.CompareOrdinal(one.ToString(), other.ToString()));

    private static HostSnapshot Host() => Planning.Snapshots.Host() with
    {
        Containers = [new DockerContainer { Id = "1", Name = "web", State = "running", Addresses = [new ContainerAddress("apps", Cidr.Parse("172.18.0.2"), null)] }],
    };

    // The control reports, and its rule about 169.254.169.254 has counted.
    private static HostSnapshot Counted(int packets)
    {
        var host = Host();
        var after = host.After(Plan.From(new MetadataAccess { Provider = "aws", ReportOnly = true }.Rules(), host).Steps.Select(static step => (step.Family, step.Restore)));
        var line = after.Rules[Family.IPv4].AllRules.First(static line => line is { Table: "filter", Target: "DNH-REPORT" } && !line.Text.Contains("ctorigdst", StringComparison.Ordinal));
        var lines = after.Rules[Family.IPv4]["filter", line.Chain].Select(each => each.Equals(line) ? each with { Packets = packets, Bytes = packets * 60 } : each).ToList();
        var empty = after.Rules[Family.IPv4].WithRules("filter", line.Chain, []);
        return after with { Rules = after.Rules.Select(pair => pair.Key == Family.IPv4 ? new(Family.IPv4, empty.WithRules("filter", line.Chain, lines)) : pair).ToDictionary() };
    }

    private static string Line(double at, string source, int id) => FormattableString.Invariant(
        $"[{at,12:0.000000}] DNH-REPORT IN=apps0 OUT=eth0 PHYSIN=veth1 MAC=02:42 SRC={source} DST=169.254.169.254 LEN=60 TOS=0x00 PREC=0x00 TTL=63 ID={id} DF PROTO=TCP SPT=4{id:0000} DPT=80 WINDOW=64240 RES=0x00 SYN URGP=0 ");
}
