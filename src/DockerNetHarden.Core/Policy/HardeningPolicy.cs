using System.Buffers;
using System.Text;
using System.Text.Json;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Policy;

/// <summary>
/// What a host is to have: networks with their profiles, controls with their parameters, and single rules for what no control says. A file of it is kept in
/// git; the same file serves a hundred hosts.
/// </summary>
public sealed record HardeningPolicy
{
    /// <summary>The format that this version writes and reads.</summary>
    public const int Version = 1;

    /// <summary>The networks.</summary>
    public IReadOnlyList<HardenedNetwork> Networks { get; init; } = [];

    /// <summary>The controls.</summary>
    public IReadOnlyList<Control> Controls { get; init; } = [];

    /// <summary>Single rules, each with its mark.</summary>
    public IReadOnlyList<FirewallRule> SingleRules { get; init; } = [];

    /// <summary>All rules that it means, complete for their marks.</summary>
    /// <param name="networks">The networks as they are on the host, where they are known; else what only a network can say is looked up when the rules are applied.</param>
    /// <exception cref="RuleException">A parameter cannot be.</exception>
    public IReadOnlyList<FirewallRule> Rules(IReadOnlyList<Docker.DockerNetwork>? networks = null) =>
    [
        .. Networks.SelectMany(network => network.Rules(networks?.FirstOrDefault(found => string.Equals(found.Name, network.Name, StringComparison.Ordinal)))),
        .. Controls.SelectMany(control => control.Rules()),
        .. SingleRules,
    ];

    /// <summary>Reads a policy.</summary>
    /// <param name="text">The JSON.</param>
    /// <param name="source">The file, for messages.</param>
    /// <exception cref="PolicyException">It is no JSON, holds an unknown key, or a value cannot be; line, place and reason are named.</exception>
    public static HardeningPolicy Parse(string text, string source) => PolicyReader.Read(PolicyJson.Parse(text, source));

    /// <summary>The policy as a file: what <see cref="Parse"/> reads.</summary>
    public override string ToString()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("$schema", PolicySchema.Id);
            json.WriteNumber("version", Version);
            WriteList(json, "networks", Networks, network =>
            {
                json.WriteStartObject();
                PolicyShapes.Network.Write(json, network);
                json.WriteEndObject();
            });
            WriteList(json, "controls", Controls, control =>
            {
                json.WriteStartObject();
                json.WriteString("control", control.GetType().Name);
                PolicyShapes.Controls[control.GetType().Name].Write(json, control);
                json.WriteEndObject();
            });
            WriteList(json, "rules", SingleRules, rule => json.WriteStringValue(rule.ToString()));
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan).ReplaceLineEndings("\n") + "\n";
    }

    private static void WriteList<T>(Utf8JsonWriter json, string name, IReadOnlyList<T> items, Action<T> write)
    {
        if (items.Count == 0)
            return;
        json.WriteStartArray(name);
        foreach (var item in items)
            write(item);
        json.WriteEndArray();
    }
}
