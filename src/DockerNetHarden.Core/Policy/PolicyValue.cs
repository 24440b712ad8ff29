namespace DockerNetHarden.Policy;

/// <summary>The kind of a value in a policy file.</summary>
internal enum PolicyKind
{
    Null,
    Flag,
    Number,
    Text,
    List,
    Object,
}

/// <summary>A value of a policy file with its place: System.Text.Json's own document does not keep lines, which errors need.</summary>
internal sealed record PolicyValue(string Source, int Line, string Path, PolicyKind Kind)
{
    private readonly Dictionary<string, PolicyValue>? byName;

    /// <summary>A text's value, a number as it was written, a flag as <c>true</c> or <c>false</c>.</summary>
    public string Text { get; init; } = "";

    /// <summary>The elements of a list.</summary>
    public IReadOnlyList<PolicyValue> Items { get; init; } = [];

    /// <summary>The members of an object, in the file's order.</summary>
    public IReadOnlyList<(string Name, PolicyValue Value)> Members
    {
        get;
        init => (field, byName) = (value, value.ToDictionary(static member => member.Name, static member => member.Value, StringComparer.Ordinal));
    } = [];

    public PolicyValue? Find(string name) => byName?.GetValueOrDefault(name);

    /// <summary>Refuses a value of another kind.</summary>
    public PolicyValue Expect(PolicyKind kind, string what) => Kind == kind ? this : throw Refuse($"{what} is expected here, this is {Name(Kind)}.");

    public PolicyException Refuse(string reason, Exception? inner = null) => new(Source, Line, Path, reason, inner);

    private static string Name(PolicyKind kind) => kind switch
    {
        PolicyKind.Null => "null",
        PolicyKind.Flag => "true or false",
        PolicyKind.Number => "a number",
        PolicyKind.Text => "a text",
        PolicyKind.List => "a list",
        _ => "an object",
    };
}
