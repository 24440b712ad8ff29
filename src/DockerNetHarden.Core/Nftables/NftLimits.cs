using System.Globalization;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>
/// The counting objects of a table: a named limit for each rule with a rate, a set for each bucket list of hashlimit, and a chain if a rate beyond which is
/// dropped must hold even when its set is full. Source: nft(8), limit, dynamic sets.
/// </summary>
internal sealed class NftLimits
{
    // hashlimit's own default is 65,536 entries and more; anything beyond that fails closed.
    private const int SetSize = 65535;

    private readonly Dictionary<(Family Family, string Name), string> _sets = [];
    private readonly StringBuilder _objects = new();
    private readonly StringBuilder _chains = new();
    private int _limits;
    private int _guards;

    /// <summary>Limits and sets, which come first in the table.</summary>
    public string Objects => _objects.ToString();

    /// <summary>Chains that rules of the table jump to.</summary>
    public string Chains => _chains.ToString();

    /// <summary>The matches for a rule's rates, and the verdict that remains: a packet takes from each at most once.</summary>
    public (string Matches, string Verdict) Of(FirewallRule rule, string verdict)
    {
        var words = new List<string>();
        if (rule.Limit is { } limit)
            words.Add($"limit name \"{Named(Rate(limit, hash: false), rule.LimitBurst ?? 5, over: false)}\"");
        if (rule.HashLimit?.Split(' ') is not [var direction, var text])
            return (string.Join(' ', words), verdict);

        var above = direction is "above";
        var rate = Rate(text, hash: true);
        var burst = rule.HashLimitBurst ?? 5;
        if (rule.HashLimitMode is null)
            words.Add($"limit name \"{Named(rate, burst, above)}\"");
        else if (above && rule.Action is RuleAction.Drop or RuleAction.Reject)
            return (string.Join(' ', words), $"jump {Guard(Update(rule, rate, burst, over: false), verdict)}");
        else
            words.Add(Update(rule, rate, burst, above));
        return (string.Join(' ', words), verdict);
    }

    private string Named(string rate, int burst, bool over)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"rate_{++_limits}");
        _objects.Append(CultureInfo.InvariantCulture, $"    limit {name} {{ rate {(over ? "over " : "")}{rate} burst {burst} packets; }}\n");
        return name;
    }

    // A full set accepts no new entry, and the rule that needs one does not match. Within the rate the chain returns, so packets that are not counted are stopped.
    private string Guard(string within, string verdict)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"beyond_{++_guards}");
        _chains.Append(CultureInfo.InvariantCulture, $"    chain {name} {{\n        {within} return\n        {verdict}\n    }}\n");
        return name;
    }

    private string Update(FirewallRule rule, string rate, int burst, bool over)
    {
        var keys = rule.HashLimitMode!.Split(',');
        // Each address family has its own buckets, as ip6tables does.
        if (!_sets.TryGetValue((rule.Family, rule.HashLimitName!), out var set))
        {
            set = string.Create(CultureInfo.InvariantCulture, $"buckets_{_sets.Count + 1}");
            _sets.Add((rule.Family, rule.HashLimitName!), set);
            var types = keys.Select(key => key is "srcip" or "dstip" ? rule.Family == Family.IPv4 ? "ipv4_addr" : "ipv6_addr" : "inet_service");
            _objects.Append(CultureInfo.InvariantCulture, $"    set {set} {{ type {string.Join(" . ", types)}; size {SetSize}; flags dynamic,timeout; timeout {Timeout(rule)}s; }}\n");
        }
        return string.Create(CultureInfo.InvariantCulture, $"update @{set} {{ {string.Join(" . ", keys.Select(key => Key(rule, key)))} limit rate {(over ? "over " : "")}{rate} burst {burst} packets }}");
    }

    // A forgotten entry starts again with a full burst, so it is not forgotten before its burst would be full anyway.
    private static long Timeout(FirewallRule rule) =>
        Math.Max(60, (long)Math.Ceiling((rule.HashLimitBurst ?? 5) / Rules.Rate.ParseHashLimit(rule.HashLimit!.Split(' ')[1], "HashLimit").PerSecond));

    private static string Key(FirewallRule rule, string key) => key switch
    {
        "srcip" => NftForm.Word(rule.Family) + " saddr",
        "dstip" => NftForm.Word(rule.Family) + " daddr",
        _ when !RuleWords.HasPorts(rule.Protocol) => throw new NftException(rule, $"buckets by {key} need a protocol that has ports; add -p tcp, for example."),
        "srcport" => rule.Protocol + " sport",
        _ => rule.Protocol + " dport",
    };

    private static string Rate(string text, bool hash)
    {
        var rate = (hash ? Rules.Rate.ParseHashLimit(text, "HashLimit") : Rules.Rate.ParseLimit(text, "Limit")).ToString().Split('/');
        return $"{rate[0]}/{(rate[1] switch { "sec" => "second", "min" => "minute", var unit => unit })}";
    }
}
