using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Matching;

/// <summary>
/// Turns a native nftables rule into walkable rules: one for each statement that does something, and one for each element of a verdict map.
/// Source: libnftables-json(5), nft(8).
/// </summary>
internal sealed class NativeReader(RuleContext context, NftRuleset ruleset, Func<NftRule, string, CompiledChain?> chainNamed)
{
    private readonly Dictionary<NftSet, JsonElement> _sets = new(ReferenceEqualityComparer.Instance);

    internal IEnumerable<CompiledRule> Read(NftRule rule, Place place)
    {
        for (var i = 0; i < rule.Expressions.Count; i++)
        {
            if (rule.Expressions[i].ValueKind != JsonValueKind.Object)
                continue;
            var (name, body) = Statement(rule.Expressions[i]);
            if (name == "vmap")
            {
                // A lookup that finds nothing ends the rule.
                foreach (var one in VerdictMap(rule, body, place, i))
                    yield return one;
                yield break;
            }
            if (Action(rule, name, body) is { } action)
                yield return new CompiledRule(place, Before(rule, i).Build(), action);
        }
    }

    private static (string Name, JsonElement Body) Statement(JsonElement expression)
    {
        foreach (var member in expression.EnumerateObject())
            return (member.Name, member.Value);
        return ("", default);
    }

    // What must match before the statement at this place is executed.
    private MatchBuilder Before(NftRule rule, int end)
    {
        var match = new MatchBuilder(context.Family);
        var statements = rule.Expressions.Take(end).Where(static each => each.ValueKind == JsonValueKind.Object).Select(Statement).ToList();
        var namesProtocol = statements.Exists(static each => each.Name == "match" && each.Body.GetRawText() is var text
            && (text.Contains("\"l4proto\"", StringComparison.Ordinal) || text.Contains("\"nexthdr\"", StringComparison.Ordinal)));
        var native = new NativeMatch(match, context, namesProtocol);
        foreach (var (name, body) in statements)
        {
            switch (name)
            {
                case "match" when NativeValues.Member(body, "left") is { } left && NativeValues.Member(body, "right") is { } right:
                    native.Add(left, NativeValues.Text(NativeValues.Member(body, "op")), Listed(rule, right));
                    break;
                case "limit" when Exceeds(rule, body) is { } isOver:
                    match.May(isOver ? Chance.AboveRate : Chance.WithinRate, "a limit counts a rate");
                    break;
                // A set of buckets, each with its own rate.
                case "set" when NativeValues.Member(body, "stmt") is { } inner && Limit(inner) is { } limit && Exceeds(rule, limit) is { } isOver && NativeValues.Member(body, "elem") is { } element:
                    native.Has(NativeValues.Member(NativeValues.Member(element, "elem"), "val") ?? element);
                    match.May(isOver ? Chance.AboveRate : Chance.WithinRate, "the limits of a set count rates");
                    break;
                case "xt" when NativeValues.Text(NativeValues.Member(body, "type")) != "target":
                    match.NotModelled($"the match {NativeValues.Text(NativeValues.Member(body, "name"))} of iptables, which nft does not print");
                    break;
                case "match" or "limit" or "quota" or "connlimit" or "ct count" or "set" or "map" or "last":
                    match.NotModelled($"the statement {name} is not modelled");
                    break;
            }
        }
        return match;
    }

    // A named set as its elements, if they are those that were given; packets fill any other.
    private JsonElement Listed(NftRule rule, JsonElement right)
    {
        if (NativeValues.Text(right) is not ['@', .. var name] || ruleset.Sets.FirstOrDefault(each => each.Family == rule.Family && each.Table == rule.Table && each.Name == name) is not { Timeout: null, Elements.Count: > 0 } set)
            return right;
        if (!_sets.TryGetValue(set, out var listed))
            _sets.Add(set, listed = NftText.AsSet(set.Elements));
        return listed;
    }

    // Whether a limit matches what is above its rate. It belongs to the rule, or to the table by name; null if it is not a known limit.
    private bool? Exceeds(NftRule rule, JsonElement limit)
    {
        if (NativeValues.Text(limit) is { } name)
            return ruleset.Limits.FirstOrDefault(each => each.Family == rule.Family && each.Table == rule.Table && each.Name == name)?.IsOver;
        return NativeValues.Member(limit, "rate") is null ? null : NativeValues.Member(limit, "inv") is { ValueKind: JsonValueKind.True };
    }

    // The limit, if it is the only statement.
    private static JsonElement? Limit(JsonElement statements) =>
        statements.ValueKind == JsonValueKind.Array && statements.EnumerateArray().ToList() is [var only] ? NativeValues.Member(only, "limit") : null;

