using System.Globalization;
using System.Text.Json;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Matching;

/// <summary>Right sides of nftables' matches. Null always means: not modelled. Source: libnftables-json(5).</summary>
internal static class NativeValues
{
    /// <summary>The member of an object; null if it is not an object or has no such member.</summary>
    internal static JsonElement? Member(JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty(name, out var member) ? member : null;

    internal static string? Text(JsonElement? value) => value is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>The elements of an anonymous set or a list, or the one value itself; null for a named set, whose elements are not listed.</summary>
    internal static IReadOnlyList<JsonElement>? Items(JsonElement value)
    {
        if (Text(value)?.StartsWith('@') == true)
            return null;
        var list = Member(value, "set") ?? value;
        return list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray()] : [list];
    }

    internal static IReadOnlyList<string>? Texts(JsonElement value) => All(value, static item => item.ValueKind switch
    {
        JsonValueKind.String => item.GetString(),
        JsonValueKind.Number => item.GetRawText(),
        _ => null,
    });

    /// <summary>The names of bits: <c>"dnat"</c>, <c>["snat", "dnat"]</c>, <c>{"|": ["snat", "dnat"]}</c>, nested as nft likes.</summary>
    internal static IReadOnlyList<string>? Bits(JsonElement value)
    {
        if (Text(value) is { } word)
            return word.StartsWith('@') ? null : [word];
        var list = Member(value, "|") ?? value;
        if (list.ValueKind != JsonValueKind.Array)
            return null;
        var words = list.EnumerateArray().Select(Bits).ToList();
        return words.Contains(null) ? null : [.. words.SelectMany(static each => each!)];
    }

    internal static IReadOnlyList<(UInt128 First, UInt128 Last)>? Addresses(JsonElement value, Family family)
    {
        if (Items(value) is not { } items)
            return null;
        var spans = new List<(UInt128 First, UInt128 Last)>();
        foreach (var item in items)
        {
            if (Address(item, family) is not { } span)
                return null;
            spans.Add(span);
        }
        return spans;
    }

    internal static IReadOnlyList<(UInt128 First, UInt128 Last)>? Numbers(JsonElement value)
    {
        if (Items(value) is not { } items)
            return null;
        var spans = new List<(UInt128 First, UInt128 Last)>();
        foreach (var item in items)
        {
            var ends = Member(item, "range") is { ValueKind: JsonValueKind.Array } range ? range.EnumerateArray().ToList() : [item, item];
            if (ends.Count != 2 || Number(ends[0]) is not { } first || Number(ends[1]) is not { } last || last < first)
                return null;
            spans.Add((first, last));
        }
        return spans;
    }

    internal static uint? Number(JsonElement? value) => value switch
    {
        { ValueKind: JsonValueKind.Number } number when number.TryGetUInt32(out var result) => result,
        { ValueKind: JsonValueKind.String } text when uint.TryParse(text.GetString(), NumberStyles.None, CultureInfo.InvariantCulture, out var result) => result,
        _ => null,
    };

    private static (UInt128 First, UInt128 Last)? Address(JsonElement item, Family family)
    {
        var prefix = Member(item, "prefix");
        var text = prefix is { } found ? $"{Text(Member(found, "addr"))}/{Number(Member(found, "len"))}" : Text(item);
        if (Member(item, "range") is { ValueKind: JsonValueKind.Array } range && range.EnumerateArray().ToList() is [var start, var end])
            return Single(Text(start), family) is { } first && Single(Text(end), family) is { } last && first.Bits <= last.Bits ? (first.Bits, last.Bits) : null;
        return Single(text, family) is { } cidr ? (cidr.Bits, cidr.Last) : null;
    }

    private static Cidr? Single(string? text, Family family) => Cidr.TryParse(text, out var cidr) && cidr.Family == family ? cidr : null;

    private static List<string>? All(JsonElement value, Func<JsonElement, string?> read)
    {
        var texts = Items(value)?.Select(read).ToList();
        return texts is null || texts.Contains(null) ? null : [.. texts.OfType<string>()];
    }
}
