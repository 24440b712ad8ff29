using System.Globalization;

namespace DockerNetHarden.Matching;

/// <summary>
/// Reads one match of a module that other programs' rules use. What a packet's headers or links decide is exact. What only the packet's past, its content or chance decides may match or may not: such a
/// match makes the rule uncertain, within the rule's other matches. Source: iptables-extensions(8); the file of each module in net/netfilter.
/// </summary>
internal sealed class ForeignMatch(MatchBuilder match, RuleContext context)
{
    private readonly record struct Option(string Name, bool IsNegated, string Value);

    private readonly List<Option> _options = [];
    private string? _module;

    /// <summary>Whether such a module was begun and not ended.</summary>
    internal bool IsOpen => _module is not null;

    internal void Begin(string module) => _module = module;

    internal bool Read(ref RuleTokens reader)
    {
        var (name, negated) = (reader.Option, reader.IsNegated);
        _options.Add(new Option(name, negated, string.Join(' ', reader.Values())));
        return true;
    }

    /// <summary>Ends the match: all its options have been read.</summary>
    internal void End()
    {
        if (_module is not { } module)
            return;
        if (WhyNot(module) is { } why)
            match.NotModelled(why);
        _module = null;
        _options.Clear();
    }

    // Null if it was added exactly.
    private string? WhyNot(string module) => module switch
    {
        "owner" => Owner(),
        "statistic" => Statistic(),
        "recent" => Recent(),
        "policy" => Policy(),
        "physdev" => Physdev(),
        "rpfilter" => ReversePath(),
        "connlimit" => "-m connlimit counts open connections",
        "string" => "-m string looks at what packets contain",
        "mac" => "-m mac looks at hardware addresses, which are not known",
        _ => $"-m {module} is not modelled",
    };

    private bool Has(string option, bool isNegated = false) => _options.Exists(each => each.Name == option && each.IsNegated == isNegated);

    private string? ValueOf(string option) => _options.FindLast(each => each.Name == option) is { Name: not null } found ? found.Value : null;

    private bool KnowsOnly(params ReadOnlySpan<string> names)
    {
        foreach (var option in _options)
        {
            if (names.IndexOf(option.Name) < 0)
                return false;
        }
        return _options.Count > 0;
    }

    // A forwarded packet has no socket, so nothing owns it: what is asked of its owner is true exactly if all of it is negated (owner_mt in net/netfilter/xt_owner.c).
    private string? Owner()
    {
        if (!KnowsOnly("--uid-owner", "--gid-owner", "--socket-exists", "--suppl-groups", "--pid-owner", "--sid-owner", "--cmd-owner"))
            return "-m owner has an option that is not modelled";
        if (!_options.TrueForAll(static option => option.IsNegated || option.Name == "--suppl-groups"))
            match.Never();
        return null;
    }

    // Every packet, or none, is not left to chance (statistic_mt in net/netfilter/xt_statistic.c).
    private string? Statistic()
    {
        var (option, other) = ValueOf("--mode") == "nth" ? ("--every", "--packet") : ("--probability", "--probability");
        if (!KnowsOnly("--mode", option, other) || !double.TryParse(ValueOf(option), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return "-m statistic has an option that is not modelled";
        bool? all = number == 1 ? true : number == 0 && option == "--probability" ? false : null;
        if (all is null)
            return option == "--every" ? "-m statistic picks packets by their number" : "-m statistic picks packets by chance";
        if (all == _options.Exists(each => each.Name == option && each.IsNegated))
            match.Never();
        return null;
    }

    // What --set notes always matches (recent_mt in net/netfilter/xt_recent.c).
    private string? Recent()
    {
        if (!Has("--set") && !Has("--set", isNegated: true))
            return "-m recent looks at addresses that were seen before";
        if (Has("--set", isNegated: true))
            match.Never();
        return null;
    }

    // A packet was protected by IPsec if the host itself has unpacked it: what enters unprotected was not (match_policy_in in net/netfilter/xt_policy.c). Which policy packets leave by is not read.
    private string? Policy()
    {
        if (ValueOf("--dir") != "in" || ValueOf("--pol") is not ("none" or "ipsec"))
            return "-m policy looks at the host's IPsec policies, which are not read";
        if (ValueOf("--pol") == "ipsec")
            match.Never();
        return null;
    }

    private string? Physdev()
    {
        if (!KnowsOnly("--physdev-in", "--physdev-out", "--physdev-is-in", "--physdev-is-out", "--physdev-is-bridged"))
            return "-m physdev has an option that is not modelled";
        if (context.Bridges.IsFiltered == false)
        {
            // No packet has a port then (physdev_mt in net/netfilter/xt_physdev.c).
            if (!_options.TrueForAll(static option => option.IsNegated))
                match.Never();
            return null;
        }
        if (context.Bridges is not { IsFiltered: true, AreKnown: true })
            return "-m physdev looks at ports of bridges, which were not read";
        string? why = null;
        foreach (var option in _options)
        {
            switch (option.Name)
            {
                // Only a packet that a bridge passes on has a port by which it leaves.
                case "--physdev-is-bridged" or "--physdev-is-out":
                    match.Bridged(!option.IsNegated);
                    break;
                case "--physdev-is-in":
                    match.In(new LinkPattern(context.Bridges.Names, option.IsNegated));
                    break;
                case "--physdev-in":
                    match.OnlyIn(context.Bridges.EnteringBy(new LinkPattern([option.Value], false), option.IsNegated));
                    break;
                case "--physdev-out" when !option.IsNegated:
                    match.Bridged(true);
                    match.OnlyIn(context.Bridges.LeavingBy(new LinkPattern([option.Value], false)));
                    break;
                default:
                    why = "-m physdev ! --physdev-out is not modelled";
                    break;
            }
        }
        return why;
    }

    private string? ReversePath()
    {
        if (_options.Count > 0 && !KnowsOnly("--loose", "--validmark", "--accept-local", "--invert"))
            return "-m rpfilter has an option that is not modelled";
        if (context.ReversePaths.Of(Has("--loose"), Has("--accept-local")) is not { } answered)
            return "-m rpfilter asks routes that are not modelled";
        match.OnlyIn(Has("--invert") ? ReversePaths.Others(answered, context.Family) : answered);
        return null;
    }
}
