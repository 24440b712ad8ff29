using System.Text.Json;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>A value of a snapshot file with its JSON path. What is missing or has another shape is an error that names the path: nothing is guessed.</summary>
internal readonly struct SnapshotNode(JsonElement element, string path)
{
    private readonly JsonElement _element = element;

    /// <summary>Where the value stands.</summary>
    public string Path { get; } = path;

    /// <summary>The value itself; it lives as long as its document.</summary>
    public JsonElement Element => _element;

    /// <summary>Whether the value is null.</summary>
    public bool IsNull => _element.ValueKind == JsonValueKind.Null;

    /// <summary>A member, which must be there.</summary>
    public SnapshotNode this[string name]
    {
        get
        {
            if (_element.ValueKind != JsonValueKind.Object)
                throw Wrong("an object");
            return new SnapshotNode(_element.TryGetProperty(name, out var member) ? member : default, $"{Path}.{name}");
        }
    }

    /// <summary>What a function makes of the value; null where it is null.</summary>
    public T? Maybe<T>(Func<SnapshotNode, T> read)
        where T : class => IsNull ? null : read(this);

    /// <summary>The value as text.</summary>
    public string Text()
    {
        if (_element.ValueKind != JsonValueKind.String)
            throw Wrong("a text");
        try
        {
            return _element.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            // Half a surrogate pair, or bytes that are no UTF-8.
            throw Bad("is no valid text", error);
        }
    }

    /// <summary>The value as text; null where it is null.</summary>
    public string? MaybeText() => IsNull ? null : Text();

    /// <summary>The value as a flag.</summary>
    public bool Flag() => _element.ValueKind is JsonValueKind.True or JsonValueKind.False ? _element.GetBoolean() : throw Wrong("true or false");

    /// <summary>The value as a whole number of 32 bits.</summary>
    public int Number() => _element.ValueKind == JsonValueKind.Number && _element.TryGetInt32(out var number) ? number : throw Wrong("a whole number");

    /// <summary>The value as a whole number of 64 bits.</summary>
    public long LongNumber() => _element.ValueKind == JsonValueKind.Number && _element.TryGetInt64(out var number) ? number : throw Wrong("a whole number");

    /// <summary>The value as a time.</summary>
    public DateTimeOffset Time() =>
        _element.ValueKind == JsonValueKind.String && _element.TryGetDateTimeOffset(out var time) ? time : throw Wrong("a time such as 2026-01-31T12:00:00+00:00");

    /// <summary>The value as one of an enumeration's names.</summary>
    public T Name<T>()
        where T : struct, Enum
    {
        var text = Text();
        // Enum.TryParse takes numbers and lists too.
        foreach (var value in Enum.GetValues<T>())
        {
            if (string.Equals(value.ToString(), text, StringComparison.Ordinal))
                return value;
        }
        throw Bad($"is '{text}'; one of {string.Join(", ", Enum.GetNames<T>())} was expected");
    }

    /// <summary>The value as a prefix or an address.</summary>
    public Cidr Cidr()
    {
        try
        {
            return Addresses.Cidr.Parse(Text());
        }
        catch (FormatException error) when (error is not SnapshotFormatException)
        {
            throw Bad($"is wrong: {error.Message}", error);
        }
    }

    /// <summary>The value as a prefix or an address; null where it is null.</summary>
    public Cidr? MaybeCidr() => IsNull ? null : Cidr();

    /// <summary>The value's items, each read by a function.</summary>
    public IReadOnlyList<T> List<T>(Func<SnapshotNode, T> read)
    {
        if (_element.ValueKind != JsonValueKind.Array)
            throw Wrong("a list");
        var items = new List<T>(_element.GetArrayLength());
        foreach (var item in _element.EnumerateArray())
            items.Add(read(new SnapshotNode(item, $"{Path}[{items.Count}]")));
        return items;
    }

    /// <summary>The value as a list of texts.</summary>
    public IReadOnlyList<string> Texts() => List(static item => item.Text());

    /// <summary>The value's members by name.</summary>
    public IEnumerable<(string Name, SnapshotNode Value)> Members()
    {
        if (_element.ValueKind != JsonValueKind.Object)
            throw Wrong("an object");
        var place = Path;
        return _element.EnumerateObject().Select(member => (member.Name, new SnapshotNode(member.Value, $"{place}['{member.Name}']")));
    }

    /// <summary>The value as texts by name.</summary>
    public IReadOnlyDictionary<string, string> Map()
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in Members())
            map[name] = value.Text();
        return map;
    }

    /// <summary>The error for a value of another shape.</summary>
    public SnapshotFormatException Wrong(string expected) => Bad(_element.ValueKind switch
    {
        JsonValueKind.Undefined => $"is missing; {expected} was expected",
        JsonValueKind.Object => $"is an object; {expected} was expected",
        JsonValueKind.Array => $"is a list; {expected} was expected",
        _ => $"is {Short(_element.GetRawText())}; {expected} was expected",
    });

    /// <summary>The error for this value.</summary>
    public SnapshotFormatException Bad(string reason, Exception? inner = null) => new(
        $"This is no snapshot of format {SnapshotFile.Format}: {Path} {reason}. Take the file as Export-DockerHostSnapshot wrote it, or write it anew.", Path, inner);

    private static string Short(string text) => text.Length > 60 ? text[..60] + "..." : text;
}
