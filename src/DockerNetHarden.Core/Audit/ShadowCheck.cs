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

    public IEnumerable<HardeningFinding> Run(AuditedHost audit)
    {
        if (audit.Controls.Rules.Count == 0)
            return [Info.Found(audit, FindingStatus.NotApplicable, "This module has no rules on the host.")];
        var found = audit.Networks.SelectMany(network => network.HostFamilies.SelectMany(family => Check(network, family))).ToList();
        return found.Count > 0 ? found : [Info.Found(audit, FindingStatus.Pass)];
    }

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
            var bad = blocks.Select(block => (block.Rule, Through: Through(block.Rule, block.Packets, all, network.Bridge)))
                .Where(pair => pair.Through.IsOpen)
                .Select(pair => pair with { Through = pair.Through.Without(network.Audit.Controls.MayPass(pair.Rule, network.Bridge)) })
                .Where(pair => pair.Through.IsOpen)
                .DistinctBy(pair => pair.Rule.ToString(), StringComparer.Ordinal)
                .ToList();
            if (bad.Count > 0)
            {
                yield return Info.Found(network, FindingStatus.Fail, [.. bad.Take(4).SelectMany(pair => new[] { $"{pair.Rule} does not decide:" }.Concat(Evidence.Of(pair.Through.Open)))]) with
                {
                    Remedy = "Look at the rule that decides. If it comes before ours, apply ours again (Invoke-FirewallRule puts its jumps first); if the packets take another way, the rule is in the wrong chain: "
                        + "packets to the host itself, or redirected to it, are decided in INPUT (Block-ContainerHostAccess).",
                };
            }
        }
    }

    // A rule with an excluded out-interface means forwarded packets; a rule without a destination means packets at its own hook.
    internal static Answer Through(FirewallRule rule, PacketSet packets, Answer open, string bridge)
    {
        var way = rule.OutInterface is not null ? open.Where(part => part.Path == PacketPath.Forward && part.NewDestination is null && !string.Equals(part.OutInterface, bridge, StringComparison.Ordinal))
            : rule.Destination is null ? open.Where(part => part.Path == (rule.Chain is "INPUT" ? PacketPath.Local : PacketPath.Forward))
            : open;
        return way.Within(packets);
    }

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
