using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>The target's options, and the words that a rule carries along.</summary>
internal static partial class RuleValidation
{
    // xt_comment keeps 256 bytes with the terminating zero.
    private const int MaxComment = 255;

    private static readonly string[] BuiltInTargets = ["ACCEPT", "DROP", "RETURN", "REJECT", "LOG", "QUEUE", "NFQUEUE", "MARK", "CONNMARK", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP", "TPROXY", "CT", "NOTRACK", "TEE", "NFLOG", "SET", "TCPMSS", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "AUDIT", "TRACE"];

    private static void Target(RuleSpec rule, Hook hook, Family family)
    {
        var action = rule.Action!.Value;
        if (!Enum.IsDefined(action))
            throw new RefusedValueException("Action", action.ToString(), "the actions are Accept, Return, Drop, Reject, Log and Jump.");
        Only(action == RuleAction.Reject, rule.RejectWith, "RejectWith", "only a rule with the action Reject answers.");
        Only(action == RuleAction.Log, rule.LogPrefix, "LogPrefix", "only a rule with the action Log has one.");
        Only(action == RuleAction.Jump, rule.JumpTarget, "JumpTarget", "only a rule with the action Jump goes to another chain.");
        switch (action)
        {
            case RuleAction.Reject:
                if (hook.Table is not "filter")
                    throw new RefusedValueException("Action", "REJECT", $"the kernel rejects in table filter only, not in {hook.Table}; use DROP there.");
                rule.RejectWith = RuleWords.RejectWith(rule.RejectWith ?? (family == Family.IPv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable"), family);
                if (rule.RejectWith is "tcp-reset" && rule.Protocol is not "tcp")
                    throw new RefusedValueException("RejectWith", rule.RejectWith, "a reset answers tcp only; add -p tcp.");
                break;
            case RuleAction.Log:
                rule.LogPrefix = Words(rule.LogPrefix, "LogPrefix");
                if (rule.LogPrefix?.Length > MaxLogPrefix)
                    throw new RefusedValueException("LogPrefix", rule.LogPrefix, $"the kernel keeps {MaxLogPrefix} characters, this one has {rule.LogPrefix.Length}.");
                break;
            case RuleAction.Jump:
                var target = rule.JumpTarget ?? throw new RefusedValueException("JumpTarget", null, "a jump needs the name of a chain.");
                if (!ChainPattern().IsMatch(target))
                    throw new RefusedValueException("JumpTarget", target, "a chain's name has 1 to 28 letters, digits and '_', '.', '+', '-', and does not begin with '-'.");
                if (BuiltInTargets.Contains(target, StringComparer.Ordinal))
                    throw new RefusedValueException("JumpTarget", target, "that is a target of iptables' own that this module does not write; the targets are ACCEPT, RETURN, DROP, REJECT, LOG and chains.");
                if (target.StartsWith(Hook.Prefix, StringComparison.Ordinal) || Hook.All.Any(known => string.Equals(known.Chain, target, StringComparison.Ordinal)))
                    throw new RefusedValueException("JumpTarget", target, "a rule cannot jump to a hook or to a chain of ours: a loop would be possible.");
                break;
        }
    }

    private static void Only(bool allowed, string? value, string part, string reason)
    {
        if (value is not null && !allowed)
            throw new RefusedValueException(part, value, reason);
    }

    private static string SetMatch(string text)
    {
        var words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is not [var name, var flags] || !SetPattern().IsMatch(name) || !flags.Split(',').All(flag => flag is "src" or "dst") || flags.Split(',').Length > 6)
            throw new RefusedValueException("Set", text, "write the ipset's name (at most 31 characters) and what is looked up in it: blocked dst, or pairs src,dst.");
        return $"{name} {flags}";
    }

    // Free text is data all the way, but it has to stay on its line and survive iptables' quoting.
    private static string? Words(string? text, string part)
    {
        if (text is null)
            return null;
        if (text.Length == 0)
            throw new RefusedValueException(part, text, "it is empty; leave it out.");
        foreach (var c in text)
        {
            if (c is < ' ' or > '~')
                throw new RefusedValueException(part, text, "it may hold printable ASCII characters only: no line ends, tabs or other control characters.");
        }
        return text;
    }

    private static void CommentLength(RuleSpec rule)
    {
        var comment = new RuleMark(rule.Control, rule.Subject, rule.Network).ToComment(rule.Comment);
        if (comment.Length > MaxComment)
            throw new RefusedValueException("Comment", rule.Comment, $"with the rule's mark it has {comment.Length} characters; iptables keeps {MaxComment}.");
    }

    [GeneratedRegex(@"\A[A-Za-z0-9_.+][A-Za-z0-9_.+-]{0,27}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ChainPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9_.:-]{1,31}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex SetPattern();
}
