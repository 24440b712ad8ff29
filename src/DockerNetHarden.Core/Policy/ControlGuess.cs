using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Policy;

/// <summary>
/// Controls that could mean the rules of one mark, the likeliest first. A guess may be wrong: the caller compares its rules with those on the host.
/// </summary>
internal sealed class ControlGuess
{
    private static readonly bool?[] DnsGuesses = [null, true, false];
    private static readonly bool[] Flags = [false, true];

    private readonly RuleMark _mark;
    private readonly List<FirewallRule> _exceptions;
    private readonly HostSnapshot _host;
    private readonly RuleAction? _action;
    private readonly bool _log;
    private readonly bool _isReport;

    private ControlGuess(RuleMark mark, IReadOnlyList<FirewallRule> rules, HostSnapshot host)
    {
        _mark = mark;
        _host = host;
        // The backstops in mangle POSTROUTING repeat what is in filter or, in IPv6, may be in mangle FORWARD instead.
        var filter = rules.Where(rule => rule.Table is "filter" || rule.Chain is "FORWARD").ToList();
        _exceptions = [.. filter.Where(rule => rule.Phase == Phase.Exception)];
        _action = filter.Find(rule => rule.Phase != Phase.Exception && rule.Action is RuleAction.Drop or RuleAction.Reject)?.Action;
        _isReport = rules.Any(VerdictChain.IsOfReport);
        _log = filter.Exists(rule => rule.Action == RuleAction.Log);
        Rules = filter;
    }

    private List<FirewallRule> Rules { get; }

    private NetworkReference? Network => _mark.Network is null ? null : new NetworkReference(_mark.Network);

    /// <summary>The guesses.</summary>
    public static IEnumerable<Control> Of(RuleMark mark, IReadOnlyList<FirewallRule> rules, HostSnapshot host)
    {
        var guess = new ControlGuess(mark, rules, host);
        return mark.Control switch
        {
            nameof(MetadataAccess) => guess.Metadata(),
            nameof(HostAccess) => guess.Host(),
            nameof(InternalAccess) => guess.Internal(),
            nameof(SmtpRate) => guess.Smtp(),
            _ => [],
        };
    }

    private IEnumerable<Control> Metadata()
    {
        if (_action is null && !_isReport)
            return [new MetadataAccess { Provider = _mark.Subject, Network = Network, Permit = true }];
        return
            from dns in DnsGuesses
            from ports in PortGuesses(dns)
            select new MetadataAccess { Provider = _mark.Subject, Network = Network, Action = _action ?? RuleAction.Reject, ReportOnly = _isReport, Log = _log, Dns = dns, AllowPorts = ports, ExceptNetworks = Networks };
    }

    private IEnumerable<Control> Host() =>
        from dns in DnsGuesses
        from published in Flags
        from ports in PortGuesses(dns)
        from addresses in AddressGuesses()
        select new HostAccess { Network = Network, Action = _action ?? RuleAction.Reject, ReportOnly = _isReport, Log = _log, Dns = dns, AllowPublishedPorts = published, AllowPorts = ports, AllowAddresses = addresses, ExceptNetworks = Networks };

    private IEnumerable<Control> Internal()
    {
        if (_mark.Subject is not null)
            return [];
        var ranges = Rules.Where(rule => rule.Phase != Phase.Exception && rule.Action is RuleAction.Drop or RuleAction.Reject or RuleAction.Report).SelectMany(AddressLists.Destinations).Distinct().ToList();
        // An IPv4 range means the IPv6 forms of it too.
        ranges = [.. ranges.Except(Cidr.Aggregate(ranges.SelectMany(EmbeddedIPv4.FormsOf))).Order()];
        var named = ranges.Count == 0 || ranges.SequenceEqual(InternalAccess.DefaultRanges.Order()) ? InternalAccess.DefaultRanges : ranges;
        return
            from dns in DnsGuesses
            from ports in PortGuesses(dns)
            from addresses in AddressGuesses()
            select new InternalAccess { Network = Network, Action = _action ?? RuleAction.Reject, ReportOnly = _isReport, Log = _log, Dns = dns, Ranges = named, AllowPorts = ports, AllowAddresses = addresses, ExceptNetworks = Networks };
    }

    private IEnumerable<Control> Smtp()
    {
        var limit = Rules.Find(rule => rule.Limit is not null || rule.HashLimit is not null);
        if (limit is null || _mark.Subject is null)
            return [];
        var rate = limit.Limit is { } shared ? Rate.ParseLimit(shared, "Limit") : Rate.ParseHashLimit(limit.HashLimit!.Split(' ')[^1], "HashLimit");
        return
        [
            new SmtpRate
            {
                Network = Network, Ports = _mark.Subject.Replace('-', ':'), PerMinute = (int)Math.Round(rate.PerSecond * 60), Burst = limit.LimitBurst ?? limit.HashLimitBurst ?? 5,
                PerContainer = limit.HashLimit is not null, Action = _action ?? RuleAction.Drop, ReportOnly = _isReport, Log = _log, ExceptNetworks = Networks,
            },
        ];
    }

    // An exception with only an in-interface is for a network, unless it is the network that the control is bound to.
    private List<string> Networks =>
    [
        .. (from rule in _exceptions
           where rule is { OutInterface: null, Protocol: null, InInterface: not null, Source: null }
           let network = _host.Networks.FirstOrDefault(each => string.Equals(each.Bridge, rule.InInterface, StringComparison.Ordinal))?.Name
           where network is not null && !string.Equals(network, _mark.Network, StringComparison.Ordinal)
           select network).Distinct(StringComparer.Ordinal),
    ];

    // The excepted ports by protocol, without and with those of DNS, which have a flag of their own.
    private IEnumerable<IReadOnlyList<PortSpec>> PortGuesses(bool? dns)
    {
        var all = _exceptions.Where(rule => rule.Protocol is "tcp" or "udp" or "sctp" && rule.DestinationPort is not null)
            .SelectMany(rule => rule.DestinationPort!.Split(',').Select(port => PortSpec.Parse($"{port}/{rule.Protocol}"))).Distinct().ToList();
        var withoutDns = all.Where(port => port.Ports is not "53").ToList();
        IReadOnlyList<PortSpec>[] guesses = dns is false ? [all, withoutDns] : [withoutDns, all];
        return guesses.Prepend([]).Distinct();
    }

    private IEnumerable<IReadOnlyList<Cidr>> AddressGuesses()
    {
        var all = _exceptions.Select(rule => rule.Destination).OfType<string>().Distinct(StringComparer.Ordinal).Select(Cidr.Parse).ToList();
        IReadOnlyList<Cidr>[] guesses = [[], [.. all.Where(address => !_host.Resolvers.Contains(address))], all];
        return guesses;
    }
}
