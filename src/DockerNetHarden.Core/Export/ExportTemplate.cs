using System.Text;
using DockerNetHarden.Persistence;

namespace DockerNetHarden.Export;

/// <summary>The texts of exports that are part of the assembly, filled with the files that let a host keep rules: an export writes what Save-FirewallRule writes.</summary>
internal static class ExportTemplate
{
    private const string What = "Firewall rules for a Docker host, exported by DockerNetHarden. Complete, and without effect if they are already there.";

    /// <summary>
    /// A self-contained playbook. It compares before it writes, so that check mode shows what would change. Values are marked as unsafe, so that nothing in a
    /// rule is read as a template. Source: Ansible's user guide, "Unsafe or raw strings".
    /// </summary>
    public static string Playbook(SavedRules rules) => Header("---") + Fill("playbook.yml", rules, 6);

    /// <summary>
    /// User data of the kind <c>#cloud-config</c>. It holds the rules only once, because some clouds limit user data. Source: cloud-init's module reference:
    /// bootcmd runs early in every boot, write_files after it, runcmd late in the first.
    /// </summary>
    public static string CloudConfig(SavedRules rules) => Header("#cloud-config") + Fill("cloud-config.yml", rules, 4);

    /// <summary>The comment at the head of an export: what it is and how to use it.</summary>
    public static string Header(string? first, params string[] lines)
    {
        var text = new StringBuilder();
        if (first is not null)
            text.Append(first).Append('\n');
        foreach (var line in lines.Prepend(What))
            text.Append("# ").Append(line).Append('\n');
        return text.ToString();
    }

    /// <summary>A text of the assembly.</summary>
    public static string Read(string name)
    {
        using var stream = typeof(ExportTemplate).Assembly.GetManifestResourceStream("export/" + name)!;
        using var reader = new StreamReader(stream);
        return PersistencePaths.WithShared(reader.ReadToEnd().ReplaceLineEndings("\n"));
    }

    // Each placeholder of a template has a line of its own.
    private static string Fill(string template, SavedRules rules, int indent)
    {
        var text = Read(template);
        var (load, guard) = (PersistencePaths.UnitFiles[0].Text, PersistencePaths.UnitFiles[1].Text);
        foreach (var (place, value) in new[] { ("@RULES", rules.ToText()), ("@LOADER", PersistencePaths.LoaderFile.Text), ("@LOAD_UNIT", load), ("@GUARD_UNIT", guard) })
        {
            var at = text.IndexOf(place + "\n", StringComparison.Ordinal);
            // Units are indented deeper than what the shell of cloud-init writes by itself.
            var depth = place.EndsWith("_UNIT", StringComparison.Ordinal) ? 6 : indent;
            text = text[..at] + Block(value, depth) + text[(at + place.Length)..];
        }
        return text;
    }

    // The lines of a literal block: every character but the indentation is the text's; empty lines stay empty. Source: YAML 1.2.2, 8.1.2.
    private static string Block(string text, int indent) =>
        string.Join('\n', text.TrimEnd('\n').Split('\n').Select(line => line.Length == 0 ? "" : new string(' ', indent) + line));
}
