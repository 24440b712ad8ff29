using System.Buffers;
using System.Text;
using System.Text.Json;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Policy;

/// <summary>
/// What a host should have: networks with their profiles, controls with their parameters, and single rules for anything else. It is kept as a file in
/// git; one file serves a hundred hosts.
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

    /// <summary>All its rules, complete for their marks, for a host that was not read.</summary>
    /// <exception cref="RefusedValueException">A parameter is not possible.</exception>
    public IReadOnlyList<FirewallRule> Rules() => [.. Networks.SelectMany(network => network.Rules()), .. Controls.SelectMany(control => control.Rules()), .. SingleRules];

    /// <summary>What has to change on a host to fulfil the policy.</summary>
    /// <param name="host">The host.</param>
    /// <param name="options">How; with <see cref="PlanOptions.Prune"/> the policy becomes all that is ours there, and an empty one removes everything of ours.</param>
    /// <exception cref="PlanException">The host cannot have these rules, or the policy is empty.</exception>
    public Plan PlanOn(HostSnapshot host, PlanOptions options)
    {
        ArgumentNullException.ThrowIfNull(host);
        ArgumentNullException.ThrowIfNull(options);
        var rules = Rules();
        return rules.Count == 0 && options is { Prune: true, Force: true } ? Plan.Without(_ => true, host) : Plan.From(rules, host, options);
    }

    /// <summary>Reads a policy.</summary>
    /// <param name="text">The JSON.</param>
    /// <param name="source">The file, for messages.</param>
    /// <exception cref="PolicyException">It is not JSON, has an unknown key, or a value is not possible; the message has line, place and reason.</exception>
    public static HardeningPolicy Parse(string text, string source) => PolicyReader.Read(PolicyJson.Parse(text, source));

    /// <summary>The text of the policy, which <see cref="Parse"/> reads.</summary>
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
