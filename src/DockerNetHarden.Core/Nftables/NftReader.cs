using System.Globalization;
using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Nftables;

/// <summary>
/// Reads our table back: what <see cref="NftTables"/> writes becomes the rules that it was written for. A line that is anything else keeps its mark and has no rule, so it is never taken for one that protects.
/// </summary>
internal sealed class NftReader
{
    private static readonly JsonElement Drop = Parsed("""{"drop":null}""");

    private readonly NftObjects _objects;
    private readonly ILookup<string, NftRule> _rules;
    private readonly NftLimits _limits = new();
    private readonly NftSets _sets = new();

    private NftReader(NftRuleset table) => (_objects, _rules) = (new NftObjects(table), table.Rules.ToLookup(rule => rule.Chain, StringComparer.Ordinal));

    /// <summary>Reads the table.</summary>
    /// <param name="table">What nft lists of it; without anything there is no table.</param>
    public static NftRead Read(NftRuleset table)
    {
        var reader = new NftReader(table);
        var chains = table.Chains.Where(chain => chain.Hook is null && NftNames.PlaceOf(chain.Name) is not null).Select(chain => reader.Control(chain.Name)).ToList();
        List<NftObject> objects = [.. reader._objects.All()];
        return new NftRead(
            new NftModel(
                [.. objects.Where(item => NftNames.IsOurObject(item.Name))],
                [.. table.Chains.Where(chain => NftNames.IsOurChain(chain.Name)).Select(chain => new NftChainModel(chain.Name, chain.Hook is null ? null : NftTables.HeadOf(chain.Type, chain.Hook, chain.Priority, chain.Policy), [.. reader.Lines(chain.Name, chains)]))]),
            chains,
            string.Join('\n', table.Handles.Select(handle => handle.ToString(CultureInfo.InvariantCulture))),
            [.. table.Chains.Select(chain => chain.Name).Where(name => !NftNames.IsOurChain(name)), .. objects.Select(item => item.Name).Where(name => !NftNames.IsOurObject(name)), .. table.Maps.Select(map => map.Name), .. table.Flowtables])
        {
            IsDormant = table.FlaggedTables.Any(flagged => flagged.Flags.Contains("dormant", StringComparer.Ordinal)),
        };
    }

    private NftReadChain Control(string name)
    {
        var (hook, control, family) = NftNames.PlaceOf(name)!.Value;
        var rules = new List<NftReadRule>();
        var lines = _rules[name].Select(rule => (Rule: rule, Read: NftStatement.Read(rule, family, _objects))).ToList();
        for (var i = 0; i < lines.Count;)
        {
            var comment = lines[i].Rule.Comment;
            if (IsReplyExit(lines[i].Rule))
            {
                i++;
                continue;
            }
            var read = RuleMark.TryParse(comment, out var mark, out var note) && mark!.Control == control ? Rule(hook, family, mark, note, lines, i) : null;
            rules.Add(read ?? new NftReadRule(null, mark, [Unknown(lines[i].Rule)]));
            i += rules[^1].Lines.Count;
        }
        return new NftReadChain(hook, control, family, rules);
    }

    // The rule that the next lines are: as many as it was written in.
    private NftReadRule? Rule(Hook hook, Family family, RuleMark mark, string? note, List<(NftRule Rule, NftStatement? Read)> lines, int at)
    {
        var count = 1;
        while (at + count < lines.Count && lines[at + count].Rule.Comment == lines[at].Rule.Comment + NftTables.Continues)
            count++;
        var part = lines.GetRange(at, count);
        if (part.Exists(line => line.Read is null))
            return null;
        var places = mark.Control is "Custom" ? Gathered(part) : null;
        if (States(part) is not { } states || Made(hook, family, mark, note, part, states.Text, places) is not { } rule)
            return null;
        try
        {
            var written = NftTables.LinesOf(rule, 0, 0, _limits, _sets, places).ToList();
            return written.Count == count ? new NftReadRule(rule, mark, [.. written.Select((line, i) => Counted(line, part[i].Rule))]) { Places = places ?? [] } : null;
        }
        catch (NftException)
        {
            return null;
        }
    }

