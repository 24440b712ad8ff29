using System.Text;
using System.Text.Json;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>
/// A JSON value of a reply with its place in it. What Docker leaves out or writes as null reads as empty; what has another shape than
/// documented is a <see cref="DockerFailure.BadReply"/> that says where and what was expected.
/// </summary>
internal readonly struct JsonShape(JsonElement element, string place)
{
    private readonly JsonElement _element = element;
    private readonly string _place = place;

    /// <summary>Reads a body; <paramref name="what"/> names the request it answers: <c>GET /networks</c>.</summary>
    public static T Read<T>(ReadOnlyMemory<byte> body, string what, Func<JsonShape, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return read(new JsonShape(document.RootElement, what));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // GetString throws InvalidOperationException for text that is not UTF-8 or holds half a surrogate pair.
            var begin = DockerNames.Printable(Encoding.UTF8.GetString(body.Span[..Math.Min(80, body.Length)]));
            throw new DockerException(DockerFailure.BadReply, $"Docker's reply to {what} is not JSON; it begins with '{begin}'. Is it Docker's socket, and nothing before it that answers instead?", inner: error);
        }
    }

    /// <summary>A member; null where it is missing or null.</summary>
    public JsonShape? Member(string name)
    {
        if (_element.ValueKind != JsonValueKind.Object)
            throw Bad("an object");
        return _element.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null
            ? new JsonShape(member, $"{_place}, {name}")
            : null;
    }

    /// <summary>A member that must be there.</summary>
    public JsonShape Needed(string name) => Member(name) ?? throw new JsonShape(default, $"{_place}, {name}").Bad("a value");

    /// <summary>This value as text.</summary>
    public string Text() => _element.ValueKind == JsonValueKind.String ? _element.GetString()! : throw Bad("a text");

    /// <summary>A member as text; empty where it is missing.</summary>
    public string Text(string name) => Member(name)?.Text() ?? "";

    /// <summary>A member that must be there, as text that is not empty.</summary>
    public string NeededText(string name) => Needed(name).Text() is { Length: > 0 } text ? text : throw Needed(name).Bad("a text that is not empty");

    /// <summary>A member as a flag; false where it is missing.</summary>
    public bool Flag(string name) => Member(name) is { } member && member._element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw member.Bad("true or false"),
    };

    /// <summary>A member as a whole number; 0 where it is missing.</summary>
    public int Number(string name)
    {
        if (Member(name) is not { } member)
            return 0;
        return member._element.ValueKind == JsonValueKind.Number && member._element.TryGetInt32(out var number) ? number : throw member.Bad("a whole number");
    }

    /// <summary>This value's items.</summary>
    public IEnumerable<JsonShape> Items()
    {
        if (_element.ValueKind != JsonValueKind.Array)
            throw Bad("a list");
        var where = _place;
        return _element.EnumerateArray().Select((item, index) => new JsonShape(item, $"{where}[{index}]"));
    }

    /// <summary>A member's items; none where it is missing.</summary>
    public IEnumerable<JsonShape> Items(string name) => Member(name)?.Items() ?? [];

    /// <summary>A member's own members, as pairs; those that are null are left out.</summary>
    public IEnumerable<KeyValuePair<string, JsonShape>> Pairs(string name)
    {
        if (Member(name) is not { } member)
            return [];
        if (member._element.ValueKind != JsonValueKind.Object)
            throw member.Bad("an object");
        var where = member._place;
        return member._element.EnumerateObject()
            .Where(pair => pair.Value.ValueKind != JsonValueKind.Null)
            .Select(pair => KeyValuePair.Create(pair.Name, new JsonShape(pair.Value, $"{where}, {pair.Name}")));
    }

    /// <summary>A member's texts by name.</summary>
    public IReadOnlyDictionary<string, string> Texts(string name)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in Pairs(name))
            texts[key] = value.Text();
        return texts;
    }

    /// <summary>
    /// A member as a single address; null where it is missing or empty, as Docker writes "none". A prefix length behind it is taken off: engines to 26 give the gateway of
    /// an IPv6 subnet from a pool as <c>fd00:9::1/64</c>.
    /// </summary>
    public Cidr? Address(string name)
    {
        if (Member(name) is not { } member || member.Text() is not { Length: > 0 } text)
            return null;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        return TryAddress(slash < 0 ? text : text[..slash], out var address) && (slash < 0 || IsLength(text.AsSpan(slash + 1), address)) ? address : throw member.Bad("an address");
    }

    /// <summary>
    /// A member as a prefix; null where it is missing or empty. Host bits are taken off: Docker takes and gives back
    /// <c>--subnet 10.77.1.5/24</c> as it was typed, and means 10.77.1.0/24.
    /// </summary>
    public Cidr? Prefix(string name)
    {
        if (Member(name) is not { } member || member.Text() is not { Length: > 0 } text)
            return null;
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && Cidr.TryParse(text[..slash], out var address)
            && IsLength(text.AsSpan(slash + 1), address, out var length))
            return address.Truncate(length);
        throw member.Bad("a prefix in CIDR notation");
    }

    private static bool IsLength(ReadOnlySpan<char> text, Cidr address) => IsLength(text, address, out _);

    private static bool IsLength(ReadOnlySpan<char> text, Cidr address, out int length) =>
        int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out length) && length <= address.Length;

    /// <summary>An address without its zone: fe80::1%eth0 is fe80::1 in a rule, whose interface is matched apart.</summary>
    public static bool TryAddress(string text, out Cidr address)
    {
        var zone = text.IndexOf('%', StringComparison.Ordinal);
        return Cidr.TryParse(zone < 0 ? text : text[..zone], out address) && address.IsSingleAddress;
    }

    /// <summary>The error for a value of another shape.</summary>
    public DockerException Bad(string expected)
    {
        var found = _element.ValueKind switch
        {
            JsonValueKind.Undefined => "it is missing",
            JsonValueKind.Object => "it is an object",
            JsonValueKind.Array => "it is a list",
            _ => $"it is {DockerNames.Printable(_element.GetRawText())}",
        };
        return new DockerException(DockerFailure.BadReply, $"Docker's reply to {DockerNames.Printable(_place)}: {expected} was expected there, and {found}. The engine may be newer than this version of DockerNetHarden: please report it with `docker version`.");
    }
}
