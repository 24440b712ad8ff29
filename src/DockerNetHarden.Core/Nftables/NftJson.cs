using System.Globalization;
using System.Text.Json;

namespace DockerNetHarden.Nftables;

/// <summary>Values in the statements of nft's JSON. Null always means: not of this form. Source: libnftables-json(5); seen with nft 1.0.6, 1.1.3 and 1.1.7.</summary>
internal static class NftJson
{
    public static JsonElement? Member(JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty(name, out var member) ? member : null;

    public static string? Text(JsonElement? value) => value switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        { ValueKind: JsonValueKind.Number } number => number.GetRawText(),
        _ => null,
    };

    public static long? Number(JsonElement? value) => value is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var result) ? result : null;

    /// <summary>The name of a statement and what is in it.</summary>
    public static (string Name, JsonElement Body) Statement(JsonElement statement)
    {
        if (statement.ValueKind == JsonValueKind.Object)
        {
            foreach (var member in statement.EnumerateObject())
                return (member.Name, member.Value);
        }
        return ("", default);
    }

    /// <summary>The values of a set, of bits, or one: <c>"new"</c>, <c>["new", "related"]</c>, <c>{"set": [...]}</c>, <c>{"|": [...]}</c>, nested as nft likes.</summary>
    public static IReadOnlyList<JsonElement> Items(JsonElement value)
    {
        var list = Member(value, "set") ?? Member(value, "|") ?? value;
        return list.ValueKind == JsonValueKind.Array ? [.. list.EnumerateArray().SelectMany(item => Member(item, "|") is null ? [item] : Items(item))] : [list];
    }

    public static IReadOnlyList<string>? Texts(JsonElement value)
    {
        var texts = Items(value).Select(item => Text(item)).ToList();
        return texts.Contains(null) ? null : [.. texts.OfType<string>()];
    }

    /// <summary>Ports and ranges as iptables writes them: <c>25,465:587</c>.</summary>
    public static string? Ports(JsonElement value)
    {
        var ports = Items(value).Select(item => Member(item, "range") is { ValueKind: JsonValueKind.Array } range
            ? range.EnumerateArray().ToList() is [var first, var last] && Number(first) is { } from && Number(last) is { } to ? string.Create(CultureInfo.InvariantCulture, $"{from}:{to}") : null
            : Number(item)?.ToString(CultureInfo.InvariantCulture)).ToList();
        return ports.Contains(null) ? null : string.Join(',', ports);
    }

    /// <summary>An address or a prefix: <c>"10.0.0.1"</c>, <c>{"prefix": {"addr": "10.0.0.0", "len": 8}}</c>.</summary>
    public static string? Prefix(JsonElement value) => Member(value, "prefix") is { } prefix
        ? Text(Member(prefix, "addr")) is { } address && Number(Member(prefix, "len")) is { } length ? string.Create(CultureInfo.InvariantCulture, $"{address}/{length}") : null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
