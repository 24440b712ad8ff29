using DockerNetHarden.Addresses;
using DockerNetHarden.Nftables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Policy;

/// <summary>
/// The rules of ours on a host by their marks, each read once, and whether other rules would change nothing there. A plan answers the same, but it looks at all rules of the host each time: a host with hundreds
/// of networks is asked hundreds of times.
/// </summary>
internal sealed class InstalledMarks
{
    private readonly HostSnapshot _host;
    private readonly OperandResolver _resolver;
    private readonly ILookup<RuleMark?, (OurChain Chain, OurLine Line)> _byMark;
    private readonly Lazy<bool> _isSettled;
    private readonly FirewallBackend _backend;

    internal InstalledMarks(HostSnapshot host)
    {
        _host = host;
        var chains = OurChain.OfHost(host);
        _byMark = chains.SelectMany(chain => chain.Folded, (chain, line) => (Chain: chain, Line: line)).ToLookup(pair => pair.Line.Mark);
        _isSettled = new(IsSettled);
        // Rules that somebody put into the table on purpose are asked for there.
        _backend = HostBackend.DockerUsesNftables(host) || (chains.Any(chain => chain.IsNft) && !chains.Any(chain => !chain.IsNft && chain.Lines.Count > 0)) ? FirewallBackend.Nftables : FirewallBackend.Iptables;
        _resolver = new OperandResolver(host, [], backend: _backend);
    }

    /// <summary>All rules of ours, in the order of the tables: IPv4 first.</summary>
    internal IReadOnlyList<FirewallRule> Rules =>
        [.. InstalledRule.ReadAll(_host).Where(rule => rule is { IsOurs: true, Rule: not null }).Select(rule => rule.Rule!)];

    /// <summary>Whether the host has exactly these rules under their marks: a plan with them would be empty.</summary>
    internal bool AreExactly(IReadOnlyList<FirewallRule> rules)
    {
        try
        {
            return rules.Count > 0 && _isSettled.Value && AreThere([.. rules.SelectMany(_resolver.Resolve)], [.. rules.Select(rule => rule.Mark).Distinct()]);
        }
        // This host cannot resolve an operand, so this is not what it has.
        catch (PlanException)
        {
            return false;
        }
    }

    private bool AreThere(IReadOnlyList<FirewallRule> literal, IReadOnlyList<RuleMark> marks)
    {
        if (_backend == FirewallBackend.Nftables)
            literal = [.. literal.Select(NftTables.Canonical)];
        else if (literal.Any(rule => !_host.Rules.ContainsKey(rule.Family) && !Placement.IsOptional(rule) && (rule.Family == Family.IPv4 || _host.HasIPv6)))
            return false;
        var there = marks.SelectMany(mark => _byMark[mark]).ToList();
        var wanted = RuleFold.Fold([.. literal.Where(rule => _backend == FirewallBackend.Nftables || _host.Rules.ContainsKey(rule.Family))]);
        // All other lines are where they belong. Between them, each mark has a place for each phase, and only what stands in it depends on the rules.
        var places = wanted.ToLookup(PlaceOf);
        return there.TrueForAll(pair => pair.Line.Rule is not null && pair.Chain.IsNft == (_backend == FirewallBackend.Nftables)) && there.Select(pair => PlaceOf(pair.Line.Rule!)).ToHashSet().SetEquals(places.Select(place => place.Key))
            && there.Select(pair => pair.Line.Rule!).GroupBy(PlaceOf).All(place => IsSame([.. place.DistinctBy(rule => rule.ToString(), StringComparer.Ordinal)], [.. places[place.Key].Select(rule => rule.ToString()).Distinct(StringComparer.Ordinal)]));
    }

    private static (Family, Hook, RuleMark, Phase) PlaceOf(FirewallRule rule) => (rule.Family, rule.Hook, rule.Mark, rule.Phase);

    // The same rules, and in the same order where a packet can meet both: the parts of a chain go by destination, so between others there is no order to read.
    private static bool IsSame(IReadOnlyList<FirewallRule> there, List<string> wanted)
    {
        var places = there.Select(rule => wanted.IndexOf(rule.ToString())).ToList();
        if (there.Count != wanted.Count || places.Contains(-1))
            return false;
        var destinations = there.Select(AddressLists.Destinations).ToList();
        var asked = there.Select(AddressLists.OriginalDestinations).ToList();
        for (var later = 1; later < there.Count; later++)
        {
            for (var earlier = 0; earlier < later; earlier++)
            {
                if (places[earlier] > places[later] && CanMeetBoth(destinations[earlier], destinations[later]) && CanMeetBoth(asked[earlier], asked[later]))
                    return false;
            }
        }
        return true;
    }

    private static bool CanMeetBoth(IReadOnlyList<Cidr> one, IReadOnlyList<Cidr> other) => one.Count == 0 || other.Count == 0 || one.Any(prefix => other.Any(prefix.Overlaps));

    // Whether a plan leaves everything as it is that nobody asks about: chains, their order, and the jumps to them. A plan for one mark as it is looks at all of it. A mark with a line that this module does
    // not write is never as it should be.
    private bool IsSettled()
    {
        if (_byMark.FirstOrDefault(mark => mark.Key is not null && mark.All(pair => pair.Line.Rule is not null)) is not { Key: { } one } known)
            return false;
        return new PlanBuilder(_host, new PlanOptions { Force = true, Backend = _backend }, []).Build([.. known.Select(pair => pair.Line.Rule!)], mark => mark != one, mark => mark == one).IsEmpty;
    }
}
