using System.Text;
using System.Text.Json;

namespace DockerNetHarden.Policy;

/// <summary>Reads JSON (RFC 8259) with the line of each value. Comments are allowed: a policy is kept in git and read by people.</summary>
internal ref struct PolicyJson
{
    private readonly string source;
    private readonly ReadOnlySpan<byte> bytes;
    private Utf8JsonReader reader;
    private int line;
    private long counted;

    private PolicyJson(string source, ReadOnlySpan<byte> bytes)
    {
        this.source = source;
        this.bytes = bytes;
        line = 1;
        reader = new Utf8JsonReader(bytes, new JsonReaderOptions { CommentHandling = JsonCommentHandling.Skip });
    }

    /// <exception cref="PolicyException">The text is not JSON, or a key appears twice in one object.</exception>
    public static PolicyValue Parse(string text, string source)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
            throw new PolicyException(source, 1, "", "this is UTF-16 without a byte order mark, or not a text at all; save the file as UTF-8.");
        var json = new PolicyJson(source, Encoding.UTF8.GetBytes(text));
        try
        {
            json.reader.Read();
            var value = json.Value("");
            while (json.reader.Read())
            {
            }
            return value;
        }
        catch (JsonException error)
        {
            // The reader's own message ends with where it stopped, but ours already begins with the line.
            var message = error.Message.Split(" LineNumber:")[0].TrimEnd('.', ' ');
            throw new PolicyException(source, (int)(error.LineNumber ?? 0) + 1, "", $"this is not JSON: {message}.", error);
        }
        catch (InvalidOperationException error)
        {
            // A text with half a surrogate pair.
            throw new PolicyException(source, json.line, "", $"this is not Unicode text: {error.Message}", error);
        }
    }

    private PolicyValue Value(string path)
    {
        var at = Line();
        return reader.TokenType switch
        {
            JsonTokenType.StartObject => new PolicyValue(source, at, path, PolicyKind.Object) { Members = Members(path) },
            JsonTokenType.StartArray => new PolicyValue(source, at, path, PolicyKind.List) { Items = Items(path) },
            JsonTokenType.String => new PolicyValue(source, at, path, PolicyKind.Text) { Text = reader.GetString()! },
            JsonTokenType.Number => new PolicyValue(source, at, path, PolicyKind.Number) { Text = Encoding.UTF8.GetString(reader.ValueSpan) },
            JsonTokenType.True => new PolicyValue(source, at, path, PolicyKind.Flag) { Text = "true" },
            JsonTokenType.False => new PolicyValue(source, at, path, PolicyKind.Flag) { Text = "false" },
            _ => new PolicyValue(source, at, path, PolicyKind.Null),
        };
    }

    private List<(string Name, PolicyValue Value)> Members(string path)
    {
        var members = new List<(string Name, PolicyValue Value)>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            var inner = path.Length == 0 ? name : $"{path}.{name}";
            // Of two equal keys most readers silently take the last: a control would vanish.
            if (!names.Add(name))
                throw new PolicyException(source, Line(), inner, $"'{name}' appears twice in this object; remove one of them.");
            reader.Read();
            members.Add((name, Value(inner)));
        }
        return members;
    }

    private List<PolicyValue> Items(string path)
    {
        var items = new List<PolicyValue>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            items.Add(Value($"{path}[{items.Count}]"));
        return items;
    }

    private int Line()
    {
        line += bytes[(int)counted..(int)reader.TokenStartIndex].Count((byte)'\n');
        counted = reader.TokenStartIndex;
        return line;
    }
}
