using System.Globalization;
using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>Reads one match of a native nftables rule. Source: libnftables-json(5), nft(8).</summary>
internal sealed class NativeMatch(MatchBuilder match, RuleContext context, bool namesProtocol)
{
    // Bits, not values: "in" asks for one of them, "!" for none (nft(8), bitmask types).
    private const string AnyBit = "in";
    private const string NoBit = "!";

    private readonly NativeConntrack _conntrack = new(match, context);

    /// <summary>Adds the match <c>left op right</c>; one that is not understood makes the match uncertain.</summary>
    internal void Add(JsonElement left, string? op, JsonElement right)
    {
        var negated = op == "!=";
        var isRead = op switch
        {
            "==" or "!=" => NativeValues.Member(left, "meta") is { } meta ? Meta(NativeValues.Text(NativeValues.Member(meta, "key")), right, negated)
                : NativeValues.Member(left, "payload") is { } payload ? Payload(payload, right, negated)
                : NativeValues.Member(left, "ct") is { } ct ? _conntrack.Is(ct, right, negated)
                : NativeValues.Member(left, "fib") is { } fib ? Fib(fib, right, negated)
                : NativeValues.Member(left, "&") is { } masked && Masked(masked, right, negated),
            AnyBit or NoBit => Bits(left, right, op == AnyBit),
            _ => false,
        };
        if (!isRead)
            match.NotModelled($"the match {left.GetRawText()} {op} {right.GetRawText()} is not modelled");
    }

    /// <summary>Requires that a packet has the fields of a key for a set element: without them the rule ends.</summary>
    internal void Has(JsonElement key)
    {
        if (NativeValues.Member(key, "concat") is { ValueKind: JsonValueKind.Array } parts)
        {
            foreach (var part in parts.EnumerateArray())
                Has(part);
            return;
        }
        var protocol = NativeValues.Text(NativeValues.Member(NativeValues.Member(key, "payload"), "protocol"));
        if (protocol is "ip" or "ip6")
            match.Only(IsOurs(protocol) ? Layers.AnyProtocol : null);
        else if (protocol is "tcp" or "udp" or "sctp" or "dccp" or "udplite")
            match.Only(Transport.Protocol(Protocols.NumberOf(protocol)!.Value));
        else
            match.NotModelled($"the key {key.GetRawText()} is not modelled");
    }

    private bool Bits(JsonElement left, JsonElement right, bool any)
    {
        if (NativeValues.Text(NativeValues.Member(NativeValues.Member(left, "ct"), "key")) is { } key)
            return NativeValues.Bits(right) is { } words && _conntrack.HasBits(key, words, any);
        if (!IsTcpFlags(left) || Flags(right) is not { } asked)
            return false;
        match.Only(Transport.Protocol(Protocols.Tcp));
        match.Only(Transport.WithFlags(asked, 0), negated: any);
        return true;
    }

    private bool Meta(string? key, JsonElement right, bool negated)
    {
        switch (key)
        {
            case "iifname" or "iif" when NativeValues.Texts(right) is { } links:
                match.In(new LinkPattern(links, negated));
                return true;
            case "oifname" or "oif" when NativeValues.Texts(right) is { } links:
                match.Out(new LinkPattern(links, negated));
                return true;
            case "l4proto":
                return Protocol(right, negated);
            case "nfproto" or "protocol" when NativeValues.Texts(right) is { } families:
                var isOurs = families.Any(name => context.Family == Family.IPv4 ? name is "ipv4" or "ip" : name is "ipv6" or "ip6");
                match.Only(isOurs ? Layers.AnyProtocol : null, negated);
                return true;
            case "mark" when NativeValues.Number(right) is { } mark:
                match.Mark(mark, uint.MaxValue, negated);
                return true;
            default:
                return false;
        }
    }

