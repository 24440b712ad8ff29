using System.Text;

namespace DockerNetHarden.Export;

/// <summary>The comment with which an export begins: what it is and how it is used.</summary>
internal static class TextHeader
{
    private const string What = "Firewall rules for a Docker host, exported by DockerNetHarden. Complete, and without effect where they stand already.";

    /// <summary>The lines behind a first line, each a comment.</summary>
    public static string Of(string? first, params string[] lines)
    {
        var text = new StringBuilder();
        if (first is not null)
            text.Append(first).Append('\n');
        foreach (var line in lines.Prepend(What))
            text.Append("# ").Append(line).Append('\n');
        return text.ToString();
    }
}
