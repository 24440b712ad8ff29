using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Audit;

/// <summary>Our rules on a host, looked up by control and in-interface.</summary>
internal sealed class InstalledControls
{
    private readonly ILookup<(string Control, Family Family, string Interface), FirewallRule> _byInterface;

    public InstalledControls(HostSnapshot host)
    {
        Chains = [.. host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => OurChain.ReadAll(pair.Value))];
        Rules = [.. Chains.SelectMany(chain => chain.Lines).Where(line => line.Mark is not null).Select(line => line.Rule).OfType<FirewallRule>()];
        ByMark = Rules.ToLookup(rule => rule.Mark);
        _byInterface = Rules.ToLookup(rule => (rule.Control, rule.Family, rule.InInterface ?? ""));
    }

    public IReadOnlyList<OurChain> Chains { get; }

    /// <summary>All rules of ours, in order within each chain.</summary>
    public IReadOnlyList<FirewallRule> Rules { get; }

    public ILookup<RuleMark, FirewallRule> ByMark { get; }

    /// <summary>The rules of a control that see packets of a bridge: those for it, and those for every interface.</summary>
    public IEnumerable<FirewallRule> For(string control, Family family, string bridge) =>
        _byInterface[(control, family, bridge)].Concat(_byInterface[(control, family, "")]).Concat(NewBridges(control, family, bridge));

    /// <summary>
    /// What a control's own exceptions leave open to a bridge, as sets. Only what they certainly leave open: the exceptions in filter or, if the control has none there (Docker with
    /// nftables), those of its half in mangle.
    /// </summary>
    public IEnumerable<PacketSet> Exceptions(string control, Family family, string bridge)
    {
        var rules = For(control, family, bridge).ToList();
        return Exceptions(rules.Exists(rule => rule.Table is "filter") ? rules.Where(rule => rule.Table is "filter") : rules, bridge);
    }

    /// <summary>
    /// What the exceptions of a block's own control may let past it: those in its chain, for custom rules those before it. An exception with a condition that a set cannot express counts without
    /// it: whoever wrote it means that some of these packets pass.
    /// </summary>
    public IEnumerable<PacketSet> MayPass(FirewallRule block, string bridge) => Rules
        .TakeWhile(rule => block.Control is not "Custom" || !rule.Equals(block))
        .Where(rule => rule.Control == block.Control && rule.Family == block.Family && rule.Hook == block.Hook && rule.Action is RuleAction.Return or RuleAction.Accept)
        .Where(rule => block.Control is "Custom" || rule.Phase is Phase.Exception)
        .Select(rule => RulePackets.Widest(rule, bridge))
        .OfType<AccessQuery>()
        .Select(PacketSet.Of);

    private static IEnumerable<PacketSet> Exceptions(IEnumerable<FirewallRule> rules, string bridge) => rules
        .Where(rule => rule.Phase is Phase.Exception)
        .Select(rule => RulePackets.Of(rule, bridge))
        .OfType<AccessQuery>()
        .Select(PacketSet.Of);

    // Rules for networks made later: br-+ (iptables(8): a name that ends in '+' is the beginning of names).
    private IEnumerable<FirewallRule> NewBridges(string control, Family family, string bridge) =>
        bridge.StartsWith("br-", StringComparison.Ordinal) ? _byInterface[(control, family, "br-+")] : [];
}

/// <summary>The packets that a rule names, as a question.</summary>
internal static class RulePackets
{
    /// <summary>
    /// The packets of a rule that enter by a bridge; null if it has a condition that a question cannot express. A negated out-interface is left to the
    /// caller: it means forwarded packets.
    /// </summary>
    public static AccessQuery? Of(FirewallRule rule, string bridge) =>
        !IsPlain(rule) || rule.OutInterface?.StartsWith('!') == false || !Plain(rule.Destination) || !Plain(rule.Source) || !Plain(rule.DestinationPort) || !Plain(rule.SourcePort) || !Plain(rule.Protocol)
            ? null : Question(rule, bridge);

    /// <summary>The packets of a rule and perhaps more: conditions that a question cannot express are left out. Null if none enters by the bridge.</summary>
    public static AccessQuery? Widest(FirewallRule rule, string bridge)
    {
        if (rule.InInterface is null)
            return Question(rule, bridge);
        var (not, link) = Negatable.Parse(rule.InInterface);
        var isMeant = link.EndsWith('+') ? bridge.StartsWith(link[..^1], StringComparison.Ordinal) : string.Equals(link, bridge, StringComparison.Ordinal);
        return isMeant != not ? Question(rule, bridge) : null;
    }

    private static AccessQuery Question(FirewallRule rule, string bridge) => new()
    {
        Family = rule.Family,
        InInterface = bridge,
        Sources = If(rule.Source) is { } source ? [Cidr.Parse(source)] : [],
        Destinations = If(rule.Destination) is { } destination ? [Cidr.Parse(destination)] : [],
        Protocol = If(rule.Protocol),
        SourcePorts = If(rule.SourcePort) is { } from ? PortList.Parse(from, "SourcePort") : null,
        Ports = If(rule.DestinationPort) is { } to ? PortList.Parse(to, "DestinationPort") : null,
    };

    private static string? If(string? text) => Plain(text) ? text : null;

    // What a question expresses, or what says nothing about packets. A rule in which any other field is given matches fewer packets than the question names.
    private static readonly HashSet<RuleField> Asked = new(
        [
            RuleFields.Control, RuleFields.Subject, RuleFields.Network, RuleFields.Comment, RuleFields.Family, RuleFields.Table, RuleFields.Chain, RuleFields.InInterface, RuleFields.OutInterface,
            RuleFields.Source, RuleFields.Destination, RuleFields.Protocol, RuleFields.SourcePort, RuleFields.DestinationPort, RuleFields.Action, RuleFields.RejectWith, RuleFields.LogPrefix,
            RuleFields.JumpTarget, RuleFields.ConnectionDirection, RuleFields.SourceAddressType,
        ],
        ReferenceEqualityComparer.Instance);

    // First packets from containers always meet these conditions: they go in their connection's first direction and do not come from an address of the host.
    private static bool IsPlain(FirewallRule rule) =>
        rule is { ConnectionDirection: null or "ORIGINAL", SourceAddressType: null or "!LOCAL" } && RuleFields.All.All(field => !rule.Spec.Has(field) || Asked.Contains(field));

    // Neither negated nor a symbol that only a host can resolve.
    private static bool Plain(string? text) => text is null || !(text.StartsWith('!') || text.Contains("docker:", StringComparison.Ordinal) || text.StartsWith("network:", StringComparison.Ordinal));
}
