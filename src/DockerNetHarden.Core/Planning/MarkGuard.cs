using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// Refuses, without Force, an incomplete set of rules for a mark. Applying a mark replaces everything under it, so a filter in the pipeline
/// (Select-Object -First 1, Where-Object) could reduce a block to its exceptions.
/// </summary>
internal static class MarkGuard
{
    public static void Check(IReadOnlyList<FirewallRule> desired, HostSnapshot host)
    {
        var marks = desired.GroupBy(rule => rule.Mark).Where(mark => mark.Key.Control is not "Custom" && !mark.Any(Blocks) && !mark.Any(VerdictChain.IsOfReport)).ToList();
        // Reading the host's chains takes time; a set with blocks in it needs no check.
        if (marks.Count == 0)
            return;
        var there = OurChain.OfHost(host).SelectMany(chain => chain.Lines).Where(line => line.Rule is not null).ToList();
        foreach (var mark in marks)
        {
            if (there.Exists(line => line.Mark == mark.Key && Blocks(line.Rule!)))
                throw new PlanException(PlanFailure.NeedsForce, $"What is given for {mark.Key} has only exceptions, but {host.HostName} has blocks under that mark, and all of them would be removed.", "Give the whole output of the command that makes the mark, unfiltered; or, if the block should go, use Remove-FirewallRule first, or -Force.");
        }
    }

    /// <summary>Marks whose blocks would be replaced by reports. Whoever says -ReportOnly means it, but should hear that packets pass again.</summary>
    public static IEnumerable<string> Opened(IReadOnlyList<FirewallRule> desired, HostSnapshot host)
    {
        var marks = desired.Where(VerdictChain.IsOfReport).Select(rule => rule.Mark).ToHashSet();
        if (marks.Count == 0)
            return [];
        return OurChain.OfHost(host).SelectMany(chain => chain.Lines).Where(line => line is { Mark: not null, Rule: not null } && marks.Contains(line.Mark) && Blocks(line.Rule))
            .Select(line => line.Mark!.ToString()).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)
            .Select(mark => $"{mark} blocks on {host.HostName} now, and only reports after this: what it blocks is open again. Apply it without -ReportOnly to close it.");
    }

    private static bool Blocks(FirewallRule rule) => rule.Action is RuleAction.Drop or RuleAction.Reject;
}
