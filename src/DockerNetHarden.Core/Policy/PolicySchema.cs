using System.Buffers;
using System.Text;
using System.Text.Json;

namespace DockerNetHarden.Policy;

/// <summary>The JSON Schema (2020-12) of policy files, made from the same table that reads and writes them.</summary>
public static class PolicySchema
{
    /// <summary>The name of the schema, which editors look for.</summary>
    public const string Id = "https://github.com/dockernetharden/DockerNetHarden/blob/main/docs/hardening-policy.schema.json";

    /// <summary>The schema as a file.</summary>
    public static string Text()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            Write(json);
        return Encoding.UTF8.GetString(buffer.WrittenSpan).ReplaceLineEndings("\n") + "\n";
    }

    private static void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("$schema", "https://json-schema.org/draft/2020-12/schema");
        json.WriteString("$id", Id);
        json.WriteString("title", "Hardening policy of DockerNetHarden");
        json.WriteString("type", "object");
        json.WriteBoolean("additionalProperties", value: false);
        Required(json, "version");
        json.WriteStartObject("properties");
        Open(json, "$schema", "The schema of this file.", "string");
        json.WriteEndObject();
        json.WriteStartObject("version");
        json.WriteString("description", "The format of this file.");
        json.WriteNumber("const", HardeningPolicy.Version);
        json.WriteEndObject();

        Open(json, "networks", "The networks, each with a profile that decides its rules.", "array");
        json.WriteStartObject("items");
        json.WriteString("type", "object");
        json.WriteBoolean("additionalProperties", value: false);
        Required(json, [.. PolicyShapes.Network.Fields.Where(field => field.IsRequired).Select(field => field.Name)]);
        json.WriteStartObject("properties");
        PolicyShapes.Network.WriteSchema(json);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();

        Open(json, "controls", "What to keep containers from.", "array");
        json.WriteStartObject("items");
        json.WriteStartArray("oneOf");
        foreach (var (name, shape) in PolicyShapes.Controls)
            WriteControl(json, name, shape);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();

        Open(json, "rules", "Single rules as text, for what no control says.", "array");
        json.WriteStartObject("items");
        json.WriteString("type", "string");
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteControl(Utf8JsonWriter json, string name, PolicyShape<Controls.Control> shape)
    {
        json.WriteStartObject();
        json.WriteString("type", "object");
        json.WriteBoolean("additionalProperties", value: false);
        Required(json, "control");
        json.WriteStartObject("properties");
        json.WriteStartObject("control");
        json.WriteString("const", name);
        json.WriteEndObject();
        shape.WriteSchema(json);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void Open(Utf8JsonWriter json, string name, string meaning, string type)
    {
        json.WriteStartObject(name);
        json.WriteString("description", meaning);
        json.WriteString("type", type);
    }

    private static void Required(Utf8JsonWriter json, params ReadOnlySpan<string> names)
    {
        json.WriteStartArray("required");
        foreach (var name in names)
            json.WriteStringValue(name);
        json.WriteEndArray();
    }
}
