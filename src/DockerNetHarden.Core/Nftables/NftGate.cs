using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>
/// The jumps from a base chain to a control's chain. What every block of the control demands is asked first, with one look-up each: the destination, the port, the in-interface. So a packet that the
/// control is not about passes one rule, whatever the number of networks, as in iptables (docs/decisions/0012). The jumps of a chain exclude each other: no packet may count against a rate twice.
/// </summary>
internal static class NftGate
{
    /// <summary>The line by which replies leave a control's chain.</summary>
    public static NftLine ReplyExit { get; } = new("ct direction reply", "return", RuleMark.Owner) { Counts = false };

    // With fewer rules than this, a reply passes them as fast.
    private const int Worthwhile = 4;

    /// <summary>What the jumps ask, each its own.</summary>
    public static IEnumerable<string> Matches(NftControl control, NftSets sets)
    {
        // A person's own rules are asked as they stand.
        var blocks = control.Control is "Custom" ? [] : control.Rules.Select(each => each.Rule).Where(rule => rule.Phase != Phase.Exception).ToList();
        var words = new List<string>();
        if (blocks.Count > 0 && blocks.TrueForAll(rule => AddressLists.Destinations(rule).Count > 0))
            words.Add($"{NftForm.Word(control.Family)} daddr {OneOrSet(Places(blocks), sets)}");
        else
            words.Add(OfFamily(control.Family));
        if (Ports(blocks) is { } ports)
            words.Add(ports);
        var begin = string.Join(' ', words);
        return blocks.Count > 0 && blocks.TrueForAll(rule => rule.InInterface is { } name && !name.StartsWith('!')) ? Links(blocks, sets).Select(link => $"{begin} {link}") : [begin];
    }

    /// <summary>What a jump for every packet of a family asks.</summary>
    public static string OfFamily(Family family) => $"meta nfproto {NftForm.Protocol(family)}";

    /// <summary>Whether replies may leave the chain at once: no rule is about them.</summary>
    public static bool ReplyLeaves(NftControl control) => control.Control is not "Custom" && control.Rules.Count >= Worthwhile && control.Rules.All(each => each.Rule.Phase == Phase.Exception || VerdictChain.SparesReplies(each.Rule));

    private static string OneOrSet(IReadOnlyList<Cidr> places, NftSets sets) => places is [var one] ? one.ToShortString() : "@" + sets.Addresses(places);

    // The rules of a mark have one list, as few prefixes as can be.
    private static IReadOnlyList<Cidr> Places(List<FirewallRule> blocks) => blocks.Select(AddressLists.Destinations).Distinct().ToList() is [var same] ? same : Cidr.Aggregate(blocks.SelectMany(AddressLists.Destinations));

    private static string? Ports(List<FirewallRule> blocks)
    {
        if (blocks.Count == 0 || blocks.Select(rule => rule.Protocol).Distinct(StringComparer.Ordinal).ToList() is not [{ } protocol] || protocol.StartsWith('!') || !blocks.TrueForAll(rule => rule.DestinationPort is { } ports && !ports.StartsWith('!')))
            return null;
        return $"{protocol} dport {NftForm.Ports(PortList.Joined(blocks.Select(rule => PortList.Parse(rule.DestinationPort!, "DestinationPort"))).ToString())}";
    }

    private static IEnumerable<string> Links(List<FirewallRule> blocks, NftSets sets)
    {
        var names = blocks.Select(rule => rule.InInterface!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        var patterns = names.Where(name => name.EndsWith('+')).ToList();
        patterns.RemoveAll(pattern => patterns.Exists(other => other != pattern && pattern.StartsWith(other[..^1], StringComparison.Ordinal)));
        var single = names.Where(name => !name.EndsWith('+') && !patterns.Exists(pattern => InterfaceName.Matches(pattern, name))).ToList();
        if (single.Count > 0)
            yield return single is [var one] ? $"iifname \"{NftForm.Link(one)}\"" : "iifname @" + sets.Links(single);
        foreach (var pattern in patterns)
            yield return $"iifname \"{NftForm.Link(pattern)}\"";
    }
}
