using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>
/// The jumps from one hook of one family to our chains: which should be there, and what has to be done. A jump is inserted at the head, without a number
/// (numbered inserts fail under concurrency on nft), and only if it is missing, duplicated or out of reach.
/// </summary>
internal sealed class JumpPlan
{
    internal JumpPlan(IReadOnlyList<RuleLine> delete, IReadOnlyList<RuleLine> insert, IReadOnlyList<string> warnings) =>
        (Delete, Insert, Warnings) = (delete, insert, warnings);

    /// <summary>One entry per deletion; a duplicated line is listed twice.</summary>
    public IReadOnlyList<RuleLine> Delete { get; }

    /// <summary>In the order of insertion: the last one ends up first.</summary>
    public IReadOnlyList<RuleLine> Insert { get; }

    public IReadOnlyList<string> Warnings { get; }

    /// <summary>What has to be done so that the hook jumps to <paramref name="wanted"/> and to no other chain of ours.</summary>
    public static JumpPlan Of(Ruleset rules, Hook hook, Family family, IReadOnlyList<OurChain> wanted)
    {
        var lines = rules[hook.Table, hook.Chain];
        var there = lines.Where(IsOurs).ToList();
        // Custom rules may ACCEPT. They come last, so that they cannot hide another control's block.
        var order = wanted.OrderBy(chain => chain.Control is "Custom" ? 1 : 0).ThenBy(chain => chain.Name, StringComparer.Ordinal).ToList();
        var missing = order.Where(chain => !there.Exists(line => IsJumpTo(line, chain))).ToList();
        var extra = there.Where((line, index) => !order.Exists(chain => IsJumpTo(line, chain)) || there.FindIndex(other => SameTokens(other, line)) < index).ToList();

        var shadow = lines.FirstOrDefault(IsEndOfChain);
        var shadowed = shadow is null ? [] : there.Where(line => line.Position > shadow.Position && !extra.Exists(other => other.Position == line.Position)).ToList();
        var customFirst = order is [.., { Control: "Custom" } custom] && order.Count > 1
            && (missing.Contains(custom) ? missing.Count < order.Count : Precedes(there, custom, order));

        if (shadowed.Count == 0 && !customFirst)
            return new JumpPlan(extra, [.. Enumerable.Reverse(missing).Select(chain => chain.Jump)], []);

        var warnings = shadowed.Count == 0 ? Array.Empty<string>()
            : [$"{hook.Table} {hook.Chain} rule {shadow!.Position} ({shadow.Text}) hid our jump{(shadowed.Count == 1 ? "" : "s")} to {string.Join(", ", shadowed.Select(line => line.Target))}: moved to the head of the chain."];
        return new JumpPlan(there, [.. Enumerable.Reverse(order).Select(chain => chain.Jump)], warnings);
    }

    /// <summary>Whether a line is a jump of ours: exactly our comment and our chain (in FORWARD: DOCKER-USER), without a condition.</summary>
    public static bool IsOurs(RuleLine line) => ForwardJump.IsOurs(line) || IsToOurs(line);

    private static bool IsToOurs(RuleLine line) =>
        line.Tokens is ["-m", "comment", "--comment", RuleMark.Owner, "-j", var target] && Hook.OwnerOf(line.Table, target)?.Hook.Chain is { } chain && string.Equals(chain, line.Chain, StringComparison.Ordinal);

    /// <summary>Whether the kernel never reads past this line: it matches every packet and ends the chain.</summary>
    public static bool IsEndOfChain(RuleLine line)
    {
        var tokens = line.Tokens is ["-m", "comment", "--comment", _, ..] ? line.Tokens.Skip(4).ToList() : [.. line.Tokens];
        return tokens is ["-j", "ACCEPT" or "DROP" or "RETURN" or "REJECT" or "QUEUE", ..] or ["-g", _];
    }

    // A custom chain must not come before another control's chain.
    private static bool Precedes(List<RuleLine> there, OurChain custom, List<OurChain> order)
    {
        var position = there.FindIndex(line => IsJumpTo(line, custom));
        // A missing jump will be inserted at the head, before the custom chain.
        return there.FindLastIndex(line => order.Exists(chain => chain != custom && IsJumpTo(line, chain))) > position;
    }

    private static bool IsJumpTo(RuleLine line, OurChain chain) => line.Tokens.SequenceEqual(chain.JumpTokens, StringComparer.Ordinal);

    private static bool SameTokens(RuleLine one, RuleLine other) => one.Tokens.SequenceEqual(other.Tokens, StringComparer.Ordinal);
}
