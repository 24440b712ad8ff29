using System.Globalization;
using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Nftables;

/// <summary>
/// One rule of nftables, read into the fields of a rule. What this module does not write is not understood, and then nothing of the rule is: a rule must not look like one of ours because a part was left out.
/// </summary>
internal sealed class NftStatement
{
    private static readonly string[] Translations = ["snat", "dnat"];

    private static readonly string[] Bits = ["fin", "syn", "rst", "psh", "ack", "urg"];

    // nft's names of types; we write numbers. Source: src/datatype.c and src/proto.c of nftables.
    private static readonly (string Name, int Type)[] Types4 =
    [
        ("echo-reply", 0), ("destination-unreachable", 3), ("source-quench", 4), ("redirect", 5), ("echo-request", 8), ("router-advertisement", 9), ("router-solicitation", 10), ("time-exceeded", 11),
        ("parameter-problem", 12), ("timestamp-request", 13), ("timestamp-reply", 14), ("info-request", 15), ("info-reply", 16), ("address-mask-request", 17), ("address-mask-reply", 18),
    ];

    private static readonly (string Name, int Type)[] Types6 =
    [
        ("destination-unreachable", 1), ("packet-too-big", 2), ("time-exceeded", 3), ("parameter-problem", 4), ("echo-request", 128), ("echo-reply", 129), ("mld-listener-query", 130), ("mld-listener-report", 131),
        ("mld-listener-done", 132), ("mld-listener-reduction", 132), ("nd-router-solicit", 133), ("nd-router-advert", 134), ("nd-neighbor-solicit", 135), ("nd-neighbor-advert", 136), ("nd-redirect", 137),
        ("router-renumbering", 138), ("ind-neighbor-solicit", 141), ("ind-neighbor-advert", 142), ("mld2-listener-report", 143),
    ];

    // nft before 1.1 prints codes by name, whatever type they belong to.
    private static readonly (string Name, int Code)[] Codes4 = [("net-unreachable", 0), ("host-unreachable", 1), ("prot-unreachable", 2), ("port-unreachable", 3), ("frag-needed", 4), ("net-prohibited", 9), ("host-prohibited", 10), ("admin-prohibited", 13)];
    private static readonly (string Name, int Code)[] Codes6 = [("no-route", 0), ("admin-prohibited", 1), ("addr-unreachable", 3), ("port-unreachable", 4), ("policy-fail", 5), ("reject-route", 6)];

    private readonly NftObjects _objects;
    private string? _icmpType;
    private string? _icmpCode;
    private bool _isNotType;
    private bool _isReport;

    private NftStatement(Family family, NftObjects objects) => (Family, _objects) = (family, objects);

    /// <summary>The family whose rule it is.</summary>
    public Family Family { get; }

    /// <summary>The fields, without the connection's states.</summary>
    public Dictionary<RuleField, object> Fields { get; } = [];

    /// <summary>What it asks of the connection's states, in nft's words as this module writes them; empty if nothing.</summary>
    public string State { get; private set; } = "";

    /// <summary>Whether it asks anything else of the connection.</summary>
    public bool HasRest => Fields.Keys.Any(NftStates.IsOfConnection);

    /// <summary>Reads a rule; null if this module does not write such a rule.</summary>
    public static NftStatement? Read(NftRule rule, Family family, NftObjects objects)
    {
        var read = new NftStatement(family, objects);
        foreach (var (name, body) in rule.Expressions.Select(NftJson.Statement))
        {
            // The verdict is the last: nothing behind it would be reached.
            if (read.Fields.ContainsKey(RuleFields.Action) || !read.Take(name, body))
                return null;
        }
        if (read._icmpType is not null)
            read.Fields[RuleFields.IcmpType] = (read._isNotType ? "!" : "") + read._icmpType + (read._icmpCode is null ? "" : "/" + read._icmpCode);
        return read._isReport != Equals(read.Fields.GetValueOrDefault(RuleFields.Action), RuleAction.Report) || read._icmpType is null && read._icmpCode is not null || !read.Fields.ContainsKey(RuleFields.Action) ? null : read;
    }

    /// <summary>The ICMPv6 types that a match names; null if it is about anything else.</summary>
    public static IReadOnlyList<string?>? IcmpTypes6(JsonElement match)
    {
        var payload = NftJson.Member(NftJson.Member(match, "left"), "payload");
        return NftJson.Text(NftJson.Member(match, "op")) == "==" && NftJson.Text(NftJson.Member(payload, "protocol")) == "icmpv6" && NftJson.Text(NftJson.Member(payload, "field")) == "type"
            ? NftJson.Texts(NftJson.Member(match, "right") ?? default)?.Select(type => Numbered(type, Types6)).ToList() : null;
    }

