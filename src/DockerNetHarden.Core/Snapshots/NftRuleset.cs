using System.Text.Json;
using System.Text.Json.Serialization;

namespace DockerNetHarden.Snapshots;

/// <summary>A chain of nf_tables. Source: libnftables-json(5).</summary>
/// <param name="Family"><c>ip</c>, <c>ip6</c>, <c>inet</c>, <c>bridge</c>, <c>netdev</c>, <c>arp</c>.</param>
/// <param name="Table">The table.</param>
/// <param name="Name">The chain.</param>
/// <param name="Type"><c>filter</c>, <c>nat</c> or <c>route</c>; null if it is not a base chain.</param>
/// <param name="Hook"><c>prerouting</c>, <c>input</c>, <c>forward</c>, <c>output</c>, <c>postrouting</c>, <c>ingress</c>, <c>egress</c>; null if it is not a base chain.</param>
/// <param name="Priority">The priority; 0 if it is not a base chain.</param>
/// <param name="Policy"><c>accept</c> or <c>drop</c>; null if it is not a base chain.</param>
/// <param name="Devices">The links of a netdev chain; empty if it has several and nft does not print them (1.0.6): it may then be any.</param>
public sealed record NftChain(string Family, string Table, string Name, string? Type, string? Hook, int Priority, string? Policy, IReadOnlyList<string> Devices);

/// <summary>A rule of nf_tables.</summary>
/// <param name="Family">The family of its table.</param>
/// <param name="Table">The table.</param>
/// <param name="Chain">The chain.</param>
/// <param name="Handle">The handle.</param>
/// <param name="Expressions">The statements, as libnftables-json(5) writes them.</param>
public sealed record NftRule(string Family, string Table, string Chain, long Handle, IReadOnlyList<JsonElement> Expressions)
{
    /// <summary>The comment; null if it has none.</summary>
    public string? Comment { get; init; }
}

/// <summary>A named set of nf_tables.</summary>
/// <param name="Family">The family of its table.</param>
/// <param name="Table">The table.</param>
/// <param name="Name">The name, which rules write with a leading <c>@</c>.</param>
/// <param name="Type">The type of its elements, for example <c>ipv4_addr</c>; several of a concatenation are joined by <c> . </c>.</param>
/// <param name="Elements">The elements, as libnftables-json(5) writes them.</param>
public sealed record NftSet(string Family, string Table, string Name, string Type, IReadOnlyList<JsonElement> Elements)
{
    /// <summary>How long an element that a rule added stays, in seconds; null if the set has no timeout: then its elements are those that were given.</summary>
    public long? Timeout { get; init; }

    /// <summary>How many elements it can have; null if that was not given.</summary>
    public long? Size { get; init; }
}

/// <summary>A named map of nf_tables.</summary>
/// <param name="Family">The family of its table.</param>
/// <param name="Table">The table.</param>
/// <param name="Name">The name, which rules write with a leading <c>@</c>.</param>
/// <param name="Elements">The elements, each a pair of key and value as libnftables-json(5) writes them.</param>
public sealed record NftMap(string Family, string Table, string Name, IReadOnlyList<JsonElement> Elements);

/// <summary>A named limit of nf_tables.</summary>
/// <param name="Family">The family of its table.</param>
/// <param name="Table">The table.</param>
/// <param name="Name">The name, by which rules use it.</param>
/// <param name="IsOver">Whether it matches what is above the rate (<c>over</c>) instead of what is within.</param>
public sealed record NftLimit(string Family, string Table, string Name, bool IsOver)
{
    /// <summary>The rate and its unit, for example <c>5/minute</c>; null if it does not count packets.</summary>
    public string? Rate { get; init; }

    /// <summary>How many packets may come at once.</summary>
    public long Burst { get; init; }
}

/// <summary>A table of nf_tables that has flags. Source: nft(8), "Tables".</summary>
/// <param name="Family">The family.</param>
/// <param name="Name">The name.</param>
/// <param name="Flags">The flags: <c>dormant</c> (its base chains see no packet), <c>owner</c>, <c>persist</c>. In JSON, nft 1.0.6 prints a random text from its memory instead.</param>
public sealed record NftTable(string Family, string Name, IReadOnlyList<string> Flags);

/// <summary>All of nf_tables, as <c>nft -j list ruleset</c> prints it, including the tables of iptables-nft.</summary>
/// <param name="Chains">The chains.</param>
/// <param name="Rules">The rules, in order within each chain.</param>
/// <param name="Flowtables">Flowtables, each as <c>family table name</c>: their packets bypass all chains.</param>
[JsonConverter(typeof(NftConverter))]
public sealed record NftRuleset(IReadOnlyList<NftChain> Chains, IReadOnlyList<NftRule> Rules, IReadOnlyList<string> Flowtables)
{
    /// <summary>The named maps; Docker's nftables rules find the chains of a bridge with them.</summary>
    public IReadOnlyList<NftMap> Maps { get; init; } = [];

    /// <summary>The named limits.</summary>
    public IReadOnlyList<NftLimit> Limits { get; init; } = [];

    /// <summary>The named sets.</summary>
    public IReadOnlyList<NftSet> Sets { get; init; } = [];

    /// <summary>The handles of all tables, chains, rules, sets and objects that were read, ascending: what is made anew gets a new one. Not part of a file.</summary>
    internal IReadOnlyList<long> Handles { get; init; } = [];

    /// <summary>What belongs to one table; the handles are those of everything.</summary>
    /// <param name="family">Its family.</param>
    /// <param name="table">Its name.</param>
    public NftRuleset Only(string family, string table) => new(
        [.. Chains.Where(chain => chain.Family == family && chain.Table == table)], [.. Rules.Where(rule => rule.Family == family && rule.Table == table)], [])
    {
        Limits = [.. Limits.Where(limit => limit.Family == family && limit.Table == table)],
        Sets = [.. Sets.Where(set => set.Family == family && set.Table == table)],
        FlaggedTables = [.. FlaggedTables.Where(each => each.Family == family && each.Name == table)],
        Handles = Handles,
    };

    /// <summary>Everything but one table.</summary>
    internal NftRuleset Without(string family, string table) => this with
    {
        Chains = [.. Chains.Where(chain => chain.Family != family || chain.Table != table)],
        Rules = [.. Rules.Where(rule => rule.Family != family || rule.Table != table)],
    };

    /// <summary>The tables that have flags; one without is only named by its chains.</summary>
    public IReadOnlyList<NftTable> FlaggedTables { get; init; } = [];
}
