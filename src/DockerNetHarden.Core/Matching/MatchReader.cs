using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>
/// Reads the matches of a rule as iptables-save prints them. An unknown match makes the rule uncertain, never wrong.
/// Source: iptables(8), iptables-extensions(8).
/// </summary>
internal static class MatchReader
{
    /// <summary>Reads a rule's matches and what follows <c>-j</c> or <c>-g</c>.</summary>
    /// <returns>The match, the target's name with its options, and whether it is a goto; no target for a rule that only counts.</returns>
    internal static (MatchBuilder Match, string? Target, bool IsGoto, IReadOnlyList<string> Options) Read(IReadOnlyList<string> tokens, RuleContext context)
    {
        var match = new MatchBuilder(context.Family);
        var conntrack = new ConntrackReader(match);
        var reader = new RuleTokens(tokens);
        var module = "";
        while (reader.ReadOption())
        {
            switch (reader.Option)
            {
                case "-j" or "--jump" or "-g" or "--goto":
                    var isGoto = reader.Option is "-g" or "--goto";
                    var target = reader.Value();
                    conntrack.End();
                    return (match, target, isGoto, reader.Rest());
                case "-m" or "--match":
                    conntrack.End();
                    module = reader.Value();
                    Begin(module, match);
                    break;
                case "-i" or "--in-interface":
                    match.In(new LinkPattern([reader.Value()], reader.IsNegated));
                    break;
                case "-o" or "--out-interface":
                    match.Out(new LinkPattern([reader.Value()], reader.IsNegated));
                    break;
                case "-s" or "--source" or "--src":
                    Address(ref reader, match, isSource: true);
                    break;
                case "-d" or "--destination" or "--dst":
                    Address(ref reader, match, isSource: false);
                    break;
                case "-p" or "--protocol" or "--proto":
                    Protocol(ref reader, match);
                    break;
                case "-4" or "--ipv4" or "-6" or "--ipv6":
                    break;
                case "-c" or "--set-counters":
                    _ = reader.Value();
                    _ = reader.Value();
                    break;
                default:
                    ModuleOption(module, ref reader, match, conntrack, context);
                    break;
            }
        }
        conntrack.End();
        return (match, null, false, []);
    }

    // A known module adds no match by itself; only limit does, even without its options.
    private static void Begin(string module, MatchBuilder match)
    {
        switch (module)
        {
            case "limit":
                match.May(Chance.WithinRate, "-m limit lets a rate of packets match");
                break;
            case "tcp" or "udp" or "sctp" or "dccp" or "udplite" or "icmp" or "icmp6" or "icmpv6" or "multiport" or "conntrack" or "state"
                or "comment" or "addrtype" or "set" or "iprange" or "mark" or "hashlimit":
                break;
            default:
                match.NotModelled($"-m {module} is not modelled");
                break;
        }
    }

    private static void ModuleOption(string module, ref RuleTokens reader, MatchBuilder match, ConntrackReader conntrack, RuleContext context)
    {
        var isKnown = module switch
        {
            "tcp" or "udp" or "sctp" or "dccp" or "udplite" => Ports(ref reader, match) || (module == "tcp" && MatchModules.TcpFlags(ref reader, match)),
            "multiport" => MultiPort(ref reader, match),
            "icmp" or "icmp6" or "icmpv6" => MatchModules.IcmpType(ref reader, match),
            "conntrack" or "state" => conntrack.Read(ref reader),
            "comment" => Skip(ref reader, "--comment"),
            "addrtype" => MatchModules.AddressType(ref reader, match, context),
            "set" => SetReader.Read(ref reader, match, context),
            "iprange" => MatchModules.Range(ref reader, match),
            "mark" => MatchModules.Mark(ref reader, match),
            "limit" => Skip(ref reader, "--limit", "--limit-burst"),
            "hashlimit" => MatchModules.HashLimit(ref reader, match, context),
            // The module is already marked as not modelled.
            not "" => Skip(ref reader, reader.Option),
            _ => Ports(ref reader, match) || MatchModules.TcpFlags(ref reader, match),
        };
        if (isKnown)
            return;
        match.NotModelled(module.Length > 0 ? $"{reader.Option} of -m {module} is not modelled" : $"{reader.Option} is not modelled");
        reader.SkipValues();
    }

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
            if (!Cidr.TryParse(one, out var prefix) || prefix.Family != match.Family)
            {
                match.NotModelled($"the address '{text}' is not a prefix");
                return;
            }
            spans.Add((prefix.Bits, prefix.Last));
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
