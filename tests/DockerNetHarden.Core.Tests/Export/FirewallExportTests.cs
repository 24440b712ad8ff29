using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Planning;
using DockerNetHarden.Export;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Export;

public sealed class FirewallExportTests
{
    private static readonly IReadOnlyList<FirewallRule> Literal = new MetadataAccess { Provider = "Gcp" }.Rules();

    public static TheoryData<ExportFormat> Formats => [.. Enum.GetValues<ExportFormat>()];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Literal_rules_need_no_host_and_come_to_the_same_text_each_time(ExportFormat format)
    {
        Assert.Null(FirewallExport.NeedsHost(Literal));
        var text = FirewallExport.Of(format, Literal).Texts[0].Text;
        Assert.Contains("169.254.169.254", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', text);
        Assert.Equal(text, FirewallExport.Of(format, Literal).Texts[0].Text);
    }

    [Theory]
    [InlineData("-A INPUT -i docker:bridges -j DROP", "docker:bridges")]
    [InlineData("-A DOCKER-USER -i network:web -j DROP", "network:web")]
    [InlineData("-A INPUT -i docker0 -d docker:resolvers -p udp --dport 53 -j RETURN", "docker:resolvers")]
    [InlineData("-A INPUT -i docker0 --dport docker:published -j RETURN", "docker:published")]
    public void What_only_a_host_knows_is_named_where_no_host_was_read(string rule, string operand)
    {
        IReadOnlyList<FirewallRule> rules = [FirewallRule.Parse(rule)];
        Assert.Equal(operand, FirewallExport.NeedsHost(rules));
        var error = Assert.Throws<PlanException>(() => FirewallExport.Of(ExportFormat.Shell, rules));
        Assert.Equal(PlanFailure.UnresolvedOperand, error.Failure);
        Assert.Contains($"'{operand}'", error.Message, StringComparison.Ordinal);
        Assert.Contains("fixed bridge name", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void On_a_host_the_operands_are_its_bridges_and_its_own_rules_are_no_part_of_it()
    {
        var host = Core.Tests.Planning.Snapshots.Host();
        host = host.After(Plan.From(new SmtpRate().Rules(), host).Steps.Select(step => (step.Family, step.Restore)));
        var text = FirewallExport.Of(ExportFormat.Shell, new HostAccess().Rules(), host).Texts[0].Text;
        Assert.Contains("-i apps0 ", text, StringComparison.Ordinal);
        Assert.Contains("-d 10.0.0.2/32 -p udp -m udp --dport 53", text, StringComparison.Ordinal);
        Assert.DoesNotContain("DNH-SMTP", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_could_lock_somebody_out_is_written_with_force_only()
    {
        IReadOnlyList<FirewallRule> rules = [FirewallRule.Parse("-A INPUT -p tcp --dport 22 -j DROP")];
        Assert.Equal(PlanFailure.NeedsForce, Assert.Throws<PlanException>(() => FirewallExport.Of(ExportFormat.Nftables, rules)).Failure);
        Assert.Contains("dport 22", FirewallExport.Of(ExportFormat.Nftables, rules, force: true).Texts[0].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Iptables_restore_has_a_text_for_each_family()
    {
        var export = FirewallExport.Of(ExportFormat.IptablesRestore, [.. Literal, FirewallRule.Parse("-6 -A INPUT -i web0 -j DROP")]);
        Assert.Equal([".v4", ".v6"], export.Texts.Select(text => text.Suffix));
        var (four, six) = (export.Texts[0].Text, export.Texts[1].Text);
        Assert.Contains("*mangle\n:DNH-METADATA - [0:0]\n", four, StringComparison.Ordinal);
        Assert.Contains("-I DOCKER-USER -m comment --comment DockerNetHarden -j DNH-METADATA\n", four, StringComparison.Ordinal);
        // A declaration would flush Docker's chain.
        Assert.DoesNotContain(":DOCKER-USER", four, StringComparison.Ordinal);
        Assert.Contains("ip6tables-restore --noflush", six, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ExportFormat.Ansible)]
    [InlineData(ExportFormat.CloudInit)]
    public void The_files_of_other_engines_are_those_that_saving_writes(ExportFormat format)
    {
        var lines = FirewallExport.Of(format, Literal).Texts[0].Text.Split('\n').Select(line => line.TrimStart()).ToHashSet(StringComparer.Ordinal);
        var host = Core.Tests.Planning.Snapshots.Host();
        var saved = SavedRules.Of(host.After(Plan.From(Literal, host).Steps.Select(step => (step.Family, step.Restore)))).ToText();
        // A host prints a single address without its length there.
        saved = saved.Replace("--ctorigdst 169.254.169.254/32", "--ctorigdst 169.254.169.254", StringComparison.Ordinal).Replace("--ctorigdst 169.254.169.252/32", "--ctorigdst 169.254.169.252", StringComparison.Ordinal);
        foreach (var text in new[] { saved, PersistencePaths.LoaderFile.Text, PersistencePaths.UnitFiles[0].Text, PersistencePaths.UnitFiles[1].Text })
            Assert.Empty(text.Split('\n').Select(line => line.TrimStart()).Except(lines, StringComparer.Ordinal));
    }

    [Fact]
    public void Nothing_in_a_rule_ends_its_place_in_a_text()
    {
        var rules = new[] { "DNH_RULES", "DNH_SAVED", "{{ lookup('pipe', 'id') }}", "$(id)", "x: y # z" }
            .Select(text => FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Destination"] = "10.99.0.1", ["Action"] = "Drop", ["Comment"] = text })).ToList();
        foreach (var format in Enum.GetValues<ExportFormat>())
        {
            var lines = FirewallExport.Of(format, rules).Texts[0].Text.Split('\n');
            Assert.Equal(rules.Count, lines.Count(line => line.Contains("10.99.0.1", StringComparison.Ordinal)));
            Assert.True(lines.Count(line => line.Trim() is "DNH_RULES" or "DNH_SAVED") <= 1);
        }
    }

    [Fact]
    public void Sets_and_large_user_data_are_warned_of()
    {
        Assert.Contains("ipset create bad", Assert.Single(FirewallExport.Of(ExportFormat.Shell, [FirewallRule.Parse("-A DOCKER-USER -m set --match-set bad dst -j DROP")]).Warnings), StringComparison.Ordinal);
        Assert.Contains("16384", Assert.Single(FirewallExport.Of(ExportFormat.CloudInit, [.. new MetadataAccess { Log = true }.Rules(), .. Enumerable.Range(1, 99).Select(port => FirewallRule.Parse($"-A DOCKER-USER -p tcp --dport {port} -j DROP"))]).Warnings), StringComparison.Ordinal);
    }
}
