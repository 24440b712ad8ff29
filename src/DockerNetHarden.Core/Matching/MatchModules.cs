using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>Reads the options of match modules other than addresses, protocols and ports.</summary>
internal static class MatchModules
{
    private static readonly string[] s_flags = ["FIN", "SYN", "RST", "PSH", "ACK", "URG"];

    // Source: the tables of names in extensions/libxt_icmp.h of iptables 1.8. A code of -1 stands for all.
    private static readonly Dictionary<string, (int Type, int Code)> s_types4 = new(StringComparer.OrdinalIgnoreCase)
    {
        ["echo-reply"] = (0, -1), ["pong"] = (0, -1), ["destination-unreachable"] = (3, -1), ["network-unreachable"] = (3, 0),
        ["host-unreachable"] = (3, 1), ["protocol-unreachable"] = (3, 2), ["port-unreachable"] = (3, 3), ["fragmentation-needed"] = (3, 4),
        ["source-quench"] = (4, -1), ["redirect"] = (5, -1), ["echo-request"] = (8, -1), ["ping"] = (8, -1), ["router-advertisement"] = (9, -1),
        ["router-solicitation"] = (10, -1), ["time-exceeded"] = (11, -1), ["ttl-exceeded"] = (11, -1), ["parameter-problem"] = (12, -1),
        ["timestamp-request"] = (13, -1), ["timestamp-reply"] = (14, -1), ["address-mask-request"] = (17, -1), ["address-mask-reply"] = (18, -1),
    };

    private static readonly Dictionary<string, (int Type, int Code)> s_types6 = new(StringComparer.OrdinalIgnoreCase)
    {
        ["destination-unreachable"] = (1, -1), ["packet-too-big"] = (2, -1), ["time-exceeded"] = (3, -1), ["ttl-exceeded"] = (3, -1),
        ["parameter-problem"] = (4, -1), ["echo-request"] = (128, -1), ["ping"] = (128, -1), ["echo-reply"] = (129, -1), ["pong"] = (129, -1),
        ["router-solicitation"] = (133, -1), ["router-advertisement"] = (134, -1), ["neighbour-solicitation"] = (135, -1),
        ["neighbor-solicitation"] = (135, -1), ["neighbour-advertisement"] = (136, -1), ["neighbor-advertisement"] = (136, -1), ["redirect"] = (137, -1),
    };

    internal static bool TcpFlags(ref RuleTokens reader, MatchBuilder match)
    {
        var (mask, compared) = (0, 0);
        if (reader.Option == "--syn")
            (mask, compared) = (0b010111, 0b000010);
        else if (reader.Option != "--tcp-flags")
            return false;
        else if (Flags(reader.Value()) is { } first && Flags(reader.Value()) is { } second)
            (mask, compared) = (first, second);
        else
        {
            match.NotModelled("flags of --tcp-flags are not known");
            return true;
        }
        match.Only(Transport.WithFlags(mask, compared), reader.IsNegated);
        return true;
    }

    /// <summary>Reads <c>SYN,ACK</c>, <c>ALL</c>, <c>NONE</c> as bits; null if a word is not a flag.</summary>
    internal static int? Flags(string text)
    {
        if (text is "ALL" or "NONE")
            return text == "ALL" ? 63 : 0;
        var bits = 0;
        foreach (var word in text.Split(','))
        {
            var at = Array.IndexOf(s_flags, word);
            if (at < 0)
                return null;
            bits |= 1 << at;
        }
        return bits;
    }

    internal static bool IcmpType(ref RuleTokens reader, MatchBuilder match)
    {
        if (reader.Option is not ("--icmp-type" or "--icmpv6-type"))
            return false;
        var text = reader.Value();
        // In IPv4, 255 is how iptables writes "any" to the kernel, whatever the code; in IPv6 it is a type (icmp_match and icmp6_match in net/ipv4/netfilter/ip_tables.c and its IPv6 sister).
        if (match.Family == Family.IPv4 && text.Split('/')[0] is "any" or "255")
            match.Only(Layers.AnyProtocol, reader.IsNegated);
        else if (TypeSpan(text, match.Family) is { } span)
            match.Only(Transport.ToPorts([span]), reader.IsNegated);
        else
            match.NotModelled($"the ICMP type '{text}' is not known");
        return true;
    }