    private bool Take(string name, JsonElement body) => name switch
    {
        "counter" => true,
        "match" when NftJson.Member(body, "left") is { } left && NftJson.Member(body, "right") is { } right => Match(left, NftJson.Text(NftJson.Member(body, "op")) ?? "", right),
        "limit" => Limit(body),
        "set" => Buckets(body),
        "accept" => Act(RuleAction.Accept),
        "return" => Act(RuleAction.Return),
        "drop" => Act(RuleAction.Drop),
        "reject" => Reject(body),
        "log" => Log(body),
        "jump" => Jump(NftJson.Text(NftJson.Member(body, "target"))),
        _ => false,
    };

    private bool Set(RuleField field, object? value) => value is not null && Fields.TryAdd(field, value);

    private bool Act(RuleAction action) => Set(RuleFields.Action, action);

    private bool Jump(string? target)
    {
        foreach (var action in new[] { RuleAction.Reject, RuleAction.Drop })
        {
            if (target == NftNames.Verdict(action))
                return Act(action) && Set(RuleFields.Connections, VerdictChain.Opened);
        }
        // Beyond its rate: what is left of the rule stands in the chain. nft asks for TCP once more before a reset.
        if (target is null || _objects.Beyond(target) is not var (within, beyond) || !Take("set", within) || !beyond.Select(NftJson.Statement).All(each => Take(each.Name, each.Body)))
            return false;
        Fields[RuleFields.HashLimit] = "above " + ((string)Fields[RuleFields.HashLimit]).Split(' ')[1];
        return true;
    }

    private bool Reject(JsonElement body)
    {
        var (type, answer) = (NftJson.Text(NftJson.Member(body, "type")), NftJson.Text(NftJson.Member(body, "expr")));
        var text = (type, answer) switch
        {
            ("tcp reset", _) => "tcp-reset",
            ("icmp", "prot-unreachable") => "icmp-proto-unreachable",
            ("icmpv6", "admin-prohibited") => "icmp6-adm-prohibited",
            ("icmp", not null) => "icmp-" + answer,
            ("icmpv6", not null) => "icmp6-" + answer,
            // nft leaves out what it answers by default.
            (null, null) => Family == Family.IPv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable",
            _ => null,
        };
        return text is not null && Act(RuleAction.Reject) && Set(RuleFields.RejectWith, text);
    }

    private bool Log(JsonElement body)
    {
        if (_isReport)
            return body.ValueKind == JsonValueKind.Object && body.EnumerateObject().All(member => member.Name == "prefix") && NftJson.Text(NftJson.Member(body, "prefix")) == VerdictChain.ReportPrefix && Act(RuleAction.Report);
        if (body.ValueKind != JsonValueKind.Object)
            return Act(RuleAction.Log);
        return body.EnumerateObject().All(member => member.Name == "prefix") && NftJson.Text(NftJson.Member(body, "prefix")) is { } prefix && Set(RuleFields.LogPrefix, prefix) && Act(RuleAction.Log);
    }

    private bool Limit(JsonElement body)
    {
        // Written out it is a report's, in front of its log; all other limits have names.
        if (body.ValueKind == JsonValueKind.Object)
            return _isReport = NftJson.Number(NftJson.Member(body, "burst")) == VerdictChain.ReportBurst && NftJson.Member(body, "inv") is not { ValueKind: JsonValueKind.True }
                && $"{NftJson.Number(NftJson.Member(body, "rate"))?.ToString(CultureInfo.InvariantCulture)}/{NftJson.Text(NftJson.Member(body, "per"))}" == Rates.ToNft(VerdictChain.ReportRate);
        if (body.ValueKind != JsonValueKind.String || _objects.Limit(body.GetString()!) is not { Rate: { } rate } limit)
            return false;
        if (limit.Name.StartsWith(NftNames.Rate, StringComparison.Ordinal))
            return !limit.IsOver && Set(RuleFields.Limit, Rates.ToIptables(rate)) && Set(RuleFields.LimitBurst, (int)limit.Burst);
        return limit.Name.StartsWith(NftNames.BucketRate, StringComparison.Ordinal) && Set(RuleFields.HashLimit, $"{(limit.IsOver ? "above" : "upto")} {Rates.ToIptables(rate)}") && Set(RuleFields.HashLimitBurst, (int)limit.Burst);
    }

