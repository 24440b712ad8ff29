using DockerNetHarden.Persistence;

namespace DockerNetHarden.Export;

/// <summary>The files with which a host keeps rules, put into a template: what an engine writes is what Save-FirewallRule writes.</summary>
internal static class HostFiles
{
    /// <summary>Fills in a template of this assembly: each place stands on a line of its own.</summary>
    public static string Fill(string template, SavedRules rules, int indent)
    {
        var text = Resource.Read(template);
        var (load, guard) = (PersistencePaths.UnitFiles[0].Text, PersistencePaths.UnitFiles[1].Text);
        foreach (var (place, value) in new[] { ("@RULES", rules.ToText()), ("@LOADER", PersistencePaths.LoaderFile.Text), ("@LOAD_UNIT", load), ("@GUARD_UNIT", guard) })
        {
            var at = text.IndexOf(place + "\n", StringComparison.Ordinal);
            // Units are deeper than what the shell of cloud-init writes by itself.
            var depth = place.EndsWith("_UNIT", StringComparison.Ordinal) ? 6 : indent;
            text = text[..at] + Yaml.Block(value, depth) + text[(at + place.Length)..];
        }
        return text;
    }
}
