using System.Collections.Frozen;
using System.Globalization;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>
/// Reads the matches of a rule as iptables-save prints them. An unknown match makes the rule uncertain, never wrong.
/// Source: iptables(8), iptables-extensions(8).
/// </summary>
internal static class MatchReader
{
    /// <summary>Reads a rule's matches, before and behind its <c>-j</c> or <c>-g</c>, and its target.</summary>
    /// <returns>The match, the target's name with its options, and whether it is a goto; no target for a rule that only counts.</returns>
    internal static (MatchBuilder Match, string? Target, bool IsGoto, IReadOnlyList<string> Options) Read(IReadOnlyList<string> tokens, RuleContext context)
    {
        var match = new MatchBuilder(context.Family);
        var (conntrack, foreign) = (new ConntrackReader(match), new ForeignMatch(match, context));
        var reader = new RuleTokens(tokens);
        var (module, target, isGoto, options) = ("", (string?)null, false, new List<string>());
        while (reader.ReadOption())
        {
            switch (reader.Option)
            {
                case "-j" or "--jump" or "-g" or "--goto":
                    conntrack.End();
                    foreign.End();
                    isGoto = reader.Option is "-g" or "--goto";
                    (module, target) = ("", reader.Value());
                    break;
                case "-m" or "--match":
                    conntrack.End();
                    foreign.End();
                    module = reader.Value();
                    if (module == "limit")
                        match.May(Chance.WithinRate, "-m limit lets a rate of packets match");
                    else if (!s_modules.Contains(module))
                        foreign.Begin(module);
                    break;
                default:
                    // iptables-save writes the general options short; a long one behind a module may be its own (--proto of -m policy).
                    if ((!foreign.IsOpen || !reader.Option.StartsWith("--", StringComparison.Ordinal)) && Generic(ref reader, match))
                        break;
                    // iptables takes matches behind the target too. What no match knows is the target's.
                    if (target is null || module.Length > 0)
                        ModuleOption(module, ref reader, match, conntrack, foreign, context);
                    else if (!Implicit(ref reader, match))
                        options.AddRange([reader.Option, .. reader.Values()]);
                    break;
            }
        }
        conntrack.End();
        foreign.End();
        return (match, target, isGoto, options);
    }

    // The modules that are read here; a module adds no match by itself, only limit does, even without its options.
    private static readonly FrozenSet<string> s_modules = new[]
    {
        "tcp", "udp", "sctp", "dccp", "udplite", "icmp", "icmp6", "icmpv6", "multiport", "conntrack", "state", "comment", "addrtype", "set", "iprange", "mark", "hashlimit",
    }.ToFrozenSet(StringComparer.Ordinal);

    private static bool Generic(ref RuleTokens reader, MatchBuilder match)
    {
        switch (reader.Option)
        {
            case "-i" or "--in-interface":
                match.In(new LinkPattern([reader.Value()], reader.IsNegated));
                return true;
            case "-o" or "--out-interface":
                match.Out(new LinkPattern([reader.Value()], reader.IsNegated));
                return true;
            case "-s" or "--source" or "--src":
                Address(ref reader, match, isSource: true);
                return true;
            case "-d" or "--destination" or "--dst":
                Address(ref reader, match, isSource: false);
                return true;
            case "-p" or "--protocol" or "--proto":
                Protocol(ref reader, match);
                return true;
            case "-4" or "--ipv4" or "-6" or "--ipv6":
                return true;
            case "-c" or "--set-counters":
                _ = reader.Value();
                _ = reader.Value();
                return true;
            case "-f" or "--fragment":
                match.NotModelled($"{reader.Option} is not modelled");
                return true;
            default:
                return false;
        }
    }

    private static void ModuleOption(string module, ref RuleTokens reader, MatchBuilder match, ConntrackReader conntrack, ForeignMatch foreign, RuleContext context)
    {
        var isKnown = module switch
        {
            "multiport" => MultiPort(ref reader, match),
            "conntrack" or "state" => conntrack.Read(ref reader),
            "comment" => Skip(ref reader, "--comment"),
            "addrtype" => MatchModules.AddressType(ref reader, match, context),
            "set" => SetReader.Read(ref reader, match, context),
            "iprange" => MatchModules.Range(ref reader, match),
            "mark" => MatchModules.Mark(ref reader, match),
            "limit" => Skip(ref reader, "--limit", "--limit-burst"),
            "hashlimit" => MatchModules.HashLimit(ref reader, match, context),
            "" or "tcp" or "udp" or "sctp" or "dccp" or "udplite" or "icmp" or "icmp6" or "icmpv6" => false,
            _ => foreign.Read(ref reader),
        };
        // The options of the protocol may also stand behind another module.
        if (isKnown || Implicit(ref reader, match))
            return;
        match.NotModelled(module.Length > 0 ? $"{reader.Option} of -m {module} is not modelled" : $"{reader.Option} is not modelled");
        reader.SkipValues();
    }

