using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Planning;

public sealed class LineMeaningsTests
{
    private static readonly Hook User = new("filter", Hook.DockerUser);

    private static RuleLine Line(string chain, string target, long packets, Family family = Family.IPv4) =>
        new(family, "filter", chain, ["-d", "192.0.2.1/32", "-m", "comment", "--comment", "DockerNetHarden:Custom", "-j", target], packets);

    [Fact]
    public void A_line_is_parsed_once_whatever_its_counters()
    {
        var parsed = 0;
        var meanings = new LineMeanings(10);
        OurLine Parse(RuleLine line, Hook hook)
        {
            parsed++;
            return OurLine.Read(line, hook);
        }
        var first = meanings.Of(Line("DNH-CUSTOM", "DROP", 1), User, Parse);
        Assert.Same(first, meanings.Of(Line("DNH-CUSTOM", "DROP", 2), User, Parse));
        Assert.Equal(1, parsed);
        // Anything that makes it another rule makes it another line.
        Assert.NotEqual(first.Key, meanings.Of(Line("DNH-CUSTOM", "ACCEPT", 1), User, Parse).Key);
        Assert.NotEqual("filter", meanings.Of(new RuleLine(Family.IPv4, "mangle", "DNH-CUSTOM", Line("DNH-CUSTOM", "DROP", 1).Tokens), new Hook("mangle", "POSTROUTING"), Parse).Rule!.Table);
        Assert.Equal("INPUT", meanings.Of(Line("DNH-CUSTOM-IN", "DROP", 1), new Hook("filter", "INPUT"), Parse).Rule!.Chain);
        Assert.Equal(4, parsed);
    }

    [Fact]
    public void What_is_read_has_its_own_counters_and_place()
    {
        Assert.Equal(7, OurLine.Read(Line("DNH-CUSTOM", "DROP", 7), User).Line.Packets);
        Assert.Equal(8, OurLine.Read(Line("DNH-CUSTOM", "DROP", 8), User).Line.Packets);
        Assert.Same(OurLine.Read(Line("DNH-CUSTOM", "DROP", 7), User).Rule, OurLine.Read(Line("DNH-CUSTOM", "DROP", 8), User).Rule);
    }

    [Fact]
    public void It_does_not_grow_without_bound()
    {
        var parsed = 0;
        var meanings = new LineMeanings(3);
        for (var i = 0; i < 12; i++)
        {
            meanings.Of(new RuleLine(Family.IPv4, "filter", "DNH-CUSTOM", ["-p", i.ToString(System.Globalization.CultureInfo.InvariantCulture)]), User, (line, hook) =>
            {
                parsed++;
                return OurLine.Make(FirewallRule.Parse("-A DOCKER-USER -j DROP"), "DNH-CUSTOM");
            });
        }
        Assert.Equal(12, parsed);
        meanings.Of(new RuleLine(Family.IPv4, "filter", "DNH-CUSTOM", ["-p", "0"]), User, (_, _) =>
        {
            parsed++;
            return OurLine.Make(FirewallRule.Parse("-A DOCKER-USER -j DROP"), "DNH-CUSTOM");
        });
        // It was forgotten.
        Assert.Equal(13, parsed);
    }
}
