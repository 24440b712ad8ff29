using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>What makes the walk fast on hosts with hundreds of networks changes no answer: the lookup of rules by links and addresses, and packets to many links that are walked together.</summary>
public sealed class WalkIndexTests
{
    private static readonly string[] Links = ["docker0", "apps0", "eth0", "gone0"];
    private static readonly string[] Destinations = ["172.18.0.0/16", "172.17.0.0/16", "10.0.0.0/8", "203.0.113.0/24", "0.0.0.0/0"];
    private static readonly string[] Sources = ["172.17.0.0/16", "172.17.0.2/32", "10.9.0.0/16"];
    private static readonly string[] Targets = ["DROP", "ACCEPT", "RETURN", "INNER", "REJECT --reject-with tcp-reset -p tcp"];

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_long_chain_decides_like_short_ones(int seed)
    {
        var rules = Rules(new Random(seed), 150);
        // Chains of 30 rules are not indexed; each goes on to the next.
        var pieces = rules.Chunk(30).ToList();
        var shorts = string.Concat(pieces.Select((piece, i) => string.Concat(piece.Select(rule => $"-A L{i} {rule}\n")) + (i + 1 < pieces.Count ? $"-A L{i} -g L{i + 1}\n" : "")));
        var one = Host(":LONG - [0:0]\n:INNER - [0:0]\n", "-A FORWARD -j LONG\n-A POST -j LONG\n" + string.Concat(rules.Select(rule => $"-A LONG {rule}\n")));
        var other = Host(":INNER - [0:0]\n" + string.Concat(pieces.Select((_, i) => $":L{i} - [0:0]\n")), "-A FORWARD -j L0\n-A POST -j L0\n" + shorts);
        foreach (var query in Queries())
        {
            var (mine, theirs) = (new PacketWalk(one).Ask(query), new PacketWalk(other).Ask(query));
            foreach (var part in mine)
                Assert.True(Same(part, theirs), $"seed {seed}: {part.Verdict} by {part.Rule?.Text}, {part.Packets}");
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Packets_to_many_links_are_answered_together_as_one_by_one(int seed)
    {
        var random = new Random(seed);
        var many = Many(":INNER - [0:0]\n:LONG - [0:0]\n", "-A FORWARD -j LONG\n-A POST -j LONG\n" + string.Concat(Rules(random, random.Next(5, 120)).Select(rule => $"-A LONG {rule}\n")));
        var walk = new PacketWalk(many);
        foreach (var query in Queries())
            Assert.Equal(walk.Ask(query).Select(Text), walk.AskWithoutChains(query).Select(Text));
    }

    [Fact]
    public void More_histories_than_can_be_told_apart_are_walked_link_by_link()
    {
        // Each link has a rule of its own that may or may not match.
        var many = Many(":INNER - [0:0]\n", string.Concat(Enumerable.Range(0, 90).Select(number => string.Create(CultureInfo.InvariantCulture, $"-A FORWARD -o m{number} -m string --string {number} -j DROP\n"))) + "-A FORWARD -j ACCEPT\n");
        var walk = new PacketWalk(many);
        var query = new AccessQuery { Family = Family.IPv4, InInterface = "docker0", Sources = [Cidr.Parse("172.17.0.0/16")], Destinations = [Cidr.Parse("10.64.0.0/10")] };
        Assert.Equal(walk.Ask(query).Select(Text), walk.AskWithoutChains(query).Select(Text));
        Assert.Equal(90, walk.AskWithoutChains(query).Where(part => part is { Verdict: Verdict.Unknown, Chain: "FORWARD" }).DistinctBy(part => part.OutInterface).Count());
    }

    [Fact]
    public void Places_come_in_order_and_are_gone_when_the_set_is_used_again()
    {
        int[] places = [9_999, 0, 63, 64, 4_095, 4_096, 8_191];
        var set = PlaceSet.Rent(10_000);
        foreach (var place in places)
            set.Add(place);
        Assert.Equal(places.Order(), InOrder(set));
        set.Return();
        Assert.Empty(InOrder(PlaceSet.Rent(10_000)));
    }

    private static List<int> InOrder(PlaceSet set)
    {
        var found = new List<int>();
        for (var place = set.From(0); place >= 0; place = set.From(place + 1))
            found.Add(place);
        return found;
    }

    private static IEnumerable<AccessQuery> Queries() =>
        from link in (string[])["docker0", "apps0", "eth0"]
        from source in (string?[])["172.17.0.0/16", null]
        from destination in (string[])["0.0.0.0/0", "10.64.0.0/10", "172.18.0.9", "203.0.113.9"]
        select new AccessQuery { Family = Family.IPv4, InInterface = link, Sources = source is null ? [] : [Cidr.Parse(source)], Destinations = [Cidr.Parse(destination)] };

    private static List<string> Rules(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => string.Concat(
        Link(random, "-i"), Link(random, "-o"),
        random.Next(3) == 0 ? $"-s {Sources[random.Next(Sources.Length)]} " : "",
        random.Next(4) > 0 ? $"-d {Destinations[random.Next(Destinations.Length)]} " : "",
        random.Next(3) == 0 ? string.Create(CultureInfo.InvariantCulture, $"-p tcp -m tcp --dport {random.Next(20, 30)} ") : "",
        random.Next(4) == 0 ? "-m conntrack --ctstate NEW " : random.Next(6) == 0 ? "-m limit --limit 5/min " : "",
        Target(random)))];

    private static string Target(Random random) => Targets[random.Next(Targets.Length)] is var target && target.StartsWith("REJECT", StringComparison.Ordinal) ? "-p tcp -j REJECT --reject-with tcp-reset" : "-j " + target;

    private static string Link(Random random, string option) => random.Next(6) switch
    {
        0 => $"{option} {Links[random.Next(Links.Length)]} ",
        1 => $"! {option} {Links[random.Next(Links.Length)]} ",
        2 => $"{option} m+ ",
        3 => string.Create(CultureInfo.InvariantCulture, $"{option} m{random.Next(90)} "),
        _ => "",
    };

    // The chain is in filter FORWARD, and behind routing in mangle POSTROUTING.
    private static HostSnapshot Host(string chains, string rules)
    {
        var mangle = string.Concat(rules.Split('\n').Where(line => line.Length > 0 && !line.Contains("-A FORWARD", StringComparison.Ordinal) && !line.Contains("REJECT", StringComparison.Ordinal)).Select(line => line.Replace("-A POST ", "-A POSTROUTING ", StringComparison.Ordinal) + "\n"));
        var filter = string.Concat(rules.Split('\n').Where(line => line.Length > 0 && !line.Contains("-A POST ", StringComparison.Ordinal)).Select(line => line + "\n"));
        return WalkHost.Of(
            $"*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n{chains}{mangle}-A INNER -s 172.17.0.2/32 -j DROP\nCOMMIT\n"
            + $"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n{chains}{filter}-A INNER -d 172.18.0.9/32 -j DROP\nCOMMIT\n");
    }

    // The same with routes to 90 more links.
    private static HostSnapshot Many(string chains, string rules)
    {
        var host = Host(chains, rules);
        return host with
        {
            Links = [.. host.Links, .. Enumerable.Range(0, 90).Select(number => string.Create(CultureInfo.InvariantCulture, $"m{number}"))],
            Routes = [.. host.Routes, .. Enumerable.Range(0, 90).Select(number => new HostRoute(Family.IPv4, "main", "unicast", Cidr.Parse(string.Create(CultureInfo.InvariantCulture, $"10.{64 + (number / 4)}.{number % 4 * 64}.0/18")), [string.Create(CultureInfo.InvariantCulture, $"m{number}")]))],
        };
    }

    // The rule itself is the same, its chain and place are not.
    private static bool Same(AccessPart part, IReadOnlyList<AccessPart> others) => part.Packets.SetEquals(others
        .Where(other => other.Verdict == part.Verdict && other.OutInterface == part.OutInterface && other.Path == part.Path && other.Otherwise == part.Otherwise)
        .Aggregate(PacketSet.None(part.Packets.Family), (all, other) => all.Union(other.Packets)).Intersect(part.Packets));

    private static string Text(AccessPart part) => string.Create(CultureInfo.InvariantCulture,
        $"{part.Verdict} {part.Table} {part.Chain} {part.Position} {part.Path} {part.InInterface} {part.OutInterface} {part.NewDestination} {part.Otherwise} {part.IsLimited} {part.Reason} {part.Packets} {string.Join(' ', part.Packets.Destinations)}");
}
