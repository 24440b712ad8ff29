using System.Globalization;
using System.Text;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Nftables;

/// <summary>
/// Writes literal rules as an nftables table of our own, <c>inet docker_net_harden</c>: a base chain for each hook just before the filter's own, with a
/// jump to a chain for each control and family, so that a RETURN means the same as in iptables: this control does not decide. A drop there holds whatever
/// comes later; an accept does not protect from later tables. Source: nft(8).
/// </summary>
public static class NftRenderer
{
    /// <summary>The table.</summary>
    public const string Table = HostSnapshot.OwnFamily + " " + HostSnapshot.OwnName;

    /// <summary>The file for <c>nft -f</c>: one transaction that makes the table, or replaces it.</summary>
    /// <param name="rules">Literal rules: those of a chain in their order, and the chains in the order of their jumps.</param>
    /// <exception cref="NftException">A rule cannot be expressed in nft.</exception>
    public static string Render(IReadOnlyList<FirewallRule> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return Render(NftTables.Of(rules.GroupBy(rule => (rule.Hook, rule.Control, rule.Family))
            .Select(chain => new NftControl(chain.Key.Hook, chain.Key.Control, chain.Key.Family, [.. chain.Select(rule => (NftTables.Canonical(rule), 0L, 0L))]))));
    }

    /// <summary>The same for a table.</summary>
    internal static string Render(NftModel model)
    {
        // Declared and deleted first: the file is the same whether the table is there or not.
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"table {Table}\ndelete table {Table}\n\ntable {Table} {{\n"));
        foreach (var item in model.Objects)
            text.Append(CultureInfo.InvariantCulture, $"    {item.Text}\n");
        foreach (var chain in model.Chains)
        {
            text.Append(CultureInfo.InvariantCulture, $"    chain {chain.Name} {{\n{(chain.Head is null ? "" : $"        {chain.Head}\n")}");
            foreach (var line in chain.Lines)
                text.Append(CultureInfo.InvariantCulture, $"        {line.Text}\n");
            text.Append("    }\n");
        }
        return text.Append("}\n").ToString();
    }
}