    private bool Payload(JsonElement payload, JsonElement right, bool negated)
    {
        var (protocol, field) = (NativeValues.Text(NativeValues.Member(payload, "protocol")), NativeValues.Text(NativeValues.Member(payload, "field")));
        switch (protocol, field)
        {
            case ("ip" or "ip6", "saddr" or "daddr"):
                return Address(protocol, field == "saddr", right, negated);
            case ("ip", "protocol") or ("ip6", "nexthdr"):
                match.Only(IsOurs(protocol) ? Layers.AnyProtocol : null);
                return Protocol(right, negated);
            case ("th", "sport" or "dport") when namesProtocol && NativeValues.Numbers(right) is { } ports:
                Ports(field, ports, negated);
                return true;
            case ("tcp" or "udp" or "sctp" or "dccp" or "udplite", "sport" or "dport") when NativeValues.Numbers(right) is { } ports:
                match.Only(Transport.Protocol(Protocols.NumberOf(protocol)!.Value));
                Ports(field, ports, negated);
                return true;
            case ("icmp" or "icmpv6", "type") when NativeValues.Texts(right) is { } types:
                return IcmpTypes(protocol == "icmp" ? Family.IPv4 : Family.IPv6, types, negated);
            case ("icmp" or "icmpv6", "code") when NativeValues.Texts(right) is { } codes:
                return IcmpCodes(protocol == "icmp" ? Family.IPv4 : Family.IPv6, codes, negated);
            default:
                return false;
        }
    }

    private bool Address(string protocol, bool isSource, JsonElement right, bool negated)
    {
        if (!IsOurs(protocol))
        {
            match.Only(null);
            return true;
        }
        if (NativeValues.Addresses(right, context.Family) is not { } spans)
            return false;
        if (isSource)
            match.From(spans, negated);
        else
            match.To(spans, negated);
        return true;
    }

    private bool IsOurs(string protocol) => (context.Family == Family.IPv4) == (protocol == "ip");

    private bool Protocol(JsonElement right, bool negated)
    {
        var numbers = NativeValues.Texts(right)?.Select(Protocols.NumberOf).ToList();
        if (numbers is null || numbers.Contains(null))
            return false;
        match.Only(numbers.Select(static number => Transport.Protocol(number!.Value)).Aggregate(static (one, other) => one.Union(other)), negated);
        return true;
    }

    private void Ports(string field, IReadOnlyList<(UInt128 First, UInt128 Last)> ports, bool negated) =>
        match.Only(field == "sport" ? Transport.FromPorts(ports) : Transport.ToPorts(ports), negated);

    private bool IcmpTypes(Family family, IReadOnlyList<string> types, bool negated)
    {
        var spans = types.Select(type => MatchModules.TypeSpan(Named(type), family)).ToList();
        if (spans.Contains(null))
            return false;
        match.Only(Transport.Protocol(family == Family.IPv4 ? Protocols.Icmp : Protocols.IcmpV6));
        match.Only(Transport.ToPorts(spans.Select(static span => span!.Value)), negated);
        return true;
    }

    // Of any type: a match of its own asks for the type.
    private bool IcmpCodes(Family family, IReadOnlyList<string> codes, bool negated)
    {
        var numbers = codes.Select(code => IcmpCode(code, family)).ToList();
        if (numbers.Contains(null))
            return false;
        match.Only(Transport.Protocol(family == Family.IPv4 ? Protocols.Icmp : Protocols.IcmpV6));
        match.Only(Transport.ToPorts(numbers.SelectMany(static code => Enumerable.Range(0, 256).Select(type => ((UInt128)((type << 8) | code!.Value), (UInt128)((type << 8) | code.Value))))), negated);
        return true;
    }

