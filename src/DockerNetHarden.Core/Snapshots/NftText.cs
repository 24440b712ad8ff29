using System.Text.Json;

namespace DockerNetHarden.Snapshots;

/// <summary>The output of <c>nft -j list ruleset</c>. Source: libnftables-json(5).</summary>
public static class NftText
{
    /// <summary>Reads the output.</summary>
    /// <param name="json">The output, UTF-8; empty means an empty rule set (nft before 1.0 printed nothing for it).</param>
    /// <returns>Chains, rules, maps, limits, flowtables, tables with flags; other tables, sets and objects are left out, but rules that use them name them.</returns>
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
        List<NftTable> tables = [];
        List<string> flowtables = [];
        foreach (var item in items.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object)
                throw new FormatException("each item of 'nftables' is an object with one member.");
            foreach (var member in item.EnumerateObject())
            {
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
                    case "limit":
                        limits.Add(new NftLimit(
                            Text(member.Value, "family"), Text(member.Value, "table"), Text(member.Value, "name"), Find(member.Value, "inv") is { ValueKind: JsonValueKind.True }));
                        break;
                    case "flowtable":
                        flowtables.Add($"{Text(member.Value, "family")} {Text(member.Value, "table")} {Text(member.Value, "name")}");
                        break;
                }
            }
        }
        return new NftRuleset(chains, rules, flowtables) { Maps = maps, Limits = limits, FlaggedTables = tables };
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
                WriteList(json, "expr", rule.Expressions, expression => expression.WriteTo(json));
            });
        }
        foreach (var map in ruleset.Maps)
            Write(json, "map", ["family", map.Family, "table", map.Table, "name", map.Name], () => WriteList(json, "elem", map.Elements, element => element.WriteTo(json)));
        foreach (var limit in ruleset.Limits)
        {
            Write(json, "limit", ["family", limit.Family, "table", limit.Table, "name", limit.Name], () =>
            {
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
            Text(rule, "family"), Text(rule, "table"), Text(rule, "chain"), handle, [.. expressions.EnumerateArray().Select(static expression => expression.Clone())]);
    }

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