    private bool Buckets(JsonElement body)
    {
        if (NftJson.Text(NftJson.Member(body, "op")) != "update" || NftJson.Text(NftJson.Member(body, "set"))?.StartsWith("@" + NftNames.Buckets, StringComparison.Ordinal) != true
            || NftJson.Member(body, "stmt") is not { ValueKind: JsonValueKind.Array } inner || inner.EnumerateArray().ToList() is not [var only] || NftJson.Member(only, "limit") is not { } limit
            || NftJson.Member(body, "elem") is not { } element)
        {
            return false;
        }
        // Newer versions wrap a key that has a statement: {"elem": {"val": ...}}.
        element = NftJson.Member(NftJson.Member(element, "elem"), "val") ?? element;
        var keys = (NftJson.Member(element, "concat") is { ValueKind: JsonValueKind.Array } parts ? parts.EnumerateArray().ToList() : [element]).Select(Key).ToList();
        if (keys.Contains(null) || NftJson.Number(NftJson.Member(limit, "rate")) is not { } rate || NftJson.Text(NftJson.Member(limit, "per")) is not { } per)
            return false;
        var isOver = NftJson.Member(limit, "inv") is { ValueKind: JsonValueKind.True };
        return Set(RuleFields.HashLimit, string.Create(CultureInfo.InvariantCulture, $"{(isOver ? "above" : "upto")} {Rates.ToIptables($"{rate}/{per}")}"))
            && Set(RuleFields.HashLimitBurst, (int)(NftJson.Number(NftJson.Member(limit, "burst")) ?? 5)) && Set(RuleFields.HashLimitMode, string.Join(',', keys));
    }

    private string? Key(JsonElement key)
    {
        var payload = NftJson.Member(key, "payload");
        return (NftJson.Text(NftJson.Member(payload, "protocol")), NftJson.Text(NftJson.Member(payload, "field"))) switch
        {
            ("ip" or "ip6", "saddr") => "srcip",
            ("ip" or "ip6", "daddr") => "dstip",
            // nft leaves the protocol out where a key is a port of it.
            ({ } protocol, "sport") when RuleWords.HasPorts(protocol) && Protocol(protocol, "") => "srcport",
            ({ } protocol, "dport") when RuleWords.HasPorts(protocol) && Protocol(protocol, "") => "dstport",
            _ => null,
        };
    }

    private bool Match(JsonElement left, string op, JsonElement right)
    {
        var not = op == "!=" ? "!" : "";
        if (NftJson.Member(left, "ct") is { } ct)
            return Connection(ct, op, right, not);
        if (NftJson.Member(left, "&") is { ValueKind: JsonValueKind.Array } masked)
            return op is "==" or "!=" && masked.EnumerateArray().ToList() is [var of, var mask] && Flags(of, not, mask, right);
        if (op is "in" or "!" && NftJson.Member(left, "payload") is not null)
            // tcp flags & (fin | syn) != 0x0, and == 0x0
            return Flags(left, op == "in" ? "!" : "", right, null);
        if (op is not ("==" or "!="))
            return false;
        if (NftJson.Member(left, "meta") is { } meta)
            return Meta(NftJson.Text(NftJson.Member(meta, "key")), not, right);
        if (NftJson.Member(left, "fib") is { } fib)
            return Fib(fib, not, right);
        return NftJson.Member(left, "payload") is { } payload && Payload(NftJson.Text(NftJson.Member(payload, "protocol")), NftJson.Text(NftJson.Member(payload, "field")), not, right);
    }

    private bool Meta(string? key, string not, JsonElement right) => (key, NftJson.Text(right)) switch
    {
        ("iifname", { } name) when !name.StartsWith('@') => Set(RuleFields.InInterface, not + NftForm.LinkOf(name)),
        ("oifname", { } name) when !name.StartsWith('@') => Set(RuleFields.OutInterface, not + NftForm.LinkOf(name)),
        ("l4proto", { } name) => Protocol(name, not),
        // nft asks for the family before an answer that only one family has.
        ("nfproto", { } name) => not.Length == 0 && name == NftForm.Protocol(Family),
        _ => false,
    };

    // nft leaves the protocol out where a port names it too.
    private bool Protocol(string name, string not)
    {
        if (RuleWords.FindProtocol(name) is not { } known)
            return false;
        var protocol = not + known;
        return Fields.TryGetValue(RuleFields.Protocol, out var before) ? before is string text && text == protocol : Set(RuleFields.Protocol, protocol);
    }

