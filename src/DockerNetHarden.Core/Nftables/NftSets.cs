using System.Runtime.CompilerServices;
using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>The named sets that rules and jumps of a table need. Rules that ask for the same addresses share one.</summary>
internal sealed class NftSets
{
    // Each line of a control names the same list.
    private static readonly ConditionalWeakTable<IReadOnlyList<Cidr>, NftObject> Known = [];

    private readonly SortedDictionary<string, NftObject> _all = new(StringComparer.Ordinal);

    /// <summary>The sets, by name.</summary>
    public IEnumerable<NftObject> All => _all.Values;

    /// <summary>The name of the set of these prefixes.</summary>
    /// <param name="prefixes">Prefixes of one family, which nobody changes afterwards.</param>
    public string Addresses(IReadOnlyList<Cidr> prefixes)
    {
        var set = prefixes.Count < OwnLists.Least ? Made(prefixes) : Known.GetValue(prefixes, Made);
        _all.TryAdd(set.Name, set);
        return set.Name;
    }

    /// <summary>The name of the set of these interfaces.</summary>
    public string Links(IEnumerable<string> links)
    {
        List<string> elements = [.. links.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(link => $"\"{NftForm.Link(link)}\"")];
        var name = NftNames.Hashed(NftNames.Links, string.Join(',', elements));
        _all.TryAdd(name, new NftObject("set", name, "type ifname;", elements));
        return name;
    }

    private static NftObject Made(IReadOnlyList<Cidr> prefixes)
    {
        var (family, elements) = (prefixes[0].Family, Elements(prefixes));
        return new NftObject("set", NftNames.Hashed(family == Family.IPv4 ? NftNames.Addresses4 : NftNames.Addresses6, string.Join(',', elements)), $"type {NftForm.SetType(family)}; flags interval;", elements);
    }

    /// <summary>Prefixes as elements of a set.</summary>
    public static IReadOnlyList<string> Elements(IEnumerable<Cidr> prefixes) => [.. Cidr.Aggregate(prefixes).Select(prefix => prefix.ToShortString())];
}
