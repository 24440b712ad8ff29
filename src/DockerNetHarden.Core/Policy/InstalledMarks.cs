using DockerNetHarden.Addresses;
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
    private readonly IReadOnlyList<OurChain> _chains;
    private readonly ILookup<RuleMark?, (OurChain Chain, OurLine Line)> _byMark;
    private readonly Lazy<bool> _isSettled;

    internal InstalledMarks(HostSnapshot host)
    {
        _host = host;
        _resolver = new OperandResolver(host, []);
        _chains = [.. host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => OurChain.ReadAll(pair.Value))];
        _byMark = _chains.SelectMany(chain => chain.Lines, (chain, line) => (Chain: chain, Line: line)).ToLookup(pair => pair.Line.Mark);
        _isSettled = new(IsSettled);
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
        if (literal.Any(rule => !_host.Rules.ContainsKey(rule.Family) && (rule.Family == Family.IPv4 || _host.HasIPv6)))
            return false;
        var there = marks.SelectMany(mark => _byMark[mark]).ToLookup(pair => (pair.Chain.Family, pair.Chain.Hook, pair.Chain.Control), pair => pair.Line);
        var wanted = literal.Where(rule => _host.Rules.ContainsKey(rule.Family)).ToLookup(rule => (rule.Family, rule.Hook, rule.Control));
        // All other lines are where they belong. Between them, each mark has a place for each phase, and only the order within it depends on the rules.
        return there.Select(place => place.Key).Concat(wanted.Select(place => place.Key)).Distinct().All(place =>
            there[place].All(line => line.Rule is not null)
            && Ordered(there[place].Select(line => line.Rule!)).SequenceEqual(Ordered(wanted[place]), StringComparer.Ordinal));
    }

    private static IEnumerable<string> Ordered(IEnumerable<FirewallRule> rules) =>
        rules.OrderBy(rule => rule.Mark.ToString(), StringComparer.Ordinal).ThenBy(rule => rule.Phase).Select(rule => rule.ToString()).Distinct(StringComparer.Ordinal);

    // Whether a plan leaves everything as it is that nobody asks about: chains, their order, and the jumps to them. A plan for one mark as it is looks at all of it. A mark with a line that this module does
    // not write is never as it should be.
    private bool IsSettled()
    {
        if (_byMark.FirstOrDefault(mark => mark.Key is not null && mark.All(pair => pair.Line.Rule is not null)) is not { Key: { } one } known)
            return false;
        return new PlanBuilder(_host, new PlanOptions { Force = true }, []).Build([.. known.Select(pair => pair.Line.Rule!)], mark => mark != one, mark => mark == one).IsEmpty;
    }
}