    private IEnumerable<CompiledRule> VerdictMap(NftRule rule, JsonElement body, Place place, int at)
    {
        var elements = Elements(rule, body);
        if (elements is null || NativeValues.Member(body, "key") is not { } key)
        {
            yield return new CompiledRule(place, Before(rule, at).Build(), new CompiledAction(ActionKind.Obscure) { Why = "a verdict map whose elements are not known" });
            yield break;
        }
        foreach (var element in elements)
        {
            if (element.ValueKind != JsonValueKind.Array || element.EnumerateArray().ToList() is not [var value, { ValueKind: JsonValueKind.Object } verdict])
                continue;
            var match = Before(rule, at);
            var (name, target) = Statement(verdict);
            new NativeMatch(match, context, namesProtocol: false).Add(key, "==", NativeValues.Member(NativeValues.Member(value, "elem"), "val") ?? value);
            if (Action(rule, name, target) is { } action)
                yield return new CompiledRule(place, match.Build(), action);
        }
    }

    private IReadOnlyList<JsonElement>? Elements(NftRule rule, JsonElement body)
    {
        var data = NativeValues.Member(body, "data");
        if (NativeValues.Text(data) is { } name)
            return ruleset.Maps.FirstOrDefault(map => map.Family == rule.Family && map.Table == rule.Table && name == "@" + map.Name)?.Elements;
        return data is { } set ? NativeValues.Items(set) : null;
    }

    // Null for a statement that decides nothing about packets.
    private CompiledAction? Action(NftRule rule, string name, JsonElement body) => name switch
    {
        "match" or "limit" or "quota" or "connlimit" or "ct count" or "set" or "map" or "last" or "counter" or "log" or "continue" or "comment"
            or "ct helper" or "ct timeout" or "ct expectation" or "dup" or "flow" or "secmark" or "" => null,
        "accept" => new CompiledAction(ActionKind.Accept),
        "drop" => new CompiledAction(ActionKind.Drop),
        "reject" => new CompiledAction(ActionKind.Reject) { IsReset = NativeValues.Text(NativeValues.Member(body, "type")) == "tcp reset" },
        "return" => new CompiledAction(ActionKind.Return),
        "snat" or "masquerade" => new CompiledAction(ActionKind.Accept),
        "notrack" => new CompiledAction(ActionKind.Untrack),
        "jump" or "goto" => Enter(rule, name, body),
        "dnat" or "redirect" => Redirect(name, body),
        "mangle" => Mangle(body),
        "xt" => Extension(NativeValues.Text(NativeValues.Member(body, "type")), NativeValues.Text(NativeValues.Member(body, "name"))),
        _ => new CompiledAction(ActionKind.Obscure) { Why = $"the statement {name} is not modelled" },
    };

    // nft prints a target or match of iptables without its options; older versions also omit its name.
    private CompiledAction? Extension(string? type, string? name) => (type, name) switch
    {
        ("match", _) => null,
        ("target", "CT") => new CompiledAction(ActionKind.Untrack) { Why = "options of the target CT, which nft does not print" },
        ("target", "REDIRECT" or "DNAT") => new CompiledAction(ActionKind.Redirect) { Why = $"options of the target {name}, which nft does not print" },
        ("target", "CONNMARK") => new CompiledAction(ActionKind.Mark),
        ("target", not null) => ActionReader.Read(name, false, [], context.Family, static _ => null),
        _ => new CompiledAction(ActionKind.Obscure) { Why = "an extension of iptables, which nft does not print" },
    };

    private CompiledAction Enter(NftRule rule, string name, JsonElement body)
    {
        var target = NativeValues.Text(NativeValues.Member(body, "target")) ?? "";
        return new CompiledAction(name == "goto" ? ActionKind.Goto : ActionKind.Jump)
        {
            Target = chainNamed(rule, target),
            Why = $"the chain {target} does not exist",
        };
    }

    private CompiledAction Redirect(string name, JsonElement body)
    {
        var action = new CompiledAction(ActionKind.Redirect) { ToLink = name == "redirect" };
        if (NativeValues.Member(body, "addr") is { } address)
        {
            action = Cidr.TryParse(NativeValues.Text(address), out var one) && one.IsSingleAddress && one.Family == context.Family
                ? action with { Destination = one.Bits }
                : action with { Why = $"the destination {address.GetRawText()} is not one address" };
        }
        if (NativeValues.Member(body, "port") is not { } port)
            return action;
        return NativeValues.Number(port) is { } number and <= Packets.Layers.LastPort
            ? action with { Port = (int)number }
            : action with { Why = $"the port {port.GetRawText()} is not one port" };
    }

    private static CompiledAction? Mangle(JsonElement body)
    {
        var key = NativeValues.Member(body, "key");
        if (NativeValues.Text(NativeValues.Member(NativeValues.Member(key, "meta"), "key")) is { } meta)
        {
            if (meta != "mark")
                return null;
            return new CompiledAction(ActionKind.Mark) { Mark = NativeValues.Number(NativeValues.Member(body, "value")) is { } mark ? (mark, uint.MaxValue) : null };
        }
        // A connection mark acts only through a later mangle of the packet's mark; a zone moves the packet to a different connection.
        if (NativeValues.Text(NativeValues.Member(NativeValues.Member(key, "ct"), "key")) is { } ct)
            return ct == "zone" ? new CompiledAction(ActionKind.Untrack) { Why = "conntrack zones are not modelled" } : null;
        return new CompiledAction(ActionKind.Redirect) { Why = "it rewrites the packets' headers" };
    }
}
