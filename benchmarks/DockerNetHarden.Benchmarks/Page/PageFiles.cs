using System.Text.Json;

namespace DockerNetHarden.Benchmarks;

/// <summary>The page and its plots, made of the raw results alone.</summary>
internal static class PageFiles
{
    /// <summary>Writes benchmarks.md beside the folder, and the plots into it. Plots of earlier runs go.</summary>
    /// <param name="folder">The folder of results.json and, if there are any, reasons.json.</param>
    /// <returns>The names of the files that were written.</returns>
    public static IReadOnlyList<string> Write(string folder)
    {
        var results = ResultsFile.Read(folder);
        var plots = Plots.Of(results);
        foreach (var old in Directory.EnumerateFiles(folder, "*.svg"))
            File.Delete(old);
        foreach (var (name, svg) in plots)
            File.WriteAllText(Path.Combine(folder, name + ".svg"), svg);
        var page = Path.Combine(Path.GetDirectoryName(folder)!, Path.GetFileName(folder) + ".md");
        File.WriteAllText(page, PageText.Of(results, Reasons(folder), Path.GetFileName(folder), [.. plots.Keys]));
        return [page, .. plots.Keys.Select(static name => name + ".svg")];
    }

    // Written by hand, so it is only read: why an aim is missed, by its id.
    private static IReadOnlyDictionary<string, string> Reasons(string folder)
    {
        var file = Path.Combine(folder, "reasons.json");
        var reasons = File.Exists(file) ? JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(file))! : [];
        var unknown = reasons.Keys.Except(Aims.All.Select(static aim => aim.Id), StringComparer.Ordinal).ToList();
        return unknown.Count == 0 ? reasons : throw new FormatException($"{file} has a reason for '{unknown[0]}', which is not an aim. The aims are {string.Join(", ", Aims.All.Select(static aim => aim.Id))}.");
    }
}
