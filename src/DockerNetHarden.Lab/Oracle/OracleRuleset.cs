using System.Collections.Immutable;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>A rule as parts that can be removed one by one.</summary>
/// <param name="Matches">Matches, each as text such as <c>! -s 10.0.0.0/8</c>.</param>
/// <param name="Target">The target with its options, <c>-j DROP</c>; empty for a rule that only counts.</param>
internal sealed record OracleRule(ImmutableList<string> Matches, string Target)
{
    public override string ToString() => string.Join(' ', Matches.Add(Target).Where(static part => part.Length > 0));
}

/// <summary>A chain; a user's has no policy.</summary>
internal sealed record OracleChain(string Name, string? Policy, ImmutableList<OracleRule> Rules);

/// <summary>A table of one of the two implementations.</summary>
internal sealed record OracleTable(IptablesBackend Backend, string Name, ImmutableList<OracleChain> Chains);

/// <summary>All rules of one family, in one implementation or in both.</summary>
internal sealed record OracleRuleset(Family Family, ImmutableList<OracleTable> Tables)
{
    private static readonly (string Table, string[] Chains)[] BuiltIn =
    [
        ("raw", ["PREROUTING", "OUTPUT"]),
        ("mangle", ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]),
        ("nat", ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]),
        ("filter", ["INPUT", "FORWARD", "OUTPUT"]),
    ];

    public IEnumerable<IptablesBackend> Backends => Tables.Select(static table => table.Backend).Distinct();

    public int RuleCount => Tables.Sum(static table => table.Chains.Sum(static chain => chain.Rules.Count));

    public static OracleRuleset Empty(Family family) => new(family, []);

    /// <summary>The input of iptables-restore. It contains every table: one that is missing would keep the rules of the ruleset before.</summary>
    public string RestoreText(IptablesBackend backend)
    {
        var text = new StringBuilder();
        foreach (var (name, builtIn) in BuiltIn)
        {
            var chains = Tables.Find(table => table.Backend == backend && string.Equals(table.Name, name, StringComparison.Ordinal))?.Chains ?? [];
            text.Append('*').Append(name).Append('\n');
            foreach (var chain in builtIn)
                text.Append(':').Append(chain).Append(' ').Append(chains.Find(found => string.Equals(found.Name, chain, StringComparison.Ordinal))?.Policy ?? "ACCEPT").Append(" [0:0]\n");
            foreach (var chain in chains.Where(static chain => chain.Policy is null))
                text.Append(':').Append(chain.Name).Append(" - [0:0]\n");
            foreach (var chain in chains)
            {
                foreach (var rule in chain.Rules)
                    text.Append("-A ").Append(chain.Name).Append(' ').Append(rule).Append('\n');
            }
            text.Append("COMMIT\n");
        }
        return text.ToString();
    }

    /// <summary>Only the parts that are not empty, for people.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var table in Tables.Where(static table => table.Chains.Exists(IsTelling)))
        {
            text.Append('*').Append(table.Name).Append(" (").Append(Family == Family.IPv4 ? "iptables-" : "ip6tables-").Append(table.Backend == IptablesBackend.Nft ? "nft" : "legacy").Append(")\n");
            foreach (var chain in table.Chains.Where(IsTelling))
            {
                text.Append(':').Append(chain.Name).Append(' ').Append(chain.Policy ?? "-").Append('\n');
                foreach (var rule in chain.Rules)
                    text.Append("-A ").Append(chain.Name).Append(' ').Append(rule).Append('\n');
            }
        }
        return text.Length > 0 ? text.ToString() : "(no rules)\n";
    }

    private static bool IsTelling(OracleChain chain) => chain.Rules.Count > 0 || chain.Policy is "DROP" or null;
}