    private bool Payload(string? protocol, string? field, string not, JsonElement right)
    {
        switch (protocol, field)
        {
            case ("ip" or "ip6", "saddr" or "daddr") when protocol == NftForm.Word(Family):
                return Address(field == "saddr" ? RuleFields.Source : RuleFields.Destination, not, right);
            case (_, "sport" or "dport") when RuleWords.HasPorts(protocol):
                return Protocol(protocol!, "") && NftJson.Ports(right) is { } ports && Set(field == "sport" ? RuleFields.SourcePort : RuleFields.DestinationPort, not + ports);
            case ("icmp" or "icmpv6", "type") when NftJson.Text(right) is { } type:
                (_icmpType, _isNotType) = (Numbered(type, Family == Family.IPv4 ? Types4 : Types6), not.Length > 0);
                return _icmpType is not null && Protocol(protocol!, "");
            case ("icmp" or "icmpv6", "code") when not.Length == 0 && NftJson.Text(right) is { } code:
                _icmpCode = Numbered(code, Family == Family.IPv4 ? Codes4 : Codes6);
                return _icmpCode is not null;
            default:
                return false;
        }
    }

    private static string? Numbered(string text, (string Name, int Number)[] names) =>
        byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? text
        : Array.FindIndex(names, each => each.Name == text) is >= 0 and var index ? names[index].Number.ToString(CultureInfo.InvariantCulture) : null;

    private bool Address(RuleField field, string not, JsonElement right)
    {
        if (NftJson.Text(right) is ['@', .. var name])
            return field == RuleFields.Destination && not.Length == 0 && _objects.Addresses(name, Family) is { } list && Set(field, list);
        return NftJson.Prefix(right) is { } prefix && Set(field, not + prefix);
    }

    // With a value: these flags of the mask are set, and no others of it. Without: none of them.
    private bool Flags(JsonElement of, string not, JsonElement mask, JsonElement? value)
    {
        var payload = NftJson.Member(of, "payload");
        if (NftJson.Text(NftJson.Member(payload, "protocol")) != "tcp" || NftJson.Text(NftJson.Member(payload, "field")) != "flags" || FlagList(mask) is not { } asked)
            return false;
        var set = value is { } given ? NftJson.Number(given) is 0 ? "NONE" : FlagList(given) : "NONE";
        return set is not null && Protocol("tcp", "") && Set(RuleFields.TcpFlags, $"{not}{asked} {set}");
    }

    private static string? FlagList(JsonElement value) =>
        NftJson.Texts(value) is { Count: > 0 } words && words.All(Bits.Contains) ? string.Join(',', words.Select(word => word.ToUpperInvariant())) : null;

    private bool Fib(JsonElement fib, string not, JsonElement right)
    {
        var field = NftJson.Texts(NftJson.Member(fib, "flags") ?? default) is ["saddr"] ? RuleFields.SourceAddressType : RuleFields.DestinationAddressType;
        return NftJson.Text(NftJson.Member(fib, "result")) == "type" && NftJson.Texts(NftJson.Member(fib, "flags") ?? default) is ["saddr" or "daddr"]
            && NftJson.Texts(right) is { } types && Set(field, not + string.Join(',', types.Select(type => type.ToUpperInvariant())));
    }

    private bool Connection(JsonElement ct, string op, JsonElement right, string not)
    {
        switch (NftJson.Text(NftJson.Member(ct, "key")), NftJson.Text(NftJson.Member(ct, "dir")))
        {
            case ("state", null) when State.Length == 0 && op is "==" or "!=" or "in" && NftJson.Texts(right) is { } states:
                State = NftStates.Said(states.Select(state => state.ToUpperInvariant()).ToList(), op == "!=");
                return true;
            // "in" asks for one of the bits, "!" for none.
            case ("status", null) when State.Length > 0 && op is "in" or "!" && NftJson.Texts(right) is { } bits && bits.All(bit => bit is "snat" or "dnat"):
                State += $" ct status & ({string.Join(" | ", Translations.Where(bits.Contains))}) {(op == "in" ? "!=" : "==")} 0";
                return true;
            case ("direction", null) when op == "==" && NftJson.Text(right) is { } direction:
                return Set(RuleFields.ConnectionDirection, direction.ToUpperInvariant());
            case ("ip daddr" or "ip6 daddr", "original") when op is "==" or "!=" && NftJson.Prefix(right) is { } prefix:
                return Set(RuleFields.OriginalDestination, not + prefix);
            case ("proto-dst", "original") when op is "==" or "!=" && NftJson.Ports(right) is { } port:
                return Set(RuleFields.OriginalDestinationPort, not + port);
            default:
                return false;
        }
    }
}
