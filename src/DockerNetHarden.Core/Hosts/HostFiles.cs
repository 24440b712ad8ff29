namespace DockerNetHarden.Hosts;

/// <summary>Files of a host that one <c>grep ''</c> printed: each line with the file's path and a colon before it. A file that is not there has no line.</summary>
/// <param name="text">The output.</param>
internal sealed class HostFiles(string text)
{
    private readonly string[] lines = text.Split('\n');

    /// <summary>The file's text; empty where it is not there.</summary>
    internal string this[string path] =>
        string.Concat(lines.Where(line => line.Length > path.Length && line[path.Length] == ':' && line.StartsWith(path, StringComparison.Ordinal)).Select(line => line[(path.Length + 1)..] + "\n"));
}