    // nft before 1.1 prints names whatever type they belong to. Source: the tables of names in src/datatype.c of nftables.
    private static int? IcmpCode(string code, Family family) => (family, code) switch
    {
        (Family.IPv4, "net-unreachable") or (Family.IPv6, "no-route") => 0,
        (Family.IPv4, "host-unreachable") or (Family.IPv6, "admin-prohibited") => 1,
        (Family.IPv4, "prot-unreachable") => 2,
        (Family.IPv4, "port-unreachable") or (Family.IPv6, "addr-unreachable") => 3,
        (Family.IPv4, "frag-needed") or (Family.IPv6, "port-unreachable") => 4,
        (Family.IPv6, "policy-fail") => 5,
        (Family.IPv6, "reject-route") => 6,
        (Family.IPv4, "net-prohibited") => 9,
        (Family.IPv4, "host-prohibited") => 10,
        (Family.IPv4, "admin-prohibited") => 13,
        _ => byte.TryParse(code, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null,
    };

    // nft's names of ICMP types that iptables spells out or has no name for.
    private static string Named(string type) => type switch
    {
        "info-request" => "15",
        "info-reply" => "16",
        "mld-listener-query" => "130",
        "mld-listener-report" => "131",
        "mld-listener-done" or "mld-listener-reduction" => "132",
        "mld2-listener-report" => "143",
        "nd-router-solicit" => "router-solicitation",
        "nd-router-advert" => "router-advertisement",
        "nd-neighbor-solicit" => "neighbour-solicitation",
        "nd-neighbor-advert" => "neighbour-advertisement",
        "nd-redirect" => "redirect",
        _ => type,
    };

    private bool Fib(JsonElement fib, JsonElement right, bool negated)
    {
        var flags = NativeValues.Member(fib, "flags") is { } found ? NativeValues.Texts(found) : null;
        if (NativeValues.Text(NativeValues.Member(fib, "result")) != "type" || flags is not [("saddr" or "daddr") and var address] || NativeValues.Texts(right) is not { } types)
            return false;
        var all = PacketSet.None(context.Family);
        foreach (var type in types)
        {
            // For all other IPv6 types the kernel looks at routes.
            if ((context.Family == Family.IPv6 && type != "local") || context.AddressTypes.Named(type.ToUpperInvariant(), address == "saddr") is not { } named)
                return false;
            all = all.Union(named);
        }
        match.Only(all, negated);
        return true;
    }

    private bool Masked(JsonElement masked, JsonElement right, bool negated)
    {
        if (masked.ValueKind != JsonValueKind.Array || masked.EnumerateArray().ToList() is not [var left, var mask])
            return false;
        if (NativeValues.Text(NativeValues.Member(NativeValues.Member(left, "meta"), "key")) == "mark" && NativeValues.Number(mask) is { } bits && NativeValues.Number(right) is { } mark)
        {
            match.Mark(mark, bits, negated);
            return true;
        }
        return NativeValues.Text(NativeValues.Member(NativeValues.Member(left, "ct"), "key")) is { } key
            ? _conntrack.IsMasked(key, mask, right, negated)
            : IsTcpFlags(left) && MaskedFlags(mask, right, negated);
    }

    private static bool IsTcpFlags(JsonElement left) => NativeValues.Member(left, "payload") is { } payload
        && NativeValues.Text(NativeValues.Member(payload, "field")) == "flags" && NativeValues.Text(NativeValues.Member(payload, "protocol")) == "tcp";

    private bool MaskedFlags(JsonElement mask, JsonElement right, bool negated)
    {
        if (Flags(mask) is not { } asked)
            return false;
        // A set holds several values, each a sum of flags.
        var values = NativeValues.Member(right, "set") is { ValueKind: JsonValueKind.Array } set ? set.EnumerateArray().Select(Flags).ToList() : [Flags(right)];
        if (values.Count == 0 || values.Contains(null))
            return false;
        var layers = values.Select(value => Transport.WithFlags(asked, value!.Value)).OfType<ProtocolLayer>().ToList();
        match.Only(Transport.Protocol(Protocols.Tcp));
        match.Only(layers.Count == 0 ? null : layers.Aggregate(static (one, other) => one.Union(other)), negated);
        return true;
    }

    // "syn", ["syn", "ack"], {"|": ["syn", "ack"]}, nested as nft likes.
    private static int? Flags(JsonElement value)
    {
        if (NativeValues.Text(value) is { } word)
            return MatchModules.Flags(word.ToUpperInvariant());
        if (NativeValues.Number(value) is { } number and < 64)
            return (int)number;
        var list = NativeValues.Member(value, "|") ?? value;
        if (list.ValueKind != JsonValueKind.Array)
            return null;
        return list.EnumerateArray().Select(Flags).Aggregate((int?)0, static (all, one) => all | one);
    }
}
