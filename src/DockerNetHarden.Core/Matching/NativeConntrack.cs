using System.Globalization;
using System.Text.Json;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Matching;

/// <summary>Reads what a native rule asks of conntrack. False always means: not modelled. Source: nft(8), conntrack expressions; net/netfilter/nft_ct.c.</summary>
internal sealed class NativeConntrack(MatchBuilder match, RuleContext context)
{
    /// <summary>A key of a connection and its value, or a set of values.</summary>
    internal bool Is(JsonElement ct, JsonElement right, bool negated)
    {
        var (key, direction) = (NativeValues.Text(NativeValues.Member(ct, "key")), NativeValues.Text(NativeValues.Member(ct, "dir")));
        return (key, direction) switch
        {
            // A set, or one state. Several states as one value are a sum of bits, which no packet has.
            ("state", null) when right.ValueKind != JsonValueKind.Array && NativeValues.Texts(right) is { } states => Tracked("--ctstate", string.Join(',', states), negated),
            ("direction", null) when NativeValues.Text(right) is "original" or "reply" =>
                Tracked("--ctdir", (NativeValues.Text(right) == "original") != negated ? "original" : "reply", negated: false),
            ("ip daddr" or "ip6 daddr" or "daddr", "original") => Original(right, negated, isSource: false),
            ("ip saddr" or "ip6 saddr" or "saddr", "original") => Original(right, negated, isSource: true),
            ("proto-dst", "original") when NativeValues.Numbers(right) is { } ports => Tracked("--ctorigdstport", Listed(ports), negated),
            ("proto-src", "original") when NativeValues.Numbers(right) is { } ports => Tracked("--ctorigsrcport", Listed(ports), negated),
            _ => false,
        };
    }

    private static string Listed(IReadOnlyList<(UInt128 First, UInt128 Last)> ports) => string.Join(',', ports.Select(static port => string.Create(CultureInfo.InvariantCulture, $"{port.First}:{port.Last}")));

    private bool Tracked(string option, string value, bool negated)
    {
        var reader = new ConntrackReader(match);
        var isRead = reader.Read(option, option.StartsWith("--ctorig", StringComparison.Ordinal) ? value : value.ToUpperInvariant(), negated);
        reader.End();
        return isRead;
    }

    // Translated packets, or all others. A packet without a connection has no status, and the rule ends (nft_ct_get_eval in net/netfilter/nft_ct.c).
    private bool Translated(IReadOnlyList<string> words, bool any)
    {
        if (!words.All(static word => word is "dnat" or "snat"))
            return false;
        match.Only(Transport.InStates(ConntrackReader.Tracked));
        return Tracked("--ctstate", string.Join(',', words), !any);
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

    /// <summary>Any of some bits is set (<c>ct state new,established</c>, <c>ct status dnat</c>), or none (<c>ct status &amp; dnat == 0</c>).</summary>
    internal bool HasBits(string key, IReadOnlyList<string> words, bool any) => key switch
    {
        // A packet is in one state, so a list means one of several to iptables too.
        "state" => Tracked("--ctstate", string.Join(',', words), !any),
        "status" => Translated(words, any),
        _ => false,
    };

    /// <summary><c>ct status &amp; (snat | dnat) == dnat</c>, <c>ct state &amp; new == new</c>, <c>... == 0</c>: these bits of the mask are set, and no others.</summary>
    internal bool IsMasked(string key, JsonElement mask, JsonElement right, bool negated)
    {
        if (NativeValues.Bits(mask) is not { } masked)
            return false;
        if (NativeValues.Number(right) is 0)
            return HasBits(key, masked, any: negated);
        if (NativeValues.Bits(right) is not [var word] || !masked.Contains(word, StringComparer.Ordinal))
            return false;
        return key switch
        {
            "state" => HasBits(key, [word], any: !negated),
            // Sources are translated after everything that is walked here.
            "status" when word == "dnat" && masked.All(static each => each is "dnat" or "snat") => Translated(["dnat"], any: !negated),
            _ => false,
        };
    }
}
