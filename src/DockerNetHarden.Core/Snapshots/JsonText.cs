using System.Text;
using System.Text.Json;

namespace DockerNetHarden.Snapshots;

/// <summary>JSON of other programs and of files.</summary>
internal static class JsonText
{
    /// <summary>Reads JSON and checks that all its texts can be read later: System.Text.Json decodes a text only on demand, and then throws an InvalidOperationException.</summary>
    /// <exception cref="JsonException">It is not JSON, or a text in it is not Unicode: half a surrogate pair, bytes that are not UTF-8.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span);
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || (!reader.ValueIsEscaped && Ascii.IsValid(reader.ValueSpan)))
                continue;
            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException error)
            {
                var before = json.Span[..(int)reader.TokenStartIndex];
                throw new JsonException($"a text is not Unicode: {error.Message}", null, before.Count((byte)'\n'), before.Length - before.LastIndexOf((byte)'\n') - 1, error);
            }
        }
        return JsonDocument.Parse(json);
    }

    /// <inheritdoc cref="Parse(ReadOnlyMemory{byte})"/>
    public static JsonDocument Parse(string json) => Parse(Encoding.UTF8.GetBytes(json));
}
