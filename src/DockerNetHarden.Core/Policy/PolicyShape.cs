using System.Buffers;
using System.Text.Json;

namespace DockerNetHarden.Policy;

/// <summary>A field of an object in a policy file: its name, its meaning, its possible values, and its place in the record.</summary>
internal sealed record PolicyField<T>(string Name, string Meaning, PolicyType Type, Func<T, object?> Get, Func<T, object, T> Set, bool IsRequired = false);

/// <summary>An object in a policy file and its record: reading, writing and the schema come from one table of fields.</summary>
/// <param name="Make">The record with nothing set.</param>
/// <param name="Fields">Its fields.</param>
internal sealed record PolicyShape<T>(Func<T> Make, IReadOnlyList<PolicyField<T>> Fields)
{
    /// <summary>Reads a record; an unknown key is an error, because a misspelt exception would silently be lost.</summary>
    /// <exception cref="PolicyException">A key is unknown or missing, or a value is not possible.</exception>
    public T Read(PolicyValue value, params ReadOnlySpan<string> others)
    {
        value.Expect(PolicyKind.Object, "an object");
        var made = Make();
        foreach (var (name, member) in value.Members)
        {
            if (Fields.FirstOrDefault(field => string.Equals(field.Name, name, StringComparison.Ordinal)) is { } known)
                made = known.Set(made, known.Type.Read(member));
            else if (!others.Contains(name))
                throw member.Refuse($"'{name}' is not a known key; the keys are {string.Join(", ", [.. others, .. Fields.Select(field => field.Name)])}.");
        }
        foreach (var field in Fields)
        {
            if (field.IsRequired && value.Find(field.Name) is null)
                throw value.Refuse($"'{field.Name}' is missing: {field.Meaning}");
        }
        return made;
    }

    /// <summary>Writes what differs from the empty record into an open object.</summary>
    public void Write(Utf8JsonWriter json, T value)
    {
        var plain = Make();
        foreach (var field in Fields)
        {
            if (field.Get(value) is not { } set)
                continue;
            if (!field.IsRequired && field.Get(plain) is { } usual && Text(field.Type, set).AsSpan().SequenceEqual(Text(field.Type, usual)))
                continue;
            json.WritePropertyName(field.Name);
            field.Type.Write(json, set);
        }
    }

    /// <summary>Writes the fields into the open <c>properties</c> of a schema.</summary>
    public void WriteSchema(Utf8JsonWriter json)
    {
        foreach (var field in Fields)
        {
            json.WriteStartObject(field.Name);
            json.WriteString("description", field.Meaning);
            field.Type.WriteSchema(json);
            json.WriteEndObject();
        }
    }

    private static byte[] Text(PolicyType type, object value)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
            type.Write(json, value);
        return buffer.WrittenSpan.ToArray();
    }
}