    /// <summary>Reads <c>8</c>, <c>3/1</c>, <c>echo-request</c>; null if it is not a type.</summary>
    internal static (UInt128 First, UInt128 Last)? TypeSpan(string text, Family family)
    {
        if (!(family == Family.IPv4 ? s_types4 : s_types6).TryGetValue(text, out var known))
        {
            var parts = text.Split('/');
            known.Code = -1;
            if (parts.Length > 2
                || !byte.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var type)
                || (parts.Length == 2 && !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out known.Code)))
                return null;
            known.Type = type;
        }
        var first = known.Type << 8;
        return known.Code < 0 ? ((UInt128)first, (UInt128)(first | 0xff)) : ((UInt128)(first | known.Code), (UInt128)(first | known.Code));
    }

    internal static bool AddressType(ref RuleTokens reader, MatchBuilder match, RuleContext context)
    {
        if (reader.Option is not ("--src-type" or "--dst-type"))
            return false;
        var isSource = reader.Option == "--src-type";
        var text = reader.Value();
        var types = text.Split(',');
        if (reader.Has("--limit-iface-"))
        {
            // For one link alone more addresses are UNICAST and fewer LOCAL: nothing may be left out.
            match.NotModelled("addresses of one link alone (--limit-iface-in, --limit-iface-out) are not modelled");
            return true;
        }
        if (types is [var one])
        {
            if (context.AddressTypes.Named(one, isSource, reader.IsNegated) is { } packets)
                match.Only(packets, negated: false);
            else
                match.NotModelled($"the address type {text} is not modelled");
            return true;
        }
        PacketSet? all = PacketSet.None(match.Family);
        // For several types IPv6 requires that some hold together (net/netfilter/xt_addrtype.c); a single type means what it says.
        if (match.Family == Family.IPv6)
            all = null;
        foreach (var type in types)
            all = all is not null && context.AddressTypes.Named(type, isSource) is { } named ? all.Union(named) : null;
        if (all is not null)
            match.Only(all, reader.IsNegated);
        else
            match.NotModelled($"the address type {text} is not modelled");
        return true;
    }

    internal static bool Range(ref RuleTokens reader, MatchBuilder match)
    {
        if (reader.Option is not ("--src-range" or "--dst-range"))
            return false;
        var isSource = reader.Option == "--src-range";
        var text = reader.Value();
        if (Prefixes.Ends(text) is not var (family, first, last) || family != match.Family)
            match.NotModelled($"the range '{text}' is not understood");
        else if (isSource)
            match.From([(first, last)], reader.IsNegated);
        else
            match.To([(first, last)], reader.IsNegated);
        return true;
    }

    internal static bool Mark(ref RuleTokens reader, MatchBuilder match)
    {
        if (reader.Option != "--mark")
            return false;
        var text = reader.Value();
        if (MarkValue(text) is { } mark)
            match.Mark(mark.Value, mark.Mask, reader.IsNegated);
        else
            match.NotModelled($"the mark '{text}' is not a number");
        return true;
    }

    /// <summary>Reads <c>0x1/0xff</c>, <c>5</c>; null if it is not a number.</summary>
    internal static (uint Value, uint Mask)? MarkValue(string text)
    {
        var parts = text.Split('/');
        return parts.Length <= 2 && Number(parts[0]) is { } value && (parts.Length == 1 ? uint.MaxValue : Number(parts[1])) is { } mask ? (value, mask) : null;
    }

    private static uint? Number(string text) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? uint.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hex) ? hex : null
            : uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    internal static bool HashLimit(ref RuleTokens reader, MatchBuilder match, RuleContext context)
    {
        switch (reader.Option)
        {
            case "--hashlimit-upto" or "--hashlimit" or "--hashlimit-above":
                // Old versions wrote "--hashlimit-above" as "! --hashlimit-upto".
                match.May((reader.Option == "--hashlimit-above") == reader.IsNegated ? Chance.WithinRate : Chance.AboveRate, "-m hashlimit counts a rate");
                break;
            case "--hashlimit-name":
                var name = reader.Value();
                if (context.IsAmbiguousRate(name))
                    match.NotModelled($"hashlimits of the name '{name}' have different parameters, and the kernel keeps those of the first");
                return true;
            case "--hashlimit-mode" or "--hashlimit-burst" or "--hashlimit-srcmask" or "--hashlimit-dstmask" or "--hashlimit-htable-size"
                or "--hashlimit-htable-max" or "--hashlimit-htable-expire" or "--hashlimit-htable-gcinterval":
                break;
            default:
                return false;
        }
        reader.SkipValues();
        return true;
    }
}
