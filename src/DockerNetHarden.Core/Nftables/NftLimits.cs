using System.Globalization;
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

    private readonly SortedDictionary<string, NftObject> _objects = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, NftChainModel> _chains = new(StringComparer.Ordinal);

    /// <summary>Limits and sets.</summary>
    public IEnumerable<NftObject> Objects => _objects.Values;

    /// <summary>Chains that rules of the table jump to.</summary>
    public IEnumerable<NftChainModel> Chains => _chains.Values;

    /// <summary>The matches for a rule's rates, and the verdict that remains: a packet takes from each at most once.</summary>
    public (string Matches, string Verdict) Of(FirewallRule rule, string verdict)
    {
        var words = new List<string>();
        if (rule.Limit is { } limit)
            words.Add(Named(NftNames.Rate, rule, Rates.ToNft(limit), rule.LimitBurst ?? 5, over: false));
        if (rule.HashLimit?.Split(' ') is not [var direction, var text])
            return (string.Join(' ', words), verdict);

        var above = direction is "above";
        var rate = Rates.ToNft(text);
        var burst = rule.HashLimitBurst ?? 5;
        if (rule.HashLimitMode is null)
            words.Add(Named(NftNames.BucketRate, rule, rate, burst, above));
        else if (above && rule.Action is RuleAction.Drop or RuleAction.Reject)
            return (string.Join(' ', words), $"jump {Guard(Update(rule, rate, burst, over: false), verdict)}");
        else
            words.Add(Update(rule, rate, burst, above));
        return (string.Join(' ', words), verdict);
    }

    /// <summary>The words of a limit in an element of a set, and after <c>limit</c> of an object.</summary>
    public static string Said(string rate, long burst, bool over) => string.Create(CultureInfo.InvariantCulture, $"rate {(over ? "over " : "")}{rate} burst {burst} packets");

    private string Named(string prefix, FirewallRule rule, string rate, int burst, bool over)
    {
        var name = NftNames.Hashed(prefix, rule.ToString());
        _objects.TryAdd(name, new NftObject("limit", name, Said(rate, burst, over) + ";"));
        return $"limit name \"{name}\"";
    }

    // A full set accepts no new entry, and the rule that needs one does not match. Within the rate the chain returns, so packets that are not counted are stopped.
    private string Guard(string within, string verdict)
    {
        var name = NftNames.Hashed(NftNames.Beyond, $"{within} {verdict}");
        _chains.TryAdd(name, new NftChainModel(name, null, [new NftLine(within, "return", RuleMark.Owner) { Counts = false }, new NftLine("", verdict, RuleMark.Owner) { Counts = false }]));
        return name;
    }

    private string Update(FirewallRule rule, string rate, int burst, bool over)
    {
        var keys = rule.HashLimitMode!.Split(',');
        // Each address family has its own buckets, as ip6tables does.
        var types = keys.Select(key => key is "srcip" or "dstip" ? NftForm.SetType(rule.Family) : "inet_service");
        var body = string.Create(CultureInfo.InvariantCulture, $"type {string.Join(" . ", types)}; size {SetSize}; flags dynamic,timeout; timeout {Timeout(rule)}s;");
        var name = NftNames.Hashed(NftNames.Buckets, $"{rule.HashLimitName}|{body}");
        _objects.TryAdd(name, new NftObject("set", name, body));
        return $"update @{name} {{ {string.Join(" . ", keys.Select(key => Key(rule, key)))} limit {Said(rate, burst, over)} }}";
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
}

/// <summary>Rates as iptables and as nft write them: <c>5/min</c>, <c>5/minute</c>.</summary>
internal static class Rates
{
    private static readonly (string Iptables, string Nft)[] Units = [("sec", "second"), ("min", "minute"), ("hour", "hour"), ("day", "day"), ("week", "week")];

    /// <summary>A canonical rate in nft's words.</summary>
    public static string ToNft(string rate) => rate.Split('/') is [var number, var unit] ? $"{number}/{Array.Find(Units, each => each.Iptables == unit).Nft}" : rate;

    /// <summary>A rate of nft in iptables' words.</summary>
    public static string ToIptables(string rate) => rate.Split('/') is [var number, var unit] ? $"{number}/{Array.Find(Units, each => each.Nft == unit).Iptables}" : rate;
}
