using System.Text.Json;

namespace DockerNetHarden.Snapshots;

/// <content>What else the kernel does to packets.</content>
internal static partial class SnapshotWriter
{
    private static void Write(Utf8JsonWriter json, HostRoute route)
    {
        json.WriteStartObject();
        json.WriteString("family", route.Family.ToString());
        json.WriteString("table", route.Table);
        json.WriteString("type", route.Type);
        json.WriteString("destination", route.Destination.ToString());
        json.Texts("links", route.Links);
        json.WriteNumber("metric", route.Metric);
        json.WriteBoolean("isModelled", route.IsModelled);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, RoutingRule rule)
    {
        json.WriteStartObject();
        json.WriteString("family", rule.Family.ToString());
        json.WriteNumber("priority", rule.Priority);
        json.WriteString("from", rule.From?.ToString());
        json.WriteString("to", rule.To?.ToString());
        json.WriteString("inLink", rule.InLink);
        json.WriteString("table", rule.Table);
        json.WriteBoolean("isModelled", rule.IsModelled);
        json.WriteString("text", rule.Text);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, HostLink link)
    {
        json.WriteStartObject();
        json.WriteString("name", link.Name);
        json.WriteString("kind", link.Kind);
        json.WriteString("master", link.Master);
        json.WriteBoolean("hasXdp", link.HasXdp);
        json.WriteBoolean("hasTcFilter", link.HasTcFilter);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, HostIpSet set)
    {
        json.WriteStartObject();
        json.WriteString("name", set.Name);
        json.WriteString("type", set.Type);
        json.WriteString("family", set.Family?.ToString());
        json.Texts("members", set.Members);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, OpenConnection connection)
    {
        json.WriteStartObject();
        json.WriteString("family", connection.Family.ToString());
        json.WriteString("protocol", connection.Protocol);
        json.WriteString("source", connection.Source.ToShortString());
        json.WriteString("destination", connection.Destination.ToShortString());
        json.WriteNumber("destinationPort", connection.DestinationPort);
        json.WriteEndObject();
    }

    // The form of `nft -j list ruleset`, with the objects that the snapshot holds: what reads nft's output reads the file.
    private static void Write(Utf8JsonWriter json, NftRuleset ruleset)
    {
        json.WriteStartObject();
        json.WriteStartArray("nftables");
        foreach (var table in ruleset.FlaggedTables)
            Write(json, table);
        foreach (var chain in ruleset.Chains)
            Write(json, chain);
        foreach (var rule in ruleset.Rules)
            Write(json, rule);
        foreach (var map in ruleset.Maps)
            Write(json, map);
        foreach (var limit in ruleset.Limits)
            Write(json, limit);
        foreach (var flowtable in ruleset.Flowtables)
            WriteFlowtable(json, flowtable);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, NftTable table)
    {
        json.StartNftObject("table");
        json.WriteString("family", table.Family);
        json.WriteString("name", table.Name);
        json.Texts("flags", table.Flags);
        json.EndNftObject();
    }

    private static void Write(Utf8JsonWriter json, NftChain chain)
    {
        json.StartNftObject("chain");
        json.WriteString("family", chain.Family);
        json.WriteString("table", chain.Table);
        json.WriteString("name", chain.Name);
        if (chain.Type is not null)
            json.WriteString("type", chain.Type);
        if (chain.Hook is not null)
        {
            json.WriteString("hook", chain.Hook);
            json.WriteNumber("prio", chain.Priority);
        }
        if (chain.Policy is not null)
            json.WriteString("policy", chain.Policy);
        if (chain.Devices.Count > 0)
            json.Texts("dev", chain.Devices);
        json.EndNftObject();
    }

    private static void Write(Utf8JsonWriter json, NftRule rule)
    {
        json.StartNftObject("rule");
        json.WriteString("family", rule.Family);
        json.WriteString("table", rule.Table);
        json.WriteString("chain", rule.Chain);
        json.WriteNumber("handle", rule.Handle);
        json.List("expr", rule.Expressions, static (writer, expression) => expression.WriteTo(writer));
        json.EndNftObject();
    }

    private static void Write(Utf8JsonWriter json, NftMap map)
    {
        json.StartNftObject("map");
        json.WriteString("family", map.Family);
        json.WriteString("table", map.Table);
        json.WriteString("name", map.Name);
        json.List("elem", map.Elements, static (writer, element) => element.WriteTo(writer));
        json.EndNftObject();
    }

    private static void Write(Utf8JsonWriter json, NftLimit limit)
    {
        json.StartNftObject("limit");
        json.WriteString("family", limit.Family);
        json.WriteString("table", limit.Table);
        json.WriteString("name", limit.Name);
        if (limit.IsOver)
            json.WriteBoolean("inv", true);
        json.EndNftObject();
    }

    private static void WriteFlowtable(Utf8JsonWriter json, string flowtable)
    {
        var words = flowtable.Split(' ', 3);
        json.StartNftObject("flowtable");
        json.WriteString("family", words[0]);
        json.WriteString("table", words[1]);
        json.WriteString("name", words[2]);
        json.EndNftObject();
    }

    // libnftables-json(5): each object stands in one of its own, whose only key says what it is.
    private static void StartNftObject(this Utf8JsonWriter json, string kind)
    {
        json.WriteStartObject();
        json.WriteStartObject(kind);
    }

    private static void EndNftObject(this Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
