using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Lab.Tests.Iptables;

/// <summary>The reader and the writer against the real iptables-restore and iptables-save, on both backends.</summary>
public sealed class SaveTextOnTheKernelTests
{
    private static RuleLine Commented(string comment) => new(Family.IPv4, "filter", "X", ["-m", "comment", "--comment", comment, "-j", "RETURN"]);

    // Writes rules with our writer, restores them, and reads back what the kernel holds.
    private static Ruleset Restore(FirewallNamespace space, string backend, IReadOnlyList<RuleLine> rules)
    {
        var text = Ruleset.Parse(Family.IPv4, "").WithRules("filter", rules[0].Chain, rules).ToString();
        var (code, _, errors) = space.Run($"iptables-{backend}-restore", text, "--counters");
        Assert.True(code == 0, $"iptables-{backend}-restore: {code} {errors}");
        return Save(space, backend);
    }

    private static Ruleset Save(FirewallNamespace space, string backend, params string[] arguments) =>
        Ruleset.Parse(Family.IPv4, space.Run($"iptables-{backend}-save", "", [.. arguments, "-c"]).Output);

    [SkippableTheory]
    [InlineData("nft")]
    [InlineData("legacy")]
    public void Any_printable_comment_is_accepted_and_read_back_the_same(string backend)
    {
        using var space = FirewallNamespace.Create(backend);
        var random = new Random(20261121);
        var comments = new List<string>
        {
            "", " ", "!", "-j", "--comment", "COMMIT", "*filter", ":X", "#", "[1:2]", "\"", "\\", "'", "\\\"", "$(reboot)", "`id`", "a\tb", "it's \"quoted\" \\ *nat", "\u0001\u007f",
            string.Concat(Enumerable.Range(32, 95).Select(static c => (char)c)),
            Encoding.Latin1.GetString(Encoding.UTF8.GetBytes("é ☃ 漢字")),
        };
        for (var i = 0; i < 500; i++)
            comments.Add(string.Concat(Enumerable.Range(0, random.Next(1, 250)).Select(_ => (char)random.Next(32, 127))));
        RuleLine[] written = [.. comments.Select(Commented)];

        var read = Restore(space, backend, written)["filter", "X"];

        Assert.Equal(written, read);
        Assert.Equal(comments.ToArray(), read.Select(static rule => rule.Comment!).ToArray());
        Assert.Equal(written.Select(static rule => "[0:0] " + rule.Text).ToArray(), read.Select(static rule => rule.Raw!).ToArray());
    }

    [SkippableTheory]
    [InlineData("nft")]
    [InlineData("legacy")]
    public void What_the_kernel_holds_is_written_as_iptables_save_prints_it(string backend)
    {
        using var space = FirewallNamespace.Create(backend);
        string[] rules =
        [
            "-s 10.0.0.0/8 ! -d 10.1.0.0/16 -i br-+ -p tcp -m multiport ! --dports 25,465:500 -g Y",
            "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -j LOG --log-prefix \"DNH it\\'s \"",
            "-m conntrack --ctstate NEW --ctorigdst 169.254.170.2 --ctorigdstport 80 -j REJECT --reject-with icmp-port-unreachable",
            "-m comment --comment a -m comment --comment \"b c\" -m limit --limit 5/min -j RETURN",
            "-m hashlimit --hashlimit-above 5/min --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name DNH-smtp:web -j DROP",
            "",
        ];
        var chain = "X";
        RuleLine[] wanted = [.. rules.Select(rule => new RuleLine(Family.IPv4, "filter", chain, SaveTokenizer.Split(rule)))];
        var text = Ruleset.Parse(Family.IPv4, "").WithRules("filter", "Y", []).WithRules("filter", chain, wanted).ToString();
        var (code, _, errors) = space.Run($"iptables-{backend}-restore", text);
        Assert.True(code == 0, $"iptables-{backend}-restore: {code} {errors}");

        var read = Save(space, backend);
        Assert.Equal(wanted, read["filter", chain]);
        Assert.Equal(rules.Select(rule => $"-A {chain} {rule}".TrimEnd()).ToArray(), read["filter", chain].Select(static rule => rule.Text).ToArray());

        // Without -c the same table prints what Lines returns for the output with counters.
        var plain = space.Run($"iptables-{backend}-save", "", "-t", "filter").Output;
        Assert.Equal(Ruleset.Parse(Family.IPv4, plain).Lines("filter").ToArray(), read.Lines("filter").ToArray());

        // Restoring the text that was read gives the same text again.
        Assert.Equal(0, space.Run($"iptables-{backend}-restore", read.ToString(), "--counters").ExitCode);
        Assert.Equal(read.Lines("filter").ToArray(), Save(space, backend).Lines("filter").ToArray());
    }

    [SkippableTheory]
    [InlineData("nft")]
    [InlineData("legacy")]
    public void Chains_with_odd_names_are_read_as_they_are(string backend)
    {
        using var space = FirewallNamespace.Create(backend);
        string[] chains = ["a'b", "a\"b", "#x", ":x", "*x", "[1:2]", "a-j", "COMMIT", "a\\b", "INPUTX"];
        foreach (var chain in chains)
        {
            Assert.Equal(0, space.Run($"iptables-{backend}", "", "-N", chain).ExitCode);
            Assert.Equal(0, space.Run($"iptables-{backend}", "", "-A", chain, "-s", "10.0.0.0/8", "-j", "RETURN").ExitCode);
        }
        var read = Save(space, backend);
        foreach (var chain in chains)
            Assert.Equal(new RuleLine(Family.IPv4, "filter", chain, ["-s", "10.0.0.0/8", "-j", "RETURN"]), Assert.Single(read["filter", chain]));
    }

    [SkippableTheory]
    [InlineData("nft")]
    [InlineData("legacy")]
    public void A_comment_has_at_most_255_bytes_and_is_cut_in_silence(string backend)
    {
        using var space = FirewallNamespace.Create(backend);
        foreach (var length in new[] { SaveTokenizer.MaxCommentBytes - 1, SaveTokenizer.MaxCommentBytes, SaveTokenizer.MaxCommentBytes + 1, SaveTokenizer.MaxTokenBytes })
        {
            var read = Restore(space, backend, [Commented(new string('a', length))])["filter", "X"];
            Assert.Equal(Math.Min(length, SaveTokenizer.MaxCommentBytes), Assert.Single(read).Comment!.Length);
        }

        var text = Ruleset.Parse(Family.IPv4, "").WithRules("filter", "X", [Commented(new string('a', SaveTokenizer.MaxTokenBytes + 1))]).ToString();
        var (code, _, errors) = space.Run($"iptables-{backend}-restore", text);
        Assert.NotEqual(0, code);
        Assert.Contains("Parameter too long", errors, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("nft")]
    [InlineData("legacy")]
    public void A_comment_with_a_line_break_is_refused_with_its_line_and_not_read_as_two_rules(string backend)
    {
        using var space = FirewallNamespace.Create(backend);
        Assert.Equal(0, space.Run($"iptables-{backend}", "", "-A", "X", "-m", "comment", "--comment", "a\n-A INPUT -j ACCEPT", "-j", "RETURN").ExitCode);
        var error = Assert.Throws<IptablesFormatException>(() => Save(space, backend));
        Assert.Contains("line break", error.Message, StringComparison.Ordinal);
        Assert.Contains("--comment \"a", error.LineText, StringComparison.Ordinal);
    }
}