    // Of the module that a rule loads with -p.
    private static bool Implicit(ref RuleTokens reader, MatchBuilder match) =>
        Ports(ref reader, match) || MatchModules.TcpFlags(ref reader, match) || MatchModules.IcmpType(ref reader, match);

    private static bool Skip(ref RuleTokens reader, params ReadOnlySpan<string> options)
    {
        if (options.IndexOf(reader.Option) < 0)
            return false;
        reader.SkipValues();
        return true;
    }

    private static void Address(ref RuleTokens reader, MatchBuilder match, bool isSource)
    {
        var text = reader.Value();
        List<(UInt128, UInt128)> spans = [];
        // A rule of ours can name several; a line that iptables-save prints names one.
        foreach (var one in text.Split(','))
        {
            if (MaskedAddress.Read(one, match.Family) is not { } addresses)
            {
                match.NotModelled($"the address '{text}' is not a prefix");
                return;
            }
            if (!addresses.IsExact)
            {
                match.NotModelled($"the mask of '{text}' leaves more addresses than can be told apart");
                if (reader.IsNegated)
                    return;
            }
            spans.AddRange(addresses.Spans);
        }
        if (isSource)
            match.From(spans, reader.IsNegated);
        else
            match.To(spans, reader.IsNegated);
    }

    private static void Protocol(ref RuleTokens reader, MatchBuilder match)
    {
        var text = reader.Value();
        // To iptables, 0 is every protocol, but not IPv6's hop-by-hop options.
        if (text is "all" or "ip" or "0")
            match.Only(Layers.AnyProtocol, reader.IsNegated);
        else if (Protocols.NumberOf(text) is { } number)
            match.Only(reader.IsNegated ? Transport.ProtocolsBut(number) : Transport.Protocol(number));
        else
            match.NotModelled($"the protocol '{text}' is not known");
    }

    private static bool Ports(ref RuleTokens reader, MatchBuilder match)
    {
        bool? isSource = reader.Option switch
        {
            "--sport" or "--source-port" => true,
            "--dport" or "--destination-port" => false,
            _ => null,
        };
        if (isSource is null)
            return false;
        var text = reader.Value();
        if (PortSpans(text) is { } spans)
            match.Only(isSource == true ? Transport.FromPorts(spans) : Transport.ToPorts(spans), reader.IsNegated);
        else
            match.NotModelled($"the ports '{text}' are not numbers");
        return true;
    }

    private static bool MultiPort(ref RuleTokens reader, MatchBuilder match)
    {
        if (reader.Option is not ("--sports" or "--source-ports" or "--dports" or "--destination-ports" or "--ports" or "--port"))
            return false;
        var option = reader.Option;
        var text = reader.Value();
        if (PortSpans(text) is not { } spans)
        {
            match.NotModelled($"the ports '{text}' are not numbers");
            return true;
        }
        match.Only(
            option is "--sports" or "--source-ports" ? Transport.FromPorts(spans)
            : option is "--dports" or "--destination-ports" ? Transport.ToPorts(spans)
            : Transport.FromPorts(spans).Union(Transport.ToPorts(spans)),
            reader.IsNegated);
        return true;
    }

    /// <summary>Reads <c>80</c>, <c>1000:2000</c>, <c>:1024</c>, <c>80,443</c>; null if a port is not a number.</summary>
    internal static List<(UInt128 First, UInt128 Last)>? PortSpans(string text)
    {
        var spans = new List<(UInt128 First, UInt128 Last)>();
        foreach (var item in text.Split(','))
        {
            var ends = item.Split(':');
            var (low, high) = (ends[0].Length == 0 ? "0" : ends[0], ends[^1].Length == 0 ? "65535" : ends[^1]);
            if (ends.Length > 2 || item.Length == 0
                || !ushort.TryParse(low, NumberStyles.None, CultureInfo.InvariantCulture, out var first)
                || !ushort.TryParse(high, NumberStyles.None, CultureInfo.InvariantCulture, out var last) || last < first)
                return null;
            spans.Add((first, last));
        }
        return spans;
    }
}
