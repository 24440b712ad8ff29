namespace DockerNetHarden.Docker;

/// <summary>
/// Text that another machine or program printed, made fit for a person. What a far end prints must not move a terminal's cursor, and must not write a line of its own
/// into a log. The errors of hosts and of Docker pass their texts through here when they are made, so that none is forgotten.
/// </summary>
internal static class FarText
{
    /// <summary>One line: what were lines are separated by semicolons, and no control character is left.</summary>
    public static string OneLine(string text) =>
        text.Any(char.IsControl) ? string.Join("; ", Lines(text).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)) : text;

    /// <summary>Lines that end with a newline, and no other control character. A carriage return ends a line too: ssh's own texts have both.</summary>
    public static string Lines(string text) => string.Concat(text.Replace("\r\n", "\n", StringComparison.Ordinal)
        .Select(static letter => letter switch { '\r' => '\n', '\t' => ' ', _ when letter is not '\n' && char.IsControl(letter) => '\uFFFD', _ => letter }));
}