    private static (string? Text, bool HasRest)? States(List<(NftRule Rule, NftStatement? Read)> part)
    {
        var hasRest = part.Exists(line => line.Read!.HasRest);
        if (part is [{ Read.State: "" }])
            return (null, hasRest);
        // A packet without a connection is asked for its state alone.
        return NftStates.Read(part.Select(line => line.Read!.State), hasRest) is { } text
            && NftStates.Alternatives(text, hasRest).Zip(part).All(pair => pair.First.HasRest == pair.Second.Read!.HasRest) ? (text, hasRest) : null;
    }

    // The destinations of rules that one look-up stands for; null if the lines are one rule.
    private static IReadOnlyList<Cidr>? Gathered(List<(NftRule Rule, NftStatement? Read)> part) =>
        part[0].Read!.Fields.TryGetValue(RuleFields.Destination, out var value) && value is string list && list.Contains(',', StringComparison.Ordinal) ? [.. AddressLists.Split(list).Select(Cidr.Parse)] : null;

    private static FirewallRule? Made(Hook hook, Family family, RuleMark mark, string? note, List<(NftRule Rule, NftStatement? Read)> part, string? states, IReadOnlyList<Cidr>? places)
    {
        var fields = part.Select(line => line.Read!.Fields).OrderByDescending(each => each.Count).First();
        // All lines of a rule ask the same, but for the connection.
        if (!part.TrueForAll(line => line.Read!.Fields.All(field => fields.TryGetValue(field.Key, out var value) && value.Equals(field.Value)) && fields.Keys.All(field => NftStates.IsOfConnection(field) || line.Read.Fields.ContainsKey(field))))
            return null;
        var spec = new RuleSpec { Control = mark.Control, Subject = mark.Subject, Network = mark.Network, Family = family, Table = hook.Table, Chain = hook.Chain };
        foreach (var (field, value) in fields)
            spec[field] = value;
        (spec[RuleFields.ConnectionState], spec[RuleFields.Comment]) = (states, note);
        if (places is not null)
            spec.Destination = places[0].ToString();
        try
        {
            return new FirewallRule(spec);
        }
        catch (RefusedValueException)
        {
            return null;
        }
    }

    private IEnumerable<NftLine> Lines(string name, List<NftReadChain> chains)
    {
        var rules = _rules[name].ToList();
        if (NftNames.PlaceOf(name) is { } place)
        {
            foreach (var rule in rules.TakeWhile(IsReplyExit))
                yield return Counted(NftGate.ReplyExit, rule);
            foreach (var line in chains.Find(chain => (chain.Hook, chain.Control, chain.Family) == place)!.Rules.SelectMany(rule => rule.Lines))
                yield return line;
            foreach (var rule in rules.SkipWhile(IsReplyExit).Where(IsReplyExit))
                yield return Unknown(rule) with { Comment = RuleMark.Owner };
            yield break;
        }
        var known = NftNames.HookOf(name) is not null ? rules.ConvertAll(Jump)
            : name.StartsWith(NftNames.Beyond, StringComparison.Ordinal) ? Same(_limits.Chains.FirstOrDefault(chain => chain.Name == name), rules)
            : Shared(name, rules);
        for (var i = 0; i < rules.Count; i++)
            yield return known is not null && known[i] is { } line ? Counted(line, rules[i]) : Unknown(rules[i]);
    }

    // Its name says all that is in it, and reading a rule that jumps there has compared that.
    private static List<NftLine?>? Same(NftChainModel? chain, List<NftRule> rules) => chain is not null && chain.Lines.Count == rules.Count ? [.. chain.Lines] : null;

    private List<NftLine?> Shared(string name, List<NftRule> rules)
    {
        var lines = NftTables.SharedChain(name == NftNames.Verdict(RuleAction.Reject) ? RuleAction.Reject : RuleAction.Drop).Lines;
        return rules.ConvertAll(rule => lines.FirstOrDefault(line => Says(rule, line)));
    }

