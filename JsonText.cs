using System.Text;
using System.Text.Json;

namespace DockerNetHarden.Snapshots;

/// <summary>JSON of other programs and of files.</summary>
internal static class JsonText
{
    /// <summary>Reads JSON whose texts can all be read later on. System.Text.Json looks at a text only when it is asked for, and throws an InvalidOperationException then.</summary>
    /// <exception cref="JsonException">It is no JSON, or a text in it is not Unicode: half a surrogate pair, bytes that are not UTF-8.</exception>
    public static JsonDocument Parse(ReadOnlyMemory<byte> json)
    {
        var reader = new Utf8JsonReader(json.Span);
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !(reader.ValueIsEscaped || !Ascii.IsValid(reader.ValueSpan)))
                continue;
            try
            {
                _ = reader.GetString();
            }
            catch (InvalidOperationException error)
            {
                var before = json.Span[..(int)reader.TokenStartIndex];
                throw new JsonException($"A text is not Unicode: {error.Message}", null, before.Count((byte)'\\n'), before.Length - before.LastIndexOf((byte)'\\n') - 1, error);
            }
        }
        return JsonDocument.Parse(json);
    }

    /// <summary>The same of a text.</summary>
    /// <exception cref="JsonException">It is no JSON, or a text in it is not Unicode.</exception>
    public static JsonDocument Parse(string json) => Parse(Encoding.UTF8.GetBytes(json));
}
'''+"E\n"
s=s.replace("SnapshotJson.Form.GetTypeInfo(typeof(HostSnapshot))","SnapshotForm.Of(typeof(HostSnapshot))").replace("SnapshotJson.Form.GetTypeInfo(typeof(int))","SnapshotForm.Of(typeof(int))").replace("TypeOf(property)","SnapshotForm.Of(property.PropertyType)").replace("SnapshotJson.MayBeNull","SnapshotForm.MayBeNull")
s=s.replace('''using System.Text.Json.Serialization.Metadata;

namespace DockerNetHarden.Snapshots;

/// <summary>A file that''','''using System.Text.Json.Serialization.Metadata;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Snapshots;

/// <summary>A file that''')
s=s.replace("cat > SnapshotJson.cs","cat > SnapshotForm.cs")
s=s.replace("value.EnumerateArray().Index()","value.EnumerateArray().Select(static (item, index) => (index, item))")
open('/tmp/write.sh','w').write(s)
