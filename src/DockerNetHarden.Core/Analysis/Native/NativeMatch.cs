using System.Text.Json;
using DockerNetHarden.Analysis.Sets;
using DockerNetHarden.Analysis.Walking;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Analysis.Native;

/// <summary>Reads one match of a native nftables rule. Source: libnftables-json(5), nft(8).</summary>
internal sealed class NativeMatch(MatchBuilder match, RuleContext context, bool namesProtocol)
{
    /// <summary>Adds what <c>left op right</c> says; what is not understood makes the match uncertain.</summary>
    internal void Add(JsonElement left, string? op, JsonElement right)
    {
        var negated = op == "!=";
        var isRead = op is "==" or "!=" or "in" && (
            NativeValues.Member(left, "meta") is { } meta ? Meta(NativeValues.Text(NativeValues.Member(meta, "key")), right, negated)
            : NativeValues.Member(left, "payload") is { } payload ? Payload(payload, right, negated)
            : NativeValues.Member(left, "ct") is { } ct ? Conntrack(ct, op, right, negated)
            : NativeValues.Member(left, "fib") is { } fib ? Fib(fib, right, negated)
            : NativeValues.Member(left, "&") is { } masked && Masked(masked, right, negated));
        if (!isRead)
            match.NotModelled($"the match {left.GetRawText()} {op} {right.GetRawText()} is not modelled");
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
        var spans = types.Select(type => MatchReader.TypeSpan(Named(type), family)).ToList();
        if (spans.Contains(null))
            return false;
        match.Only(Transport.Protocol(family == Family.IPv4 ? Protocols.Icmp : Protocols.IcmpV6));
        match.Only(Transport.ToPorts(spans.Select(static span => span!.Value)), negated);
        return true;
    }

    // nft's names of ICMPv6 types that iptables spells out.
    private static string Named(string type) => type switch
    {
        "nd-router-solicit" => "router-solicitation",
        "nd-router-advert" => "router-advertisement",
        "nd-neighbor-solicit" => "neighbour-solicitation",
        "nd-neighbor-advert" => "neighbour-advertisement",
        "nd-redirect" => "redirect",
        _ => type,
    };

    private bool Conntrack(JsonElement ct, string op, JsonElement right, bool negated)
    {
        var reader = new ConntrackReader(match);
        var (key, direction) = (NativeValues.Text(NativeValues.Member(ct, "key")), NativeValues.Text(NativeValues.Member(ct, "dir")));
        var words = NativeValues.Texts(right);
        var isRead = (key, direction, words) switch
        {
            ("state", null, { } states) => reader.Read("--ctstate", string.Join(',', states).ToUpperInvariant(), negated),
            ("status", null, ["dnat"]) when op == "in" => reader.Read("--ctstate", "DNAT", negated: false),
            ("direction", null, [var way]) when !negated => reader.Read("--ctdir", way.ToUpperInvariant(), negated: false),
            ("ip daddr" or "ip6 daddr" or "daddr", "original", _) => Original(right, negated, isSource: false),
            ("ip saddr" or "ip6 saddr" or "saddr", "original", _) => Original(right, negated, isSource: true),
            ("proto-dst", "original", [var port]) => reader.Read("--ctorigdstport", port, negated),
            ("proto-src", "original", [var port]) => reader.Read("--ctorigsrcport", port, negated),
            _ => false,
        };
        reader.End();
        return isRead;
    }

    private bool Original(JsonElement right, bool negated, bool isSource)
    {
        if (NativeValues.Addresses(right, context.Family) is not { } spans)
            return false;
        match.OnlyOriginally(isSource
            ? PacketSet.From(context.Family, Layers.AnyProtocol, spans, null)
            : PacketSet.From(context.Family, Layers.AnyProtocol, null, spans), negated);
        match.Only(Transport.InStates(ConntrackReader.Tracked));
        return true;
    }

    private bool Fib(JsonElement fib, JsonElement right, bool negated)
    {
        var flags = NativeValues.Member(fib, "flags") is { } found ? NativeValues.Texts(found) : null;
        if (NativeValues.Text(NativeValues.Member(fib, "result")) != "type" || flags is not [("saddr" or "daddr") and var address] || NativeValues.Texts(right) is not [var type])
            return false;
        // Of IPv6 the kernel looks at routes for all other types.
        if (context.Family == Family.IPv6 && type != "local")
            return false;
        var named = context.AddressTypes.Named(type.ToUpperInvariant(), spans => address == "saddr"
            ? PacketSet.From(context.Family, Layers.AnyProtocol, spans, null)
            : PacketSet.From(context.Family, Layers.AnyProtocol, null, spans));
        if (named is not null)
            match.Only(named, negated);
        return named is not null;
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
        var payload = NativeValues.Member(left, "payload");
        if (NativeValues.Text(NativeValues.Member(payload, "field")) != "flags" || NativeValues.Text(NativeValues.Member(payload, "protocol")) != "tcp"
            || Flags(mask) is not { } asked || Flags(right) is not { } compared)
            return false;
        match.Only(Transport.Protocol(Protocols.Tcp));
        match.Only(Transport.WithFlags(asked, compared), negated);
        return true;
    }

    // "syn", ["syn", "ack"], {"|": ["syn", "ack"]}, nested as nft likes.
    private static int? Flags(JsonElement value)
    {
        if (NativeValues.Text(value) is { } word)
            return MatchReader.Flags(word.ToUpperInvariant());
        if (NativeValues.Number(value) is { } number and < 64)
            return (int)number;
        var list = NativeValues.Member(value, "|") ?? value;
        if (list.ValueKind != JsonValueKind.Array)
            return null;
        return list.EnumerateArray().Select(Flags).Aggregate((int?)0, static (all, one) => all | one);
    }
}
