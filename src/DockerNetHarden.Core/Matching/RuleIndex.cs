using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>
/// Some rules of a long chain by the addresses that they can match, so that packets to one network do not meet thousands of rules about others: by destination, or, if they name sources and it is known
/// where the packets come from, by source.
/// </summary>
internal sealed class RuleIndex
{
    private readonly AddressTree _ofAnySource;
    private readonly AddressTree _bySource;
    private readonly AddressTree _byDestination;

    internal RuleIndex(CompiledRule[] chain, IEnumerable<int> places)
    {
        var byKind = places.ToLookup(place => Bounds.NamesSources(chain[place].Match.Bounds));
        _ofAnySource = new([.. byKind[false].Select(ByDestination)]);
        _byDestination = new([.. byKind[true].Select(ByDestination)]);
        _bySource = new([.. byKind[true].Select(place => (chain[place].Match.Bounds.FirstSource, chain[place].Match.Bounds.LastSource, place))]);

        (UInt128, UInt128, int) ByDestination(int place) => (chain[place].Match.Low, chain[place].Match.High, place);
    }

    /// <summary>Adds the places of the rules that can match packets to these destinations, of which <paramref name="bounds"/> says where they come from.</summary>
    internal void Find(ReadOnlySpan<(UInt128 First, UInt128 Last)> destinations, in Bounds bounds, PlaceSet found)
    {
        var isFromAnywhere = !Bounds.NamesSources(bounds);
        foreach (var (first, last) in destinations)
        {
            _ofAnySource.Find(first, last, found);
            if (isFromAnywhere)
                _byDestination.Find(first, last, found);
        }
        if (!isFromAnywhere)
            _bySource.Find(bounds.FirstSource, bounds.LastSource, found);
    }
}
