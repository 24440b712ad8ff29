namespace DockerNetHarden.Hosts.Ssh;

/// <summary>A host, or a part of how to reach it, that ssh must not be given. Nothing was started when it is thrown.</summary>
public sealed class SshTargetException : FormatException
{
    /// <summary>A refusal of a value.</summary>
    /// <param name="part">What the value was meant for, for example <c>HostName</c>.</param>
    /// <param name="value">The value as it was given.</param>
    /// <param name="reason">Why it cannot be, and the way out: one or more whole sentences.</param>
    public SshTargetException(string part, string? value, string reason)
        : base($"{part} '{Printable(value)}' is refused: {reason}") => (Part, Value) = (part, value);

    /// <summary>What the value was meant for.</summary>
    public string Part { get; }

    /// <summary>The value as it was given.</summary>
    public string? Value { get; }

    // A value with control characters must not be able to forge a line of a log or move a terminal's cursor.
    private static string Printable(string? value) =>
        value is null ? "" : string.Concat(value.Select(static c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()));
}
