using System.Collections.Frozen;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Matching;

/// <summary>What the matches of a host's rules refer to.</summary>
internal sealed class RuleContext(HostSnapshot host, Family family)
{
    private readonly FrozenSet<string> _ambiguousRates = AmbiguousRates(host);
    private readonly Dictionary<(string Set, string Directions), SetPackets> _sets = [];
    private FrozenDictionary<string, HostIpSet>? _setsByName;

    internal Family Family => family;

    internal AddressTypes AddressTypes { get; } = new(host, family);

    internal BridgePorts Bridges { get; } = new(host, family);

    internal ReversePaths ReversePaths { get; } = new(host, family);

    internal HostIpSet? SetNamed(string name) =>
        (_setsByName ??= host.IpSets.DistinctBy(static set => set.Name, StringComparer.Ordinal).ToFrozenDictionary(static set => set.Name, StringComparer.Ordinal)).GetValueOrDefault(name);

    /// <summary>The packets that a set holds; null if the set was not read. Made once: many rules can name a set, and it can have tens of thousands of members.</summary>
    internal SetPackets? PacketsIn(string set, string directions)
    {
        if (!_sets.TryGetValue((set, directions), out var packets) && SetNamed(set) is { } found)
            _sets.Add((set, directions), packets = new SetMembers(family, directions.Split(','), SetNamed).Of(found));
        return packets;
    }

    /// <summary>
    /// Whether rules with this hashlimit name have different rates: the kernel keeps one table per name, made by whichever rule came first,
    /// whatever the text of the others says.
    /// </summary>
    internal bool IsAmbiguousRate(string name) => _ambiguousRates.Contains(name);

    private static FrozenSet<string> AmbiguousRates(HostSnapshot host)
    {
        var found = new Dictionary<(Family Family, string Name), string>();
        var ambiguous = new HashSet<string>(StringComparer.Ordinal);
        foreach (var rule in host.Rules.Values.Concat(host.OtherRules.Values).SelectMany(static rules => rules.AllRules))
        {
            if (RuleOptions.LastValueOf(rule.Tokens, "--hashlimit-name") is not { } name)
                continue;
            var parameters = string.Join(' ', Parameters(rule.Tokens));
            if (!found.TryAdd((rule.Family, name), parameters) && found[(rule.Family, name)] != parameters)
                ambiguous.Add(name);
        }
        return ambiguous.ToFrozenSet(StringComparer.Ordinal);
    }

    private static IEnumerable<string> Parameters(IReadOnlyList<string> tokens)
    {
        for (var i = 0; i + 1 < tokens.Count; i++)
        {
            if (tokens[i].StartsWith("--hashlimit-", StringComparison.Ordinal))
                yield return $"{tokens[i]} {tokens[i + 1]}";
        }
    }
}
