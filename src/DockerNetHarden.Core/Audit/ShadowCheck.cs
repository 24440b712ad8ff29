using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Audit;

/// <summary>Whether a block of ours decides the packets that it names, or something before it, beside it or in another chain still lets them through.</summary>
internal sealed class ShadowCheck : ICheck
{
    private static readonly CheckInfo Info = new("RULE-INEFFECTIVE", "The blocks of this module decide the packets that they name", Severity.High);

    public IEnumerable<HardeningFinding> Of(AuditedNetwork network)
    {
        IReadOnlyList<HardeningFinding> found = network.Audit.Controls.Rules.Count == 0 ? [] : [.. network.HostFamilies.SelectMany(family => Check(network, family))];
        network.Audit.HasIneffectiveRules |= found.Count > 0;
        return found;
    }

    public IEnumerable<HardeningFinding> Of(AuditedHost audit) =>
        audit.Controls.Rules.Count == 0 ? [Info.Found(audit, FindingStatus.NotApplicable, "This module has no rules on the host.")]
        : audit.HasIneffectiveRules ? []
        : [Info.Found(audit, FindingStatus.Pass)];

    private static IEnumerable<HardeningFinding> Check(AuditedNetwork network, Family family)
    {
        // What gets through at all; almost nothing on a healthy host.
        var open = Asked(network, family).Aggregate(Answer.Nothing, (all, answer) => all.And(AuditedNetwork.Services(answer.Where(Answer.Passes), family)));
        foreach (var control in RuleMark.Controls)
        {
            var blocks = network.Audit.Controls.Blocks(control, family, network.Bridge).ToList();
            var all = control is "Custom" ? open.And(Unasked(network, family, blocks)) : open;
            if (all.IsEmpty)
                continue;
            // Blocks of a control take one of few ways, and there may be thousands.
            var ways = new Dictionary<(bool IsForwarded, bool IsAnywhere, bool IsInput), (Answer Open, PacketSet Packets)>();
            var bad = blocks.Where(block => !Way(block.Rule).Packets.Intersect(block.Packets).IsEmpty)
                .Select(block => (block.Rule, Through: Way(block.Rule).Open.Within(block.Packets)))
                .Where(pair => pair.Through.IsOpen)
                .Select(pair => pair with { Through = pair.Through.Without(network.Audit.Controls.MayPass(pair.Rule, network.Bridge)) })
                .Where(pair => pair.Through.IsOpen)
                .DistinctBy(pair => pair.Rule.ToString(), StringComparer.Ordinal)
                .ToList();
            if (bad.Count > 0)
            {
                yield return Info.Found(network, FindingStatus.Fail, [.. bad.Take(4).SelectMany(pair => new[] { $"{pair.Rule} does not decide:" }.Concat(Evidence.Of(pair.Through.OnlyOpen)))]) with
                {
                    Remedy = "Look at the rule that decides. If it comes before ours, apply ours again (Invoke-FirewallRule puts its jumps first); if the packets take another way, the rule is in the wrong chain: "
                        + "packets to the host itself, or redirected to it, are decided in INPUT (Block-ContainerHostAccess).",
                };
            }

            (Answer Open, PacketSet Packets) Way(FirewallRule rule)
            {
                var key = (rule.OutInterface is not null, rule.Destination is null, rule.Chain is "INPUT");
                if (!ways.TryGetValue(key, out var way))
                {
                    var through = WayOf(rule, all, network.Bridge);
                    ways.Add(key, way = (through, through.Parts.Aggregate(PacketSet.None(family), (together, part) => together.Union(part.Packets))));
                }
                return way;
            }
        }
    }

    // A rule with an excluded out-interface means forwarded packets; a rule without a destination means packets at its own hook.
    internal static Answer Through(FirewallRule rule, PacketSet packets, Answer open, string bridge) => WayOf(rule, open, bridge).Within(packets);

    private static Answer WayOf(FirewallRule rule, Answer open, string bridge) =>
        rule.OutInterface is not null ? open.Where(part => part.Path == PacketPath.Forward && part.NewDestination is null && !string.Equals(part.OutInterface, bridge, StringComparison.Ordinal))
            : rule.Destination is null ? open.Where(part => part.Path == (rule.Chain is "INPUT" ? PacketPath.Local : PacketPath.Forward))
            : open;

    private static IEnumerable<Answer> Asked(AuditedNetwork network, Family family)
    {
        yield return network.Host(family);
        if (!network.Families.Contains(family))
            yield break;
        yield return network.Metadata(family);
        yield return network.Internal(family);
    }

    // Blocks of places that no other check asks about: one question for all of them.
    private static Answer Unasked(AuditedNetwork network, Family family, IReadOnlyList<Block> blocks)
    {
        var places = blocks.Where(block => block.Rule.Destination is not null).SelectMany(block => block.Packets.Destinations).Where(place => !IsAsked(place)).ToList();
        return places.Count == 0 ? Answer.Nothing
            : AuditedNetwork.Services(network.Places(Cidr.Aggregate(places)).Where(Answer.Passes), family);

        bool IsAsked(Cidr place) => AccessTargets.InternalRanges.Any(range => range.Contains(place)) || MetadataAccessOf.Addresses.Any(address => address.Contains(place));
    }
}
