using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Snapshots;

/// <summary>What System.Text.Json generates for the records of a snapshot.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(HostSnapshot))]
internal sealed partial class SnapshotJson : JsonSerializerContext;

/// <summary>The form of a snapshot file: the properties of its records in the order of their declaration, in camel case. Everything that differs from that is here.</summary>
internal static class SnapshotForm
{
    // A prefix is a short text, without the length of a single address, except for these.
    private static readonly ValueConverter<Cidr> WholePrefix = new(Prefix, static (json, prefix) => json.WriteStringValue(prefix.ToString()));

    private static readonly ValueConverter<Cidr?> WholePrefixOrNull = new((ref reader) => Prefix(ref reader), static (json, prefix) => json.WriteStringValue(prefix!.Value.ToString()));

    private static readonly ValueConverter<IReadOnlyList<Cidr>> WholePrefixes = new(Prefixes, static (json, prefixes) =>
    {
        json.WriteStartArray();
        foreach (var prefix in prefixes)
            json.WriteStringValue(prefix.ToString());
        json.WriteEndArray();
    });

    // System.Text.Json of .NET 8 does not see the question marks of texts, lists and records; a test compares them with these names.
    private static readonly HashSet<string> CanBeNull = new(StringComparer.Ordinal)
    {
        "HostSnapshot.engine", "HostSnapshot.dockerError", "HostSnapshot.platform", "HostSnapshot.session", "HostSnapshot.nft", "HostSnapshot.connections", "HostSnapshot.saved", "DockerEngine.firewallBackend",
        "DockerNetwork.bridge", "DockerErrorText.endpoint", "IptablesTool.prefix6", "SessionConnection.link", "RoutingRule.inLink", "RoutingRule.table", "HostLink.kind", "HostLink.master",
    };

    // Parts that came later: older files of this format do not have them, and mean the same as null.
    private static readonly HashSet<string> CanBeMissing = new(StringComparer.Ordinal) { "HostSnapshot.platform" };

    private static readonly JsonSerializerOptions Options = new()
    {
        PropertyNamingPolicy = new Names(),
        TypeInfoResolver = SnapshotJson.Default.WithAddedModifier(Adapt),
        Converters =
        {
            new ValueConverter<Cidr>(Prefix, static (json, prefix) => json.WriteStringValue(prefix.ToShortString())),
            new ValueConverter<Family>(Name<Family>, WriteName),
            new ValueConverter<IptablesBackend>(Name<IptablesBackend>, WriteName),
            new ValueConverter<DockerFailure>(Name<DockerFailure>, WriteName),
            new ValueConverter<IReadOnlyDictionary<Family, Ruleset>>(Rules, WriteRules),
        },
    };

    /// <summary>How a type of a snapshot is written in the file.</summary>
    public static JsonTypeInfo Of(Type type) => Options.GetTypeInfo(type);

    /// <summary>The members that an object has in the file.</summary>
    public static IEnumerable<JsonPropertyInfo> MembersOf(JsonTypeInfo type) => type.Properties.Where(static property => property.Get is not null);

    /// <summary>Whether a member may be null.</summary>
    public static bool MayBeNull(JsonTypeInfo type, JsonPropertyInfo property) =>
        Nullable.GetUnderlyingType(property.PropertyType) is not null || CanBeNull.Contains($"{type.Type.Name}.{property.Name}");

    /// <summary>Whether a member may be missing.</summary>
    public static bool MayBeMissing(JsonTypeInfo type, JsonPropertyInfo property) => CanBeMissing.Contains($"{type.Type.Name}.{property.Name}");

