using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Iptables;

/// <summary>The parser of rules against the real iptables: of texts in which things stand twice or without their option, it takes none that iptables refuses, and means what iptables means.</summary>
public sealed class RuleTextOnTheKernelTests
{
    // Whole matches, halves of them, and options that belong to the match before them.
    private static readonly string[] Pieces =
    [
        "-p tcp", "-p udp", "-p icmp", "-s 10.0.0.0/8", "! -d 10.1.0.0/16", "-i docker0", "-m tcp", "-m udp", "-m tcp --syn", "-m tcp --dport 80", "-m udp --dport 53", "-m icmp --icmp-type 8", "-m icmp",
        "-m multiport --dports 25,465", "-m multiport --sports 1,2", "-m multiport", "-m conntrack", "-m conntrack --ctstate NEW", "-m conntrack --ctdir ORIGINAL", "-m addrtype", "-m addrtype --dst-type LOCAL",
        "-m addrtype ! --src-type LOCAL", "-m limit", "-m limit --limit 5/min", "-m limit --limit-burst 7", "-m hashlimit", "-m hashlimit --hashlimit-above 5/min --hashlimit-name x", "-m comment --comment a",
        "-m comment", "-j DROP", "-j ACCEPT", "-j REJECT --reject-with icmp-host-prohibited",
    ];

    [SkippableTheory]
    [InlineData("nft")]
    [InlineData("legacy")]
    public void What_iptables_refuses_is_refused_and_what_is_taken_means_the_same(string backend)
    {
        using var space = FirewallNamespace.Create(backend);
        var random = new Random(20261129);
        var (taken, refused) = (0, 0);
        for (var i = 0; i < 600; i++)
        {
            var text = string.Join(' ', Enumerable.Range(0, random.Next(1, 5)).Select(_ => Pieces[random.Next(Pieces.Length)]).Append("-j RETURN"));
            FirewallRule rule;
            try
            {
                rule = FirewallRule.Parse("-A DOCKER-USER " + text);
            }
            catch (RefusedValueException)
            {
                refused++;
                continue;
            }
            taken++;
            var theirs = Printed(space, backend, text.Split(' '));
            Assert.True(theirs is not null, $"iptables-{backend} refuses '{text}'");
            var ours = Printed(space, backend, rule.Tokens)!;
            Assert.Equal(rule, RuleParser.TryReadLine(Family.IPv4, "filter", "DOCKER-USER", ours));
            // Our comment has the mark in it; a protocol's match without an option is the protocol.
            Assert.Equal(Meaning(theirs), Meaning(ours));
        }
        Assert.True(taken > 40 && refused > 200, $"{taken} texts were taken, {refused} refused");
    }

    [SkippableTheory]
    [InlineData("nft")]
    [InlineData("legacy")]
    public void An_IPv6_address_is_written_as_iptables_save_prints_it(string backend)
    {
        using var space = FirewallNamespace.Create(backend);
        var random = new Random(20261129);
        // Groups of zeros everywhere, and the forms with dots: ::/96, ::ffff:0:0/96, ::ffff:0:0:0/96, 64:ff9b::/96, ISATAP's 0:5efe.
        ushort[] groups = [0, 0, 0, 0, 1, 0xffff, 0x5efe, 0x9f56, 0x64, 0xff9b, 0xfe80];
        string[] known = ["::9f56:1", "::1", "::1:0", "::ffff:1.2.3.4", "::ffff:0:1.2.3.4", "64:ff9b::192.0.2.33", "fe80::5efe:10.0.0.1", "::/96", "::ffff:0:0/96", "::159.86.0.1"];
        var all = known.Concat(Enumerable.Range(0, 300).Select(_ => string.Join(':', Enumerable.Range(0, 8).Select(_ => $"{groups[random.Next(groups.Length)]:x}"))))
            .Where(text => text != "0:0:0:0:0:0:0:0").Select(Cidr.Parse).ToList();
        var restore = $"*filter\n:X - [0:0]\n{string.Concat(all.Select(address => $"-A X -s {address} -j DROP\n"))}COMMIT\n";
        Assert.Equal(0, space.Run($"ip6tables-{backend}-restore", restore).ExitCode);
        var printed = Ruleset.Parse(Family.IPv6, space.Run($"ip6tables-{backend}-save", "", "-t", "filter").Output)["filter", "X"].Select(line => line.Tokens[1]).ToList();
        Assert.Equal(printed, all.Select(address => address.ToString()));
        Assert.Equal(all, printed.Select(Cidr.Parse));
        if (backend == "nft")
            Assert.Contains("ip6 saddr ::159.86.0.1", space.Run("nft", "", "list", "ruleset").Output, StringComparison.Ordinal);
    }

    private static IReadOnlyList<string>? Printed(FirewallNamespace space, string backend, IReadOnlyList<string> tokens)
    {
        space.Run($"iptables-{backend}", "", "-F", "X");
        return space.Run($"iptables-{backend}", "", ["-A", "X", .. tokens]).ExitCode != 0 ? null
            : Ruleset.Parse(Family.IPv4, space.Run($"iptables-{backend}-save", "", "-t", "filter").Output)["filter", "X"][0].Tokens;
    }

    private static IEnumerable<string> Meaning(IReadOnlyList<string> tokens)
    {
        var all = tokens.ToList();
        for (var i = all.Count - 2; i >= 0; i--)
        {
            if (all[i] is "-m" && (all[i + 1] is "comment" || (all[i + 1] is "tcp" or "udp" && (i + 2 == all.Count || all[i + 2] is "-m" or "-j"))))
                all.RemoveRange(i, all[i + 1] is "comment" ? 4 : 2);
        }
        return all.Order(StringComparer.Ordinal);
    }
}
