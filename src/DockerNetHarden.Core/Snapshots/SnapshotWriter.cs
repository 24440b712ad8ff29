using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Snapshots;

/// <summary>Writes a snapshot; <see cref="SnapshotReader"/> is its inverse, part by part.</summary>
internal static partial class SnapshotWriter
{
    internal static void Write(Utf8JsonWriter json, HostSnapshot snapshot)
    {
        json.WriteStartObject();
        json.WriteNumber("format", SnapshotFile.Format);
        json.WriteString("hostName", snapshot.HostName);
        json.WriteString("takenAt", snapshot.TakenAt);
        json.Member("iptables", snapshot.Iptables, Write);
        json.Member("engine", snapshot.Engine, Write);
        json.Member("dockerError", snapshot.DockerError, Write);
        json.List("networks", snapshot.Networks, Write);
        json.List("containers", snapshot.Containers, Write);
        json.Member("rules", snapshot.Rules, Write);
        json.WriteBoolean("hasIPv6", snapshot.HasIPv6);
        json.Texts("links", snapshot.Links);
        json.List("addresses", snapshot.Addresses, Write);
        json.Texts("resolvers", snapshot.Resolvers.Select(static resolver => resolver.ToShortString()));
        json.Member("session", snapshot.Session, Write);
        json.Member("otherRules", snapshot.OtherRules, Write);
        json.Member("nft", snapshot.Nft, Write);
        json.List("routes", snapshot.Routes, Write);
        json.List("routingRules", snapshot.RoutingRules, Write);
        json.List("linkDetails", snapshot.LinkDetails, Write);
        json.List("ipSets", snapshot.IpSets, Write);
        json.Texts("ipvsServices", snapshot.IpvsServices);
        json.Map("sysctls", snapshot.Sysctls);
        json.Map("daemonSettings", snapshot.DaemonSettings);
        if (snapshot.Connections is { } connections)
            json.List("connections", connections, Write);
        else
            json.WriteNull("connections");
        json.Member("saved", snapshot.Saved, Write);
        json.Map("unread", snapshot.Unread);
        json.Texts("warnings", snapshot.Warnings);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, SavedFiles saved)
    {
        json.WriteStartObject();
        json.Map("texts", saved.Texts);
        json.Texts("links", saved.Links);
        json.Texts("systems", saved.Systems);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, IptablesTool tool)
    {
        json.WriteStartObject();
        json.WriteString("backend", tool.Backend.ToString());
        json.WriteString("version", tool.Version);
        json.WriteString("prefix4", tool.Prefix4);
        json.WriteString("prefix6", tool.Prefix6);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, IReadOnlyDictionary<Family, Ruleset> rules)
    {
        json.WriteStartObject();
        foreach (var (family, ruleset) in rules.OrderBy(static pair => pair.Key))
            json.WriteString(family.ToString(), ruleset.ToString());
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, HostAddress address)
    {
        json.WriteStartObject();
        json.WriteString("link", address.Link);
        json.WriteString("address", address.Address.ToShortString());
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, SessionConnection session)
    {
        json.WriteStartObject();
        json.WriteString("client", session.Client.ToShortString());
        json.WriteNumber("serverPort", session.ServerPort);
        json.WriteString("link", session.Link);
        json.WriteEndObject();
    }

    private static void Member<T>(this Utf8JsonWriter json, string name, T? value, Action<Utf8JsonWriter, T> write)
        where T : class
    {
        json.WritePropertyName(name);
        if (value is null)
            json.WriteNullValue();
        else
            write(json, value);
    }

    private static void List<T>(this Utf8JsonWriter json, string name, IEnumerable<T> items, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
            write(json, item);
        json.WriteEndArray();
    }

    private static void Texts(this Utf8JsonWriter json, string name, IEnumerable<string> texts) =>
        json.List(name, texts, static (writer, text) => writer.WriteStringValue(text));

    // In order of their names: two snapshots of one host differ only where the host does.
    private static void Map(this Utf8JsonWriter json, string name, IReadOnlyDictionary<string, string> map)
    {
        json.WriteStartObject(name);
        foreach (var (key, value) in map.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
            json.WriteString(key, value);
        json.WriteEndObject();
    }
}
