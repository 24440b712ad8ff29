using System.Globalization;
using System.Runtime.CompilerServices;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Nftables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>Our nftables table on a host, as chains of ours: what is planned, shown and checked is the same as with iptables.</summary>
internal sealed class OwnTable
{
    private const string Opaque = "--handle";

    private static readonly string[] Ends = ["\"accept\"", "\"drop\"", "\"return\"", "\"goto\"", "\"queue\"", "\"reject\""];

    // A host's table is asked about many times, and reading it is work.
    private static readonly ConditionalWeakTable<NftRuleset, OwnTable> Known = [];

    private static readonly OwnTable None = new(new NftRead(NftModel.Empty, [], "", []));

    private OwnTable(NftRead read)
    {
        Read = read;
        Chains = [.. read.Chains.Select(chain => new OurChain(chain.Family, chain.Hook, chain.Control, [.. chain.Rules.SelectMany(rule => LinesOf(chain, rule))]) { IsNft = true, Laid = [] })];
    }

    /// <summary>What the kernel has.</summary>
    public NftRead Read { get; }

    /// <summary>The chains, as in iptables: a rule is one line, however many nft needs.</summary>
    public IReadOnlyList<OurChain> Chains { get; }

    /// <summary>The table of a host; without anything if it has none, or if it was not read.</summary>
    public static OwnTable Of(HostSnapshot host) => host.OwnTable is not { } table || table.Chains.Count + table.Sets.Count + table.Limits.Count == 0 && table.Handles.Count == 0 ? None
        : Known.GetValue(table, static read => new OwnTable(NftReader.Read(read)));

    /// <summary>The table with these chains.</summary>
    /// <exception cref="NftException">nft cannot express a rule.</exception>
    public NftModel With(IEnumerable<OurChain> chains)
    {
        // An accept ends the base chain, so custom rules, which may accept, are asked last: no control is skipped.
        var ordered = chains.Where(chain => chain.Lines.Count > 0).OrderBy(chain => chain.Control is "Custom" ? 1 : 0).ThenBy(chain => chain.Name, StringComparer.Ordinal).ThenBy(chain => chain.Family).ToList();
        var model = NftTables.Of(ordered.Select(chain => new NftControl(chain.Hook, chain.Control, chain.Family, [.. chain.Lines.Where(line => line.Rule is not null).Select(line => (line.Rule!, line.Line.Packets, line.Line.Bytes))])));
        // Lines that are no rules of this version stay in their chains.
        var rest = ordered.ToDictionary(chain => NftNames.Chain(chain.Hook, chain.Control, chain.Family), chain => chain.Lines.Where(line => line.Rule is null).Select(HandleOf).ToHashSet(), StringComparer.Ordinal);
        return model with
        {
            Chains = [.. model.Chains.Select(chain => rest.TryGetValue(chain.Name, out var handles) && handles.Count > 0
                ? chain with { Lines = [.. chain.Lines, .. Read.Model.Chains.First(each => each.Name == chain.Name).Lines.Where(line => !line.IsKnown && handles.Contains(line.Handle))] } : chain)],
        };
    }

