using System.Text.RegularExpressions;

namespace DockerNetHarden.Tests;

/// <summary>A page of docs/cmdlets, in platyPS's schema.</summary>
internal sealed partial record HelpPage(string Synopsis, string Description, Dictionary<string, string> Parameters, IReadOnlyList<(string Title, string Code, string Remark)> Examples)
{
    private const string Fence = "```";

    public static HelpPage Read(string cmdlet)
    {
        var text = File.ReadAllText(HelpTests.PathOf("docs", "cmdlets", cmdlet + ".md")).ReplaceLineEndings("\n");
        var sections = Split(text, "## ");
        return new HelpPage(
            Plain(sections["SYNOPSIS"]),
            Plain(sections["DESCRIPTION"]),
            Split(sections["PARAMETERS"], "### -").ToDictionary(each => each.Key, each => Plain(Before(each.Value, Fence + "yaml")), StringComparer.Ordinal),
            [.. Split(sections["EXAMPLES"], "### ").Select(each => (each.Key, Lines(Between(each.Value)), Plain(After(each.Value))))]);
    }

    /// <summary>A text as it is read: without Markdown's marks, and with single spaces.</summary>
    public static string Plain(string markdown) => WhiteSpace().Replace(Escapes().Replace(markdown, ""), " ").Trim();

    /// <summary>Code without trailing white space and without empty lines around it.</summary>
    public static string Lines(string code) => string.Join('\n', code.ReplaceLineEndings("\n").Split('\n').Select(line => line.TrimEnd())).Trim();

    // Something like a heading in a fenced block would be code, but pages have none.
    private static Dictionary<string, string> Split(string text, string heading) => text.Split("\n" + heading).Skip(1)
        .Select(part => part.Split('\n', 2))
        .Where(part => part[0] is not "CommonParameters")
        .ToDictionary(part => part[0].Trim(), part => Before("\n" + part[1], "\n### CommonParameters"), StringComparer.Ordinal);

    private static string Before(string text, string mark) => text.Split(mark, 2)[0];

    private static string Between(string example) => example.Split(Fence) is { Length: >= 3 } parts ? parts[1].Split('\n', 2)[1] : "";

    private static string After(string example) => example.Split(Fence) is { Length: >= 3 } parts ? string.Join(Fence, parts.Skip(2)) : "";

    [GeneratedRegex(@"\s+", RegexOptions.None, 1000)]
    private static partial Regex WhiteSpace();

    [GeneratedRegex(@"\\(?=[^\w\s])|[`*]", RegexOptions.None, 1000)]
    private static partial Regex Escapes();
}
