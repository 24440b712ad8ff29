using System.Globalization;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>
/// Writes literal rules as an nftables table of our own, <c>inet docker_net_harden</c>: a base chain for each hook just before the filter's own, with a
/// jump to a chain for each control and family, so that a RETURN means the same as in iptables: this control does not decide. A drop there holds whatever
/// comes later; an accept does not protect from later tables. Source: nft(8).
/// </summary>
public static class NftRenderer
{
    /// <summary>The table.</summary>
    public const string Table = "inet docker_net_harden";

    // nft keeps 128 bytes of a comment, including the terminating zero (NFTNL_UDATA_COMMENT_MAXLEN).
    private const int MaxComment = 127;

    /// <summary>The file for <c>nft -f</c>: one transaction that makes the table, or replaces it.</summary>
    /// <param name="rules">Literal rules: those of a chain in their order, and the chains in the order of their jumps.</param>
    /// <exception cref="NftException">A rule cannot be expressed in nft.</exception>
    public static string Render(IReadOnlyList<FirewallRule> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        var limits = new NftLimits();
        var chains = rules.GroupBy(rule => (rule.Hook, rule.Control, rule.Family))
            .Select(chain => (chain.Key.Hook, chain.Key.Family, Name: ChainName(chain.Key.Hook, chain.Key.Control, chain.Key.Family), Lines: chain.SelectMany(VerdictChain.Apart).SelectMany(rule => Lines(rule, limits)).ToList()))
            .ToList();

        // Declared and deleted first: the file is the same whether the table is there or not.
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"table {Table}\ndelete table {Table}\n\ntable {Table} {{\n"));
        text.Append(limits.Objects).Append(limits.Chains);
        foreach (var chain in chains)
            text.Append(CultureInfo.InvariantCulture, $"    chain {chain.Name} {{\n{string.Concat(chain.Lines.Select(line => $"        {line}\n"))}    }}\n");
        foreach (var hook in chains.GroupBy(chain => chain.Hook))
        {
            text.Append(CultureInfo.InvariantCulture, $"    chain {BaseName(hook.Key)} {{\n        type filter hook {HookWord(hook.Key)} priority {Priority(hook.Key)}; policy accept;\n");
            foreach (var chain in hook)
                text.Append(CultureInfo.InvariantCulture, $"        meta nfproto {(chain.Family == Family.IPv4 ? "ipv4" : "ipv6")} jump {chain.Name}\n");
            text.Append("    }\n");
        }
        return text.Append("}\n").ToString();
    }

    /// <summary>One rule, in several lines if nft needs them.</summary>
    private static IEnumerable<string> Lines(FirewallRule rule, NftLimits limits)
    {
        var alternatives = NftMatches.Of(rule);
        var (rates, verdict) = limits.Of(rule, Verdict(rule));
        return alternatives.Select(match => string.Join(' ', new[] { match, rates, "counter", verdict, $"comment \"{Comment(rule)}\"" }.Where(part => part.Length > 0)));
    }

    private static string Verdict(FirewallRule rule) => rule.Action switch
    {
        RuleAction.Accept => "accept",
        RuleAction.Return => "return",
        RuleAction.Drop => "drop",
        RuleAction.Reject => "reject with " + RejectWith(rule.RejectWith!),
        RuleAction.Log when rule.LogPrefix is null => "log",
        RuleAction.Log => rule.LogPrefix.AsSpan().IndexOfAny("\"$\\") < 0
            ? $"log prefix \"{rule.LogPrefix}\""
            : throw new NftException(rule, "in nft a log prefix cannot have a quote, a dollar sign or a backslash; use other words."),
        _ => throw new NftException(rule, $"the chain {rule.JumpTarget} belongs to iptables, and nft cannot jump to it; write its decisions as rules."),
    };

    private static string RejectWith(string text) => text switch
    {
        "tcp-reset" => "tcp reset",
        "icmp-proto-unreachable" => "icmp type prot-unreachable",
        "icmp6-adm-prohibited" => "icmpv6 type admin-prohibited",
        _ when text.StartsWith("icmp6-", StringComparison.Ordinal) => "icmpv6 type " + text["icmp6-".Length..],
        _ => "icmp type " + text["icmp-".Length..],
    };

    // The mark is what matters; nft's strings have no escapes.
    private static string Comment(FirewallRule rule)
    {
        var text = rule.Mark.ToComment(rule.Comment).Replace('"', '\'').Replace('\\', '/');
        return text.Length <= MaxComment ? text : text[..MaxComment];
    }

    private static string ChainName(Hook hook, string control, Family family) => $"{BaseName(hook)}_{control.ToLowerInvariant()}_{NftForm.Word(family)}";

    private static string BaseName(Hook hook) => $"{hook.Table}_{HookWord(hook)}";

    // In FORWARD, Docker jumps to DOCKER-USER first of all.
    private static string HookWord(Hook hook) => hook.IsBuiltIn ? hook.Chain.ToLowerInvariant() : "forward";

    // Just before the tables of iptables, whose priorities have these names (nf_ip_hook_priorities of Linux): what they accept has then already passed here.
    private static string Priority(Hook hook) => hook.Table switch
    {
        "raw" => "raw - 10",
        "mangle" => "mangle - 10",
        _ => "filter - 10",
    };
}
