using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Nftables;

/// <summary>What the rules of our table refer to by name, as the kernel has it.</summary>
internal sealed class NftObjects
{
    private readonly Dictionary<string, NftLimit> _limits;
    private readonly Dictionary<string, NftSet> _sets;
    private readonly ILookup<string, NftRule> _rules;
    private readonly Dictionary<string, string?> _addresses = new(StringComparer.Ordinal);
    private readonly Dictionary<(string Set, Family Family), IReadOnlyList<Cidr>?> _prefixes = [];

    public NftObjects(NftRuleset table)
    {
        _limits = table.Limits.ToDictionary(limit => limit.Name, StringComparer.Ordinal);
        _sets = table.Sets.ToDictionary(set => set.Name, StringComparer.Ordinal);
        _rules = table.Rules.ToLookup(rule => rule.Chain, StringComparer.Ordinal);
    }

    /// <summary>A limit; null if there is none of that name.</summary>
    public NftLimit? Limit(string name) => _limits.GetValueOrDefault(name);

    /// <summary>The prefixes of a set of ours, as a rule lists them; null if it is none, or holds anything but what its name says.</summary>
    public string? Addresses(string name, Family family)
    {
        if (!_addresses.TryGetValue(name, out var list))
        {
            var prefixes = _sets.TryGetValue(name, out var set) ? PrefixesOf(set, family) : null;
            _addresses.Add(name, list = prefixes is { Count: > 0 } && new NftSets().Addresses(prefixes) == name ? AddressLists.Of(prefixes) : null);
        }
        return list;
    }

    /// <summary>A chain that drops what is beyond a rate: the set that counts, and what is done beyond it. Null if it is none.</summary>
    public (JsonElement Within, IReadOnlyList<JsonElement> Beyond)? Beyond(string name)
    {
        if (!name.StartsWith(NftNames.Beyond, StringComparison.Ordinal) || _rules[name].ToList() is not [var within, var beyond])
            return null;
        return within.Expressions.Select(NftJson.Statement).ToList() is [("set", var set), ("return", _)] ? (set, beyond.Expressions) : null;
    }

    /// <summary>The objects as they are, in the words in which this module writes them.</summary>
    public IEnumerable<NftObject> All()
    {
        foreach (var limit in _limits.Values)
            yield return new NftObject("limit", limit.Name, limit.Rate is null ? "" : NftLimits.Said(limit.Rate, limit.Burst, limit.IsOver) + ";");
        foreach (var set in _sets.Values)
        {
            yield return set.Timeout is { } timeout ? new NftObject("set", set.Name, FormattableString.Invariant($"type {set.Type}; size {set.Size ?? 0}; flags dynamic,timeout; timeout {timeout}s;"))
                : set.Type is "ifname" ? new NftObject("set", set.Name, "type ifname;", [.. set.Elements.Select(element => $"\"{NftJson.Text(element)}\"").Order(StringComparer.Ordinal)])
                : new NftObject("set", set.Name, $"type {set.Type}; flags interval;", PrefixesOf(set, set.Type == NftForm.SetType(Family.IPv4) ? Family.IPv4 : Family.IPv6) is { } prefixes ? NftSets.Elements(prefixes) : []);
        }
    }

    private IReadOnlyList<Cidr>? PrefixesOf(NftSet set, Family family)
    {
        if (!_prefixes.TryGetValue((set.Name, family), out var prefixes))
            _prefixes.Add((set.Name, family), prefixes = Read(set, family));
        return prefixes;
    }

    private static IReadOnlyList<Cidr>? Read(NftSet set, Family family)
    {
        if (set.Type != NftForm.SetType(family))
            return null;
        var all = new List<Cidr>();
        foreach (var element in set.Elements)
        {
            if (NftJson.Prefix(element) is { } text && Cidr.TryParse(text, out var prefix) && prefix.Family == family)
                all.Add(prefix);
            // The kernel gives addresses that are no prefix as a range.
            else if (NftJson.Member(element, "range") is { ValueKind: JsonValueKind.Array } range && range.EnumerateArray().ToList() is [var first, var last]
                && Cidr.TryParse(NftJson.Text(first), out var from) && Cidr.TryParse(NftJson.Text(last), out var to) && from.Family == family && to.Family == family && from.Bits <= to.Bits)
                all.AddRange(Prefixes.Of(family, from.Bits, to.Bits));
            else
                return null;
        }
        return Cidr.Aggregate(all);
    }
}
