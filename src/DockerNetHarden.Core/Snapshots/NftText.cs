using System.Buffers;
using System.Globalization;
using System.Text.Json;

namespace DockerNetHarden.Snapshots;

/// <summary>The output of <c>nft -j list ruleset</c>. Source: libnftables-json(5).</summary>
public static class NftText
{
    /// <summary>Reads the output.</summary>
    /// <param name="json">The output, UTF-8; empty means an empty rule set (nft before 1.0 printed nothing for it).</param>
    /// <returns>Chains, rules, sets, maps, limits, flowtables, tables with flags; other tables and objects are left out, but rules that use them name them.</returns>
    /// <exception cref="FormatException">It is not such output.</exception>
    public static NftRuleset Parse(ReadOnlyMemory<byte> json)
    {
        if (json.Span.Trim(" \r\n\t"u8).IsEmpty)
            return new NftRuleset([], [], []);
        try
        {
            using var document = JsonText.Parse(json);
            return Read(document.RootElement);
        }
        catch (JsonException error)
        {
            throw new FormatException($"nft did not print JSON: {error.Message}", error);
        }
    }

    /// <summary>Reads the output as a JSON value.</summary>
    /// <exception cref="FormatException">It is not such a value.</exception>
    internal static NftRuleset Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("nftables", out var items) || items.ValueKind != JsonValueKind.Array)
            throw new FormatException("an object with a list 'nftables' was expected.");
        List<NftChain> chains = [];
        List<NftRule> rules = [];
        List<NftMap> maps = [];
        List<NftLimit> limits = [];
        List<NftSet> sets = [];
        List<long> handles = [];
        List<NftTable> tables = [];
        List<string> flowtables = [];
        foreach (var item in items.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
                throw new FormatException("each item of 'nftables' is an object with one member.");
            foreach (var member in item.EnumerateObject())
            {
                if (member.Value.ValueKind == JsonValueKind.Object && Number(member.Value, "handle") is { } handle)
                    handles.Add(handle);
                switch (member.Name)
                {
                    case "table" when Texts(member.Value, "flags") is { Count: > 0 } flags:
                        tables.Add(new NftTable(Text(member.Value, "family"), Text(member.Value, "name"), flags));
                        break;
                    case "chain":
                        chains.Add(Chain(member.Value));
                        break;
                    case "rule":
                        rules.Add(Rule(member.Value));
                        break;
                    case "map":
                        maps.Add(Map(member.Value));
                        break;
                    case "set":
                        sets.Add(Set(member.Value));
                        break;
                    case "limit":
                        limits.Add(Limit(member.Value));
                        break;
                    case "flowtable":
                        flowtables.Add($"{Text(member.Value, "family")} {Text(member.Value, "table")} {Text(member.Value, "name")}");
                        break;
                }
            }
        }
        handles.Sort();
        return new NftRuleset(chains, rules, flowtables) { Maps = maps, Limits = limits, Sets = sets, FlaggedTables = tables, Handles = handles };
    }

    /// <summary>Elements as an anonymous set has them.</summary>
    internal static JsonElement AsSet(IReadOnlyList<JsonElement> elements)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            WriteList(json, "set", elements, element => element.WriteTo(json));
            json.WriteEndObject();
        }
        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    /// <summary>Writes the objects of a rule set, which <see cref="Read"/> reads.</summary>
    internal static void Write(Utf8JsonWriter json, NftRuleset ruleset)
    {
        json.WriteStartObject();
        json.WriteStartArray("nftables");
        foreach (var table in ruleset.FlaggedTables)
            Write(json, "table", ["family", table.Family, "name", table.Name], () => WriteList(json, "flags", table.Flags, json.WriteStringValue));
        foreach (var chain in ruleset.Chains)
        {
            Write(json, "chain", ["family", chain.Family, "table", chain.Table, "name", chain.Name, "type", chain.Type, "hook", chain.Hook], () =>
            {
                if (chain.Hook is not null)
                    json.WriteNumber("prio", chain.Priority);
                if (chain.Policy is not null)
                    json.WriteString("policy", chain.Policy);
                if (chain.Devices.Count > 0)
                    WriteList(json, "dev", chain.Devices, json.WriteStringValue);
            });
        }
        foreach (var rule in ruleset.Rules)
        {
            Write(json, "rule", ["family", rule.Family, "table", rule.Table, "chain", rule.Chain], () =>
            {
                json.WriteNumber("handle", rule.Handle);
                if (rule.Comment is not null)
                    json.WriteString("comment", rule.Comment);
                WriteList(json, "expr", rule.Expressions, expression => expression.WriteTo(json));
            });
        }
        foreach (var map in ruleset.Maps)
            Write(json, "map", ["family", map.Family, "table", map.Table, "name", map.Name], () => WriteList(json, "elem", map.Elements, element => element.WriteTo(json)));
        foreach (var set in ruleset.Sets)
        {
            Write(json, "set", ["family", set.Family, "table", set.Table, "name", set.Name, "type", set.Type], () =>
            {
                if (set.Size is { } size)
                    json.WriteNumber("size", size);
                if (set.Timeout is { } timeout)
                    json.WriteNumber("timeout", timeout);
                if (set.Elements.Count > 0)
                    WriteList(json, "elem", set.Elements, element => element.WriteTo(json));
            });
        }
        foreach (var limit in ruleset.Limits)
        {
            Write(json, "limit", ["family", limit.Family, "table", limit.Table, "name", limit.Name], () =>
            {
                if (limit.Rate?.Split('/') is [var rate, var per])
                {
                    json.WriteNumber("rate", long.Parse(rate, CultureInfo.InvariantCulture));
                    json.WriteString("per", per);
                    json.WriteNumber("burst", limit.Burst);
                }
                if (limit.IsOver)
                    json.WriteBoolean("inv", true);
            });
        }
        foreach (var words in ruleset.Flowtables.Select(static flowtable => flowtable.Split(' ', 3)))
            Write(json, "flowtable", ["family", words[0], "table", words[1], "name", words[2]], static () => { });
        json.WriteEndArray();
        json.WriteEndObject();
    }

    // Each object is wrapped in another one, whose only key says what it is. It begins with texts, given as alternating names and values; null values are left out.
    private static void Write(Utf8JsonWriter json, string kind, string?[] texts, Action rest)
    {
        json.WriteStartObject();
        json.WriteStartObject(kind);
        for (var i = 0; i < texts.Length; i += 2)
        {
            if (texts[i + 1] is { } text)
                json.WriteString(texts[i]!, text);
        }
        rest();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteList<T>(Utf8JsonWriter json, string name, IReadOnlyList<T> items, Action<T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
            write(item);
        json.WriteEndArray();
    }

    private static NftChain Chain(JsonElement chain)
    {
        var priority = 0;
        if (Find(chain, "prio") is { } prio && !(prio.ValueKind == JsonValueKind.Number && prio.TryGetInt32(out priority)))
            throw new FormatException($"the priority {prio.GetRawText()} of chain {Text(chain, "name")} is not a number.");
        return new NftChain(
            Text(chain, "family"), Text(chain, "table"), Text(chain, "name"), MaybeText(chain, "type"), MaybeText(chain, "hook"), priority, MaybeText(chain, "policy"), Texts(chain, "dev"));
    }

    // A single device or flag is a text, several are a list.
    private static IReadOnlyList<string> Texts(JsonElement element, string name) => Find(element, name) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => AsText(item, name))],
        { } one => [AsText(one, name)],
    };

    private static NftRule Rule(JsonElement rule)
    {
        if (Find(rule, "handle") is not { ValueKind: JsonValueKind.Number } number || !number.TryGetInt64(out var handle))
            throw new FormatException("a rule has no 'handle'.");
        if (Find(rule, "expr") is not { ValueKind: JsonValueKind.Array } expressions)
            throw new FormatException($"rule {handle} has no list 'expr'.");
        // The snapshot outlives the document.
        return new NftRule(
            Text(rule, "family"), Text(rule, "table"), Text(rule, "chain"), handle, [.. expressions.EnumerateArray().Select(static expression => expression.Clone())])
        {
            Comment = MaybeText(rule, "comment"),
        };
    }

    private static NftSet Set(JsonElement set)
    {
        var timeout = Number(set, "timeout");
        var type = Find(set, "type") switch
        {
            { ValueKind: JsonValueKind.Array } parts => string.Join(" . ", parts.EnumerateArray().Select(static part => AsText(part, "type"))),
            { ValueKind: JsonValueKind.String } one => one.GetString()!,
            var other => other?.GetRawText() ?? "",
        };
        return new NftSet(
            Text(set, "family"), Text(set, "table"), Text(set, "name"), type,
            Find(set, "elem") is { ValueKind: JsonValueKind.Array } elements ? [.. elements.EnumerateArray().Select(static element => element.Clone())] : [])
        {
            Timeout = timeout,
            Size = Number(set, "size"),
        };
    }

    // "rate_unit" is only there for bytes.
    private static NftLimit Limit(JsonElement limit) =>
        new(Text(limit, "family"), Text(limit, "table"), Text(limit, "name"), Find(limit, "inv") is { ValueKind: JsonValueKind.True })
        {
            Rate = Find(limit, "rate_unit") is null && Number(limit, "rate") is { } rate ? string.Create(CultureInfo.InvariantCulture, $"{rate}/{MaybeText(limit, "per")}") : null,
            Burst = Number(limit, "burst") ?? 0,
        };

    private static long? Number(JsonElement element, string name) =>
        Find(element, name) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var value) ? value : null;

    // An empty map has no list at all.
    private static NftMap Map(JsonElement map) => new(
        Text(map, "family"), Text(map, "table"), Text(map, "name"),
        Find(map, "elem") is { ValueKind: JsonValueKind.Array } elements ? [.. elements.EnumerateArray().Select(static element => element.Clone())] : []);

    private static string Text(JsonElement element, string name) =>
        Find(element, name) is { } member ? AsText(member, name) : throw new FormatException($"'{name}' is missing.");

    private static string? MaybeText(JsonElement element, string name) => Find(element, name) is { } member ? AsText(member, name) : null;

    private static string AsText(JsonElement member, string name) =>
        member.ValueKind == JsonValueKind.String ? member.GetString()! : throw new FormatException($"'{name}' is {member.GetRawText()}, not a text.");

    private static JsonElement? Find(JsonElement element, string name) =>
        element.ValueKind != JsonValueKind.Object ? throw new FormatException($"an object with '{name}' was expected.")
        : element.TryGetProperty(name, out var member) ? member : null;
}
