using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>
/// The rules of a long chain by the links that they name, and these by addresses. What packets cost then grows with the rules about their own two links: hosts with hundreds of networks have several rules
/// for each, and packets from each network go to all others.
/// </summary>
internal sealed class ChainIndex
{
    private readonly RuleIndex _ofAnyLinks;
    private readonly Dictionary<string, RuleIndex> _byIn;
    private readonly Dictionary<string, RuleIndex> _byOut;
    private readonly Dictionary<(string In, string Out), RuleIndex> _byBoth;
    private readonly HashSet<string> _outNames;
    private readonly int _length;

    internal ChainIndex(CompiledRule[] rules)
    {
        _length = rules.Length;
        var places = Enumerable.Range(0, rules.Length).ToLookup(place => (In: rules[place].Match.In?.OnlyName, Out: rules[place].Match.Out?.OnlyName));
        // A pattern for several links, or for all but some, is compared when its rule is met.
        _ofAnyLinks = new RuleIndex(rules, places[(null, null)]);
        _byIn = places.Where(static group => group.Key is { In: not null, Out: null }).ToDictionary(static group => group.Key.In!, group => new RuleIndex(rules, group), StringComparer.Ordinal);
        _byOut = places.Where(static group => group.Key is { In: null, Out: not null }).ToDictionary(static group => group.Key.Out!, group => new RuleIndex(rules, group), StringComparer.Ordinal);
        _byBoth = places.Where(static group => group.Key is { In: not null, Out: not null }).ToDictionary(static group => (group.Key.In!, group.Key.Out!), group => new RuleIndex(rules, group));
        _outNames = [.. _byOut.Keys, .. _byBoth.Keys.Select(static both => both.Out)];
    }

    /// <summary>Adds the places of the rules that can match packets of this state, from this link to these destinations, of which <paramref name="bounds"/> says where they come from.</summary>
    internal void Find(string inLink, FlowState state, ReadOnlySpan<(UInt128 First, UInt128 Last)> destinations, in Bounds bounds, PlaceSet found)
    {
        if (state.OutLinks is null && state.LeavesBy is null)
        {
            for (var place = 0; place < _length; place++)
                found.Add(place);
            return;
        }
        _ofAnyLinks.Find(destinations, bounds, found);
        if (_byIn.TryGetValue(inLink, out var ofIn))
            ofIn.Find(destinations, bounds, found);
        if (state.OutLinks is null)
            Find(inLink, state.LeavesBy!, destinations, bounds, found);
        else
        {
            foreach (var link in _outNames.Count < state.OutLinks.Count ? _outNames.Where(state.OutLinks.Contains) : state.OutLinks.Names)
                Find(inLink, link, destinations, bounds, found);
        }
    }

    private void Find(string inLink, string outLink, ReadOnlySpan<(UInt128 First, UInt128 Last)> destinations, in Bounds bounds, PlaceSet found)
    {
        if (_byOut.TryGetValue(outLink, out var ofOut))
            ofOut.Find(destinations, bounds, found);
        if (_byBoth.TryGetValue((inLink, outLink), out var ofBoth))
            ofBoth.Find(destinations, bounds, found);
    }
}
