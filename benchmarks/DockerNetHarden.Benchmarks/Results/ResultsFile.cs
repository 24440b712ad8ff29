using System.Text.Json;
using System.Text.RegularExpressions;

namespace DockerNetHarden.Benchmarks;

/// <summary>The raw results: one JSON file with the newest run of every part, every single value included. The page is made of it alone.</summary>
internal sealed partial record ResultsFile(IReadOnlyList<PartRun> Runs)
{
    private static readonly JsonSerializerOptions Form = new(JsonSerializerDefaults.Web) { WriteIndented = true, DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    public static string PathIn(string folder) => Path.Combine(folder, "results.json");

    public static ResultsFile Read(string folder) =>
        File.Exists(PathIn(folder)) ? Parse(File.ReadAllText(PathIn(folder))) : new ResultsFile([]);

    public static ResultsFile Parse(string text) => JsonSerializer.Deserialize<ResultsFile>(text, Form) ?? new ResultsFile([]);

    /// <summary>With one more run; it takes the place of an earlier run of the same part.</summary>
    public ResultsFile With(PartRun run) => new([.. Runs.Where(other => other.Part != run.Part), run]);

    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(PathIn(folder), ToString());
    }

    // The values of a measurement on one line: a line for each would hide what changed.
    public override string ToString() => NumberList().Replace(JsonSerializer.Serialize(this, Form), static match => "[" + Spaces().Replace(match.Groups["list"].Value, " ").Trim() + "]") + "\n";

    /// <summary>The measurements of a series.</summary>
    public IReadOnlyList<Measurement> Series(string series) => [.. Runs.SelectMany(static run => run.Measurements).Where(each => each.Series == series)];

    /// <summary>The measurements of one thing in a series, by size.</summary>
    public IReadOnlyList<Measurement> Of(string series, string name) => [.. Series(series).Where(each => each.Name == name).OrderBy(static each => each.X)];

    [GeneratedRegex(@"\[(?<list>[\s\d.,eE+-]+)\]", RegexOptions.CultureInvariant, 5000)]
    private static partial Regex NumberList();

    [GeneratedRegex(@"\s+", RegexOptions.CultureInvariant, 5000)]
    private static partial Regex Spaces();
}
