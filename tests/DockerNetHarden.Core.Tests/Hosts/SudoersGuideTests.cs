using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>docs/guides/sudoers.md has each form of command that the programs run with sudo, and no other.</summary>
public sealed class SudoersGuideTests
{
    // The same form for each of the files that only root may read.
    private static readonly string[] SavedFiles = ["/usr/bin/cat /etc/docker-net-harden/saved", "/usr/bin/cat /etc/sysconfig/iptables", "/usr/bin/cat /etc/sysconfig/ip6tables"];

    private static readonly string[] Prefixes = ["iptables", "ip6tables", "iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"];

    // A form in the code, and what it becomes for a prefix.
    private static readonly Dictionary<string, string> Forms = new(StringComparer.Ordinal)
    {
        ["\"$1-save\""] = "/usr/sbin/{0}-save \"\"",
        ["\"$1-save\" -c"] = "/usr/sbin/{0}-save -c",
        ["\"$3-save\" -c"] = "/usr/sbin/{0}-save -c",
        ["\"$4-save\" -c"] = "/usr/sbin/{0}-save -c",
        ["\"$p-save\" -c"] = "/usr/sbin/{0}-save -c",
        ["\"$1-restore\" --noflush --counters --wait 10"] = "/usr/sbin/{0}-restore --noflush --counters --wait 10",
        ["\"$p-restore\" --noflush --counters --wait 10"] = "/usr/sbin/{0}-restore --noflush --counters --wait 10",
        ["\"$1\" -w 10 -t \"$2\" -N \"$3\""] = "/usr/sbin/{0} -w 10 -t filter -N DOCKER-USER",
        ["cat /proc/net/nf_conntrack"] = "/usr/bin/cat /proc/net/nf_conntrack",
        ["dmesg"] = "/usr/bin/dmesg \"\"",
        ["cat \"$dnh_config\""] = "/usr/bin/cat /etc/docker/daemon.json",
    };

    // Names of our sets are of one form; one that is being filled has an end of its own.
    private static readonly string Set = "DNH-[46]-" + string.Concat(Enumerable.Repeat("[0-9a-f]", 12));

    [Fact]
    public void What_is_run_by_sudo_is_what_the_guide_allows()
    {
        var tool = new IptablesTool(IptablesBackend.Nft, "iptables v1.8.9 (nf_tables)", "iptables", "ip6tables");
        var step = new PlanStep(Family.IPv4, "filter", "*filter\n-F DNH-X\nCOMMIT\n", "*filter\nCOMMIT\n");
        var write = WritingProgram.Of(
            new WriteRequest { Tool = tool, Steps = [step, step], Premises = [new PlanPremise(Family.IPv4, "filter", "")], NewChains = [new NewChain(Family.IPv4, "filter", "DOCKER-USER")], NewTables = [new PlanTable(Family.IPv4, "filter")], Nft = new NftChange("", "", [], []), HasNft = true, Sets = new SetChange([], [AddressSet.Of([Cidr.Parse("10.0.0.0/8")])], [], ["x"]) }, TimeSpan.FromSeconds(1));
        var code = ReadingProgram.Whole(ReadingProgram.Begin()).Build(TimeSpan.FromSeconds(1)).Text + ReadingProgram.Logged(ReadingProgram.Begin()).Build(TimeSpan.FromSeconds(1)).Text + write.Text + RollbackProgram.Arm + RollbackProgram.Disarm + RollbackProgram.Ask + RollbackTimer.Code;
        var used = Regex.Matches(code, @"(?<=(^|[ (])\$S )\S[^<>)|&\n]*", RegexOptions.Multiline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1))
            .Select(static match => Regex.Replace(match.Value, "( 2| \\|\\|.*)$", "", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1)).Trim())
            .Where(static form => !form.StartsWith('='))
            .ToHashSet(StringComparer.Ordinal);
        var expected = used.SelectMany(form => form is "ipset save \"$n\"" ? ["/usr/sbin/ipset save " + Set] : form is "ipset destroy \"$n\"" ? ["/usr/sbin/ipset destroy " + Set, $"/usr/sbin/ipset destroy {Set}-x"] : form is "cat \"$1\"" ? SavedFiles : form.StartsWith("nft ", StringComparison.Ordinal) && form.Contains("$2", StringComparison.Ordinal) ? Tables(form) : Forms.TryGetValue(form, out var line)
            ? Prefixes.Select(prefix => string.Format(System.Globalization.CultureInfo.InvariantCulture, line, prefix))
            : [$"/usr/sbin/{form}"]);
        Assert.Equal(expected.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal), Allowed().Order(StringComparer.Ordinal));
    }

    // The forms of nft, for each table that we write.
    private static IEnumerable<string> Tables(string form) =>
        from family in new[] { "ip", "ip6" }
        from table in Hook.Tables
        select "/usr/sbin/" + form.Replace("\"", "", StringComparison.Ordinal).Replace("$2", family, StringComparison.Ordinal).Replace("$3", table, StringComparison.Ordinal);

    private static IEnumerable<string> Allowed()
    {
        var guide = DockerNetHarden.Tests.ProjectRoot.Read("docs", "guides", "sudoers.md");
        var block = Regex.Match(guide, "(?<=^```sudoers\n).*?(?=^```$)", RegexOptions.Multiline | RegexOptions.Singleline, TimeSpan.FromSeconds(1)).Value;
        return Regex.Matches(block, "/usr/s?bin/[^,\\\\\n]+", RegexOptions.None, TimeSpan.FromSeconds(1)).Select(static match => match.Value.Trim());
    }
}
