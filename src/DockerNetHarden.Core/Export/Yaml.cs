namespace DockerNetHarden.Export;

/// <summary>Texts as literal blocks of YAML: every character but the indentation is theirs. Source: YAML 1.2.2, 8.1.2.</summary>
internal static class Yaml
{
    /// <summary>The lines of a literal block; empty lines stay empty.</summary>
    public static string Block(string text, int indent) =>
        string.Join('\n', text.TrimEnd('\n').Split('\n').Select(line => line.Length == 0 ? "" : new string(' ', indent) + line));
}
