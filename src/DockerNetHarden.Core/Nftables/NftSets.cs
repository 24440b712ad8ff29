using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>The named sets that rules and jumps of a table need. Rules that ask for the same addresses share one.</summary>
internal sealed class NftSets
{
    private readonly SortedDictionary<string, NftObject> _all = new(StringComparer.Ordinal);

    /// <summary>The sets, by name.</summary>
    public IEnumerable<NftObject> All => _all.Values;

    /// <summary>The name of the set of these prefixes.</summary>
    public string Addresses(Family family, IEnumerable<Cidr> prefixes)
    {
        var elements = Elements(prefixes);
        var name = NftNames.Hashed(family == Family.IPv4 ? NftNames.Addresses4 : NftNames.Addresses6, string.Join(',', elements));
        _all.TryAdd(name, new NftObject("set", name, $"type {NftForm.SetType(family)}; flags interval;", elements));
        return name;
    }

    /// <summary>The name of the set of these interfaces.</summary>
    public string Links(IEnumerable<string> links)
    {
        List<string> elements = [.. links.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).Select(link => $"\"{NftForm.Link(link)}\"")];
        var name = NftNames.Hashed(NftNames.Links, string.Join(',', elements));
        _all.TryAdd(name, new NftObject("set", name, "type ifname;", elements));
        return name;
    }

    /// <summary>Prefixes as elements of a set.</summary>
    public static IReadOnlyList<string> Elements(IEnumerable<Cidr> prefixes) => [.. Cidr.Aggregate(prefixes).Select(prefix => prefix.ToShortString())];
}