    private static void Adapt(JsonTypeInfo type)
    {
        // Computed properties are not in the file.
        foreach (var property in type.Properties.Where(static property => property is { Get: not null, Set: null }).ToList())
            type.Properties.Remove(property);
        foreach (var property in MembersOf(type))
        {
            property.CustomConverter = (type.Type.Name, property.Name) switch
            {
                (nameof(HostRoute), "destination") => WholePrefix,
                (nameof(RoutingRule), "from" or "to") => WholePrefixOrNull,
                (nameof(DockerEngine), "addressPools") or (nameof(DockerNetwork), "subnets") => WholePrefixes,
                _ => property.CustomConverter,
            };
            // Sorted by name, so that two snapshots of one host differ only where the host does.
            if (property.PropertyType == typeof(IReadOnlyDictionary<string, string>) && property.Get is { } get)
                property.Get = record => new SortedDictionary<string, string>(((IReadOnlyDictionary<string, string>)get(record)!).ToDictionary(StringComparer.Ordinal), StringComparer.Ordinal);
        }
    }

    private sealed class Names : JsonNamingPolicy
    {
        public override string ConvertName(string name) => name switch
        {
            nameof(ContainerAddress.IPv4) or nameof(ContainerAddress.IPv6) => name.ToLowerInvariant(),
            // In place of the exception the file has its text.
            nameof(HostSnapshot.DockerErrorText) => "dockerError",
            nameof(HostSnapshot.DockerError) => "",
            _ => CamelCase.ConvertName(name),
        };
    }

    private static Cidr Prefix(ref Utf8JsonReader reader) => Cidr.Parse(reader.GetString()!);

    private static List<Cidr> Prefixes(ref Utf8JsonReader reader)
    {
        var prefixes = new List<Cidr>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            try
            {
                prefixes.Add(Prefix(ref reader));
            }
            catch (FormatException error)
            {
                throw new SnapshotFormatException(error.Message, $"[{prefixes.Count}]", error);
            }
        }
        return prefixes;
    }

    private static T Name<T>(ref Utf8JsonReader reader)
        where T : struct, Enum
    {
        var text = reader.GetString();
        // Enum.TryParse also accepts numbers and lists.
        foreach (var value in Enum.GetValues<T>())
        {
            if (string.Equals(value.ToString(), text, StringComparison.Ordinal))
                return value;
        }
        throw new FormatException($"'{text}' is not one of {string.Join(", ", Enum.GetNames<T>())}.");
    }

    private static void WriteName<T>(Utf8JsonWriter json, T value)
        where T : struct, Enum => json.WriteStringValue(value.ToString());

    private static Dictionary<Family, Ruleset> Rules(ref Utf8JsonReader reader)
    {
        var rules = new Dictionary<Family, Ruleset>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            try
            {
                var family = Name<Family>(ref reader);
                rules[family] = reader.Read() && reader.TokenType == JsonTokenType.String
                    ? Ruleset.Parse(family, reader.GetString()!)
                    : throw new FormatException("the text of iptables-save was expected.");
            }
            catch (FormatException error)
            {
                throw new SnapshotFormatException(error.Message, $"['{name}']", error);
            }
        }
        return rules;
    }

    private static void WriteRules(Utf8JsonWriter json, IReadOnlyDictionary<Family, Ruleset> rules)
    {
        json.WriteStartObject();
        foreach (var (family, ruleset) in rules.OrderBy(static pair => pair.Key))
            json.WriteString(family.ToString(), ruleset.ToString());
        json.WriteEndObject();
    }
}

/// <summary>Reads a value of one token, or of the tokens up to its end.</summary>
internal delegate T ValueReader<out T>(ref Utf8JsonReader reader);

/// <summary>A converter from a function that reads and one that writes.</summary>
internal class ValueConverter<T>(ValueReader<T> read, Action<Utf8JsonWriter, T> write) : JsonConverter<T>
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        try
        {
            return read(ref reader);
        }
        catch (FormatException error)
        {
            // The serializer adds the path.
            throw new JsonException(error.Message, error);
        }
    }

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => write(writer, value);
}

/// <summary>nf_tables in the form of libnftables-json(5).</summary>
internal sealed class NftConverter() : ValueConverter<NftRuleset>((ref reader) => NftText.Read(JsonElement.ParseValue(ref reader)), NftText.Write);

/// <summary>What a file keeps of a <see cref="DockerException"/>.</summary>
internal sealed record DockerErrorText(DockerFailure Failure, string Message, string? Endpoint, int? Status);