    /// <summary>What keeps packets from the rules in it, or the rules from acting, one sentence each.</summary>
    public IEnumerable<string> Problems()
    {
        if (Read.IsDormant)
            yield return $"The table {NftRenderer.Table} is dormant: no packet meets it.";
        var wanted = With(Chains);
        var there = Read.Model.Chains.ToDictionary(chain => chain.Name, StringComparer.Ordinal);
        foreach (var chain in wanted.Chains.Where(chain => chain.Head is not null))
        {
            var jumps = there.GetValueOrDefault(chain.Name) is { } found && found.Head == chain.Head ? found.Lines : [];
            foreach (var jump in chain.Lines.GroupBy(line => line.Verdict, StringComparer.Ordinal))
            {
                // A jump for every packet of the family is one too.
                var asked = jumps.TakeWhile(line => !IsEnd(line)).Where(line => line.Verdict == jump.Key).Select(line => line.Match).ToHashSet(StringComparer.Ordinal);
                if (!asked.Contains(NftGate.OfFamily(jump.Key.EndsWith("_ip6", StringComparison.Ordinal) ? Family.IPv6 : Family.IPv4)) && !jump.All(line => asked.Contains(line.Match)))
                    yield return $"The chain {chain.Name} of {NftRenderer.Table} does not {jump.Key}, or not for all packets that it concerns.";
            }
        }
        foreach (var chain in wanted.Chains.Where(chain => chain.Head is null && NftNames.PlaceOf(chain.Name) is null))
        {
            if (!(there.GetValueOrDefault(chain.Name)?.Lines ?? []).Select(line => line.Key).SequenceEqual(chain.Lines.Select(line => line.Key), StringComparer.Ordinal))
                yield return $"The chain {chain.Name} of {NftRenderer.Table}, which decides for rules, does not hold its rules.";
        }
        foreach (var item in wanted.Objects)
        {
            if (Read.Model.Objects.FirstOrDefault(each => each.Name == item.Name) is { } found && !found.IsSameAs(item))
                yield return $"The {item.Kind} {item.Name} of {NftRenderer.Table} does not hold what its rules mean.";
        }
    }

    // Somebody's line that ends the chain for every packet; of a line that is not known, the match is its JSON.
    private static bool IsEnd(NftLine line) => !line.IsKnown && !line.Match.Contains("\"match\"", StringComparison.Ordinal)
        && Ends.Any(verdict => line.Match.Contains(verdict, StringComparison.Ordinal));

    /// <summary>The table as a host keeps it on its disk: as it is, without what it counted; empty if there is none of ours.</summary>
    public string Text
    {
        get
        {
            var model = With(Chains);
            return model.IsEmpty ? "" : NftRenderer.Render(model with { Chains = [.. model.Chains.Select(chain => chain with { Lines = [.. chain.Lines.Where(line => line.IsKnown).Select(line => line with { Packets = 0, Bytes = 0 })] })] })
                .Replace("\n\n", "\n", StringComparison.Ordinal);
        }
    }

    /// <summary>A line as a person would type it.</summary>
    public static IEnumerable<string> Commands(OurChain chain, OurLine line)
    {
        var name = NftNames.Chain(chain.Hook, chain.Control, chain.Family);
        return line.Rule is null ? [$"nft delete rule {NftRenderer.Table} {name} handle {HandleOf(line)}"]
            : NftTables.LinesOf(line.Rule, 0, 0, new NftLimits(), new NftSets()).Select(each => ShownText.Plain($"nft add rule {NftRenderer.Table} {name} {each.Text}"));
    }

    // Each rule of a person's own list, of which the first has the counters.
    private static IEnumerable<OurLine> LinesOf(NftReadChain chain, NftReadRule rule)
    {
        var first = LineOf(chain, rule);
        return rule.Places.Count == 0 ? [first] : rule.Places.Select((place, index) => index == 0 ? first : OurLine.Make(rule.Rule!.With(spec => spec.Destination = place.ToString()), first.Line.Chain));
    }

    private static OurLine LineOf(NftReadChain chain, NftReadRule rule)
    {
        var (packets, bytes) = (rule.Lines.Sum(line => line.Packets), rule.Lines.Sum(line => line.Bytes));
        var name = chain.Hook.ChainOf(chain.Control);
        if (rule.Rule is { } known)
            return OurLine.Make(known, name) with { Line = new RuleLine(chain.Family, chain.Hook.Table, name, known.Tokens, packets, bytes) };
        // A line that is not a rule of ours is shown by its comment and its handle. No other line has the same handle.
        var handle = rule.Lines[0].Handle.ToString(CultureInfo.InvariantCulture);
        var line = new RuleLine(chain.Family, chain.Hook.Table, name, [.. rule.Lines[0].Comment is { } comment ? ["-m", "comment", "--comment", comment] : Array.Empty<string>(), "-j", "nft", Opaque, handle], packets, bytes);
        return new OurLine(line, rule.Mark, null, $"{Opaque} {handle}");
    }

    private static long HandleOf(OurLine line) => line.Line.Tokens is [.., Opaque, var handle] ? long.Parse(handle, CultureInfo.InvariantCulture) : 0;
}
