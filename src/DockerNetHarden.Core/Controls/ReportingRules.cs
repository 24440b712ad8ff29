using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// What a control's rules are while it only reports (docs/decisions/0017): each block counts new connections instead of stopping packets, and goes on to the next rule. Exceptions stay, so that what they
/// let pass is not counted.
/// </summary>
public static class ReportingRules
{
    /// <summary>The rules of a control that only reports.</summary>
    /// <param name="rules">The rules of the control that blocks.</param>
    /// <exception cref="RefusedValueException">A rule lets packets pass and is not an exception of a control, so it has nothing to report.</exception>
    public static IEnumerable<FirewallRule> Of(IEnumerable<FirewallRule> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        // The half behind Docker's jump would count everything a second time, and a report has its own log.
        foreach (var rule in rules.Where(static rule => (rule.Control is "Custom" || rule is not { Table: "mangle", Chain: "POSTROUTING" }) && rule.Action != RuleAction.Log))
        {
            if (rule.Action is RuleAction.Drop or RuleAction.Reject)
            {
                // What belongs to no connection opens none.
                if (rule.ConnectionState is not "INVALID,UNTRACKED")
                    yield return rule.With(Report);
            }
            else if (rule.Control is not "Custom")
                yield return rule.With(static spec => spec[RuleFields.Comment] = VerdictChain.ReportNote);
            else
                throw new RefusedValueException("Action", rule.Action.ToString(), "only a rule that drops or rejects has something to report; leave ReportOnly out.");
        }
    }

    private static void Report(RuleSpec spec)
    {
        (spec[RuleFields.Connections], spec[RuleFields.RejectWith], spec[RuleFields.ConnectionDirection]) = (null, null, null);
        spec[RuleFields.Action] = RuleAction.Report;
        spec[RuleFields.Comment] ??= VerdictChain.ReportNote;
        if (spec.Has(RuleFields.TcpFlags))
            return;
        if (spec.Text(RuleFields.ConnectionState) is null)
            spec[RuleFields.ConnectionState] = "NEW";
        // Conntrack's states are alternatives: a connection that is new and redirected is found by its first packet.
        else if (spec.Text(RuleFields.ConnectionState) is "DNAT" && spec.Protocol is "tcp")
            spec[RuleFields.TcpFlags] = "SYN";
    }
}