    // The few lines of a shared chain, by what they say in JSON.
    private bool Says(NftRule rule, NftLine line)
    {
        if (rule.Comment != RuleMark.Owner)
            return false;
        if (rule.Expressions.Select(NftJson.Statement).ToList() is [("match", var needed), ("counter", _), ("return", _)])
            return line.Verdict == "return" && NftStatement.IcmpTypes6(needed) is { } types && types.ToHashSet(StringComparer.Ordinal).SetEquals(VerdictChain.Needed6);
        var isReject = rule.Expressions.Select(NftJson.Statement).LastOrDefault() is ("reject", var body) ? NftJson.Text(NftJson.Member(body, "type")) : null;
        var plain = rule with { Expressions = isReject is null ? rule.Expressions : [.. rule.Expressions.SkipLast(1), Drop] };
        if (NftStatement.Read(plain, Family.IPv4, _objects) is not { } read || !Equals(read.Fields[RuleFields.Action], RuleAction.Drop) || read.Fields.ContainsKey(RuleFields.Connections))
            return false;
        var verdict = isReject switch
        {
            null => "drop",
            "tcp reset" => "reject with tcp reset",
            _ when NftJson.Text(NftJson.Member(NftJson.Statement(rule.Expressions[^1]).Body, "expr")) is "port-unreachable" && isReject is "icmpx" => "reject with icmpx type port-unreachable",
            _ => "",
        };
        var match = (read.Fields.Count, read.Fields.GetValueOrDefault(RuleFields.ConnectionDirection), read.Fields.GetValueOrDefault(RuleFields.Protocol)) switch
        {
            (1, null, null) => read.State,
            (2, "ORIGINAL", null) => "ct direction original",
            (3, "ORIGINAL", "tcp") => "ct direction original meta l4proto tcp",
            _ => "?",
        };
        return match == line.Match && verdict == line.Verdict;
    }

    // What a base chain asks before it jumps to a control. The jumps of an older version have no comment.
    private static NftLine? Jump(NftRule rule)
    {
        if (rule.Comment is not (null or RuleMark.Owner))
            return null;
        var words = new List<string>();
        string? target = null;
        foreach (var (name, body) in rule.Expressions.Select(NftJson.Statement))
        {
            if (target is not null)
                return null;
            if (name == "jump")
                target = NftJson.Text(NftJson.Member(body, "target"));
            else if (name != "match" || NftJson.Text(NftJson.Member(body, "op")) != "==" || Asked(NftJson.Member(body, "left"), NftJson.Member(body, "right") ?? default) is not { } word)
                return null;
            else
                words.Add(word);
        }
        return target is null || NftNames.PlaceOf(target) is null ? null : new NftLine(string.Join(' ', words), "jump " + target, rule.Comment) { Counts = false };
    }

    private static string? Asked(JsonElement? left, JsonElement right)
    {
        var payload = NftJson.Member(left, "payload");
        return (NftJson.Text(NftJson.Member(NftJson.Member(left, "meta"), "key")), NftJson.Text(NftJson.Member(payload, "protocol")), NftJson.Text(NftJson.Member(payload, "field"))) switch
        {
            ("nfproto", null, null) when NftJson.Text(right) is { } family => "meta nfproto " + family,
            ("iifname", null, null) when NftJson.Text(right) is { } link => "iifname " + (link.StartsWith('@') ? link : $"\"{link}\""),
            (null, "ip" or "ip6", "daddr") when NftJson.Prefix(right) is { } place => $"{NftJson.Text(NftJson.Member(payload, "protocol"))} daddr {(Cidr.TryParse(place, out var cidr) ? cidr.ToShortString() : place)}",
            (null, { } protocol, "dport") when NftJson.Ports(right) is { } ports => $"{protocol} dport {NftForm.Ports(ports)}",
            _ => null,
        };
    }

    private static bool IsReplyExit(NftRule rule) => rule.Comment == RuleMark.Owner && rule.Expressions.Select(NftJson.Statement).ToList() is [("match", var match), ("return", _)]
        && NftJson.Text(NftJson.Member(NftJson.Member(NftJson.Member(match, "left"), "ct"), "key")) == "direction" && NftJson.Text(NftJson.Member(match, "op")) == "==" && NftJson.Text(NftJson.Member(match, "right")) == "reply";

    private static NftLine Counted(NftLine line, NftRule rule)
    {
        var counter = rule.Expressions.Select(NftJson.Statement).FirstOrDefault(each => each.Name == "counter").Body;
        return line with
        {
            Counts = rule.Expressions.Any(each => NftJson.Statement(each).Name == "counter"),
            Packets = NftJson.Number(NftJson.Member(counter, "packets")) ?? 0,
            Bytes = NftJson.Number(NftJson.Member(counter, "bytes")) ?? 0,
            Handle = rule.Handle,
        };
    }

    private static JsonElement Parsed(string json)
    {
        using var document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }

    private static NftLine Unknown(NftRule rule) => Counted(new NftLine(string.Join(' ', rule.Expressions.Select(each => each.GetRawText())), "", rule.Comment) { IsKnown = false }, rule);
}
