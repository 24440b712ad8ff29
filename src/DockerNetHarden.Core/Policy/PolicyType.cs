using System.Globalization;
using System.Text.Json;

namespace DockerNetHarden.Policy;

/// <summary>What a field of a policy can hold: how it is read, written, and described in the JSON Schema, each said once.</summary>
internal abstract class PolicyType
{
    public static PolicyType Flag { get; } = new FlagType();

    public static PolicyType Number(int least, int most) => new NumberType(least, most);

    public static PolicyType Choice<T>() where T : struct, Enum => Choice<T>(Enum.GetValues<T>());

    public static PolicyType Choice<T>(params T[] values) where T : struct, Enum => new ChoiceType<T>(values);

    public static PolicyType Text<T>(Func<string, T> parse, string? pattern = null) where T : notnull => new TextType<T>(parse, pattern);

    public static PolicyType List<T>(PolicyType item) => new ListType<T>(item);

    public static PolicyType Map { get; } = new MapType();

    /// <exception cref="PolicyException">The value is not possible.</exception>
    public abstract object Read(PolicyValue value);

    public abstract void Write(Utf8JsonWriter json, object value);

    /// <summary>Writes the keywords of the JSON Schema into an open object. Source: JSON Schema 2020-12.</summary>
    public abstract void WriteSchema(Utf8JsonWriter json);

    private sealed class FlagType : PolicyType
    {
        public override object Read(PolicyValue value) => value.Expect(PolicyKind.Flag, "true or false").Text is "true";

        public override void Write(Utf8JsonWriter json, object value) => json.WriteBooleanValue((bool)value);

        public override void WriteSchema(Utf8JsonWriter json) => json.WriteString("type", "boolean");
    }

    private sealed class NumberType(int least, int most) : PolicyType
    {
        public override object Read(PolicyValue value) =>
            int.TryParse(value.Expect(PolicyKind.Number, "a whole number").Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                ? number
                : throw value.Refuse($"{value.Text} is not a whole number from {least} to {most}.");

        public override void Write(Utf8JsonWriter json, object value) => json.WriteNumberValue((int)value);

        public override void WriteSchema(Utf8JsonWriter json)
        {
            json.WriteString("type", "integer");
            json.WriteNumber("minimum", least);
            json.WriteNumber("maximum", most);
        }
    }

    private sealed class ChoiceType<T>(T[] values) : PolicyType where T : struct, Enum
    {
        public override object Read(PolicyValue value)
        {
            var text = value.Expect(PolicyKind.Text, "a text").Text;
            foreach (var each in values)
            {
                if (string.Equals(each.ToString(), text, StringComparison.Ordinal))
                    return each;
            }
            throw value.Refuse($"'{text}' is not one of {string.Join(", ", values)}.");
        }

        public override void Write(Utf8JsonWriter json, object value) => json.WriteStringValue(value.ToString());

        public override void WriteSchema(Utf8JsonWriter json)
        {
            json.WriteStartArray("enum");
            foreach (var each in values)
                json.WriteStringValue(each.ToString());
            json.WriteEndArray();
        }
    }

    private sealed class TextType<T>(Func<string, T> parse, string? pattern) : PolicyType where T : notnull
    {
        public override object Read(PolicyValue value)
        {
            try
            {
                return parse(value.Expect(PolicyKind.Text, "a text").Text);
            }
            catch (Exception error) when (error is FormatException and not PolicyException or ArgumentException)
            {
                throw value.Refuse(error.Message, error);
            }
        }

        public override void Write(Utf8JsonWriter json, object value) => json.WriteStringValue(value.ToString());

        public override void WriteSchema(Utf8JsonWriter json)
        {
            json.WriteString("type", "string");
            if (pattern is not null)
                json.WriteString("pattern", pattern);
        }
    }

    private sealed class ListType<T>(PolicyType item) : PolicyType
    {
        public override object Read(PolicyValue value) =>
            value.Expect(PolicyKind.List, "a list").Items.Select(each => (T)item.Read(each)).ToList();

        public override void Write(Utf8JsonWriter json, object value)
        {
            json.WriteStartArray();
            foreach (var each in (IEnumerable<T>)value)
                item.Write(json, each!);
            json.WriteEndArray();
        }

        public override void WriteSchema(Utf8JsonWriter json)
        {
            json.WriteString("type", "array");
            json.WriteStartObject("items");
            item.WriteSchema(json);
            json.WriteEndObject();
        }
    }

    private sealed class MapType : PolicyType
    {
        public override object Read(PolicyValue value) =>
            value.Expect(PolicyKind.Object, "an object with texts").Members.ToDictionary(each => each.Name, each => each.Value.Expect(PolicyKind.Text, "a text").Text, StringComparer.Ordinal);

        public override void Write(Utf8JsonWriter json, object value)
        {
            json.WriteStartObject();
            foreach (var (name, text) in ((IReadOnlyDictionary<string, string>)value).OrderBy(each => each.Key, StringComparer.Ordinal))
                json.WriteString(name, text);
            json.WriteEndObject();
        }

        public override void WriteSchema(Utf8JsonWriter json)
        {
            json.WriteString("type", "object");
            json.WriteStartObject("additionalProperties");
            json.WriteString("type", "string");
            json.WriteEndObject();
        }
    }
}
