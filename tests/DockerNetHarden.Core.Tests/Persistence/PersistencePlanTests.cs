using System.Text;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Core.Tests.Hosts;
using DockerNetHarden.Persistence;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Persistence;

public sealed class PersistencePlanTests
{
    private const string Sysconfig = "# sample\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\nCOMMIT\n";

    private static readonly SavedRules Rules = SavedRules.Of(SavedRulesTests.Hardened([FirewallRule.Parse("-A DOCKER-USER -d 10.9.9.9 -j DROP"), FirewallRule.Parse("-A INPUT -i docker0 -p tcp --dport 5000 -j DROP")]));

    [Theory]
    [InlineData(PersistenceMethod.Systemd, "systemd", "netfilter-persistent", "iptables-services")]
    [InlineData(PersistenceMethod.NetfilterPersistent, "netfilter-persistent", "iptables-services")]
    [InlineData(PersistenceMethod.IptablesServices, "iptables-services")]
    public void Auto_takes_what_the_host_has_and_prefers_systemd(PersistenceMethod expected, params string[] systems) =>
        Assert.Equal(expected, PersistencePlan.Keep(Rules, Files(Sysconfig, systems), PersistenceMethod.Auto).Method);

    [Theory]
    [InlineData(PersistenceMethod.Auto)]
    [InlineData(PersistenceMethod.NetfilterPersistent)]
    [InlineData(PersistenceMethod.IptablesServices)]
    public void A_method_that_the_host_lacks_is_an_error_that_names_another(PersistenceMethod method) =>
        Assert.Contains("-Method Systemd", Assert.Throws<PersistenceException>(() => PersistencePlan.Keep(Rules, Files(null), method)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(PersistenceMethod.Systemd)]
    [InlineData(PersistenceMethod.NetfilterPersistent)]
    [InlineData(PersistenceMethod.IptablesServices)]
    public void Nothing_is_written_twice_and_removal_leaves_nothing_behind(PersistenceMethod method)
    {
        var before = Files(Sysconfig, "systemd", "netfilter-persistent", "iptables-services");
        var plan = PersistencePlan.Keep(Rules, before, method);
        Assert.False(plan.IsEmpty);
        var after = Carry(plan, before);
        Assert.True(PersistencePlan.Keep(Rules, after, method).IsEmpty);
        Assert.Equal(method, PersistencePlan.MethodOf(after));
        var gone = Carry(PersistencePlan.Nothing(after), after);
        Assert.Null(PersistencePlan.MethodOf(gone));
        Assert.Equal(["/etc/sysconfig/iptables"], gone.Texts.Keys.Where(path => gone.Texts[path].Length > 0));
        Assert.Empty(gone.Links);
        Assert.True(PersistencePlan.Nothing(gone).IsEmpty);
    }

    [Fact]
    public void A_new_method_replaces_the_one_before()
    {
        var before = Files(Sysconfig, "systemd", "netfilter-persistent", "iptables-services");
        foreach (var method in new[] { PersistenceMethod.IptablesServices, PersistenceMethod.Systemd, PersistenceMethod.NetfilterPersistent, PersistenceMethod.Systemd })
        {
            before = Carry(PersistencePlan.Keep(Rules, before, method), before);
            Assert.Equal(method, PersistencePlan.MethodOf(before));
        }
        Assert.DoesNotContain("DNH-", before.Texts["/etc/sysconfig/iptables"], StringComparison.Ordinal);
    }

    [Fact]
    public void In_the_file_of_iptables_services_the_administrators_lines_stay_and_ours_are_asked_first()
    {
        var before = Files(Sysconfig, "iptables-services");
        var text = Carry(PersistencePlan.Keep(Rules, before, PersistenceMethod.Auto), before).Texts["/etc/sysconfig/iptables"];
        foreach (var line in Sysconfig.Split('\n'))
            Assert.Contains(line + "\n", text + "\n", StringComparison.Ordinal);
        Assert.True(text.IndexOf("-A INPUT -m comment --comment DockerNetHarden -j", StringComparison.Ordinal) < text.IndexOf("--dport 22", StringComparison.Ordinal));
        Assert.Contains(":DOCKER-USER - [0:0]\n", text, StringComparison.Ordinal);
        Assert.Contains("-A FORWARD -j DOCKER-USER\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_set_that_could_be_missing_may_not_keep_the_administrators_rules_out()
    {
        var rules = SavedRules.Of(SavedRulesTests.Hardened([FirewallRule.Parse("-A DOCKER-USER -m set --match-set bad dst -j DROP")]));
        Assert.Contains("bad", Assert.Throws<PersistenceException>(() => PersistencePlan.Keep(rules, Files(Sysconfig, "iptables-services"), PersistenceMethod.Auto)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_not_a_save_output_is_left_alone_unless_it_has_to_be_written()
    {
        var broken = Files("this is no rule\n", "systemd", "iptables-services");
        Assert.Equal(PersistenceMethod.Systemd, PersistencePlan.Keep(Rules, broken, PersistenceMethod.Systemd).Method);
        Assert.Contains("/etc/sysconfig/iptables", Assert.Throws<PersistenceException>(() => PersistencePlan.Keep(Rules, broken, PersistenceMethod.IptablesServices)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_is_compared_with_what_it_saved()
    {
        var host = SavedRulesTests.Hardened([FirewallRule.Parse("-A DOCKER-USER -d 10.9.9.9 -j DROP")]);
        Assert.Null(SavedComparison.Of(host));
        var none = SavedComparison.Of(host with { Saved = Files(null) })!;
        Assert.Equal((null, false), (none.Method, none.IsSame));
        Assert.Contains("10.9.9.9", Assert.Single(none.NotSaved), StringComparison.Ordinal);

        var files = Carry(PersistencePlan.Keep(SavedRules.Of(host), Files(null), PersistenceMethod.Systemd), Files(null));
        Assert.True(SavedComparison.Of(host with { Saved = files })!.IsSame);
        Assert.False(SavedComparison.Of(host with { Saved = files with { Links = [] } })!.IsSame);
        var other = SavedComparison.Of(SavedRulesTests.Hardened([FirewallRule.Parse("-A DOCKER-USER -d 10.9.9.8 -j DROP")]) with { Saved = files })!;
        Assert.Contains("10.9.9.9", Assert.Single(other.NotApplied), StringComparison.Ordinal);
        Assert.Contains("10.9.9.8", Assert.Single(other.NotSaved), StringComparison.Ordinal);
        var broken = SavedComparison.Of(host with { Saved = files with { Texts = new Dictionary<string, string>(files.Texts) { ["/etc/docker-net-harden/saved"] = "?" } } })!;
        Assert.False(broken.IsSame);
        Assert.NotNull(broken.Error);
    }

    [Fact]
    public void The_audit_says_whether_the_host_comes_back_as_it_is()
    {
        var host = SavedRulesTests.Hardened([FirewallRule.Parse("-A DOCKER-USER -d 10.9.9.9 -j DROP")]);
        var files = Carry(PersistencePlan.Keep(SavedRules.Of(host), Files(null), PersistenceMethod.Systemd), Files(null));
        Assert.Equal(FindingStatus.NotApplicable, Finding(host).Status);
        Assert.Equal(FindingStatus.NotApplicable, Finding(Planning.Snapshots.Host() with { Saved = Files(null) }).Status);
        Assert.Equal(FindingStatus.Pass, Finding(host with { Saved = files }).Status);
        Assert.Contains("1 rules", Assert.Single(Finding(host with { Saved = Files(null) }).Evidence), StringComparison.Ordinal);
        Assert.Contains("nothing loads", Assert.Single(Finding(host with { Saved = files with { Links = [] } }).Evidence), StringComparison.Ordinal);
        var other = Finding(Planning.Snapshots.Host() with { Saved = files });
        Assert.Equal(FindingStatus.Warning, other.Status);
        Assert.Contains("Saved but not applied: iptables -A DNH-CUSTOM", Assert.Single(other.Evidence), StringComparison.Ordinal);

        static HardeningFinding Finding(HostSnapshot snapshot) => HardeningAudit.Of(snapshot).Single(static finding => finding.Id == "RULES-SAVED");
    }

    [Theory]
    [MemberData(nameof(ShellFacts.Shells), MemberType = typeof(ShellFacts))]
    public async Task Every_shell_can_read_the_loader(string shell)
    {
        var loader = PersistencePlan.Keep(Rules, Files(null), PersistenceMethod.Systemd).Write.Single(file => file.Path.EndsWith("loader", StringComparison.Ordinal)).Text;
        Assert.DoesNotContain('\r', loader);
        Assert.Equal("parsed\n", await ShellFacts.FeedAsync(shell, Encoding.UTF8.GetBytes("if false; then\n" + loader + "\nfi\necho parsed\n")));
    }

    private static SavedFiles Files(string? sysconfig, params string[] systems) => new()
    {
        Texts = sysconfig is null ? new Dictionary<string, string>() : new Dictionary<string, string> { ["/etc/sysconfig/iptables"] = sysconfig },
        Systems = systems,
    };

    // The host's disk after the plan was carried out.
    private static SavedFiles Carry(PersistencePlan plan, SavedFiles now)
    {
        var texts = now.Texts.Where(file => !plan.Delete.Contains(file.Key)).ToDictionary();
        foreach (var file in plan.Write)
            texts[file.Path] = file.Text;
        return now with { Texts = texts, Links = [.. now.Links.Except(plan.Unlink), .. plan.Link] };
    }
}
