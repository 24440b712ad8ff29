using System.Text.RegularExpressions;

namespace DockerNetHarden.Tests;

/// <summary>The module's architecture as a test: what each of its folders may use, of the module and of the core (docs/architecture.md).</summary>
public sealed partial class ModuleLayeringTests
{
    private const int Patience = 5_000;

    // A folder of the module and the folders that it may use, besides itself: the core's, then the module's.
    private static readonly Dictionary<string, string[]> MayUse = new(StringComparer.Ordinal)
    {
        ["Errors"] = ["Addresses", "Docker", "Snapshots", "Planning", "Analysis", "Reports", "Shells"],
        ["Hosting"] = ["Addresses", "Snapshots", "Planning", "Persistence", "Effects", "Shells", "Hosts", "Errors"],
        ["Input"] = ["Addresses", "Rules", "Controls", "Planning", "Analysis", "Errors", "Hosting"],
        ["Completion"] = ["Rules", "Controls", "Analysis", "Audit", "Hosts"],
        ["Commands"] = ["Addresses", "Docker", "Rules", "Controls", "Snapshots", "Planning", "Persistence", "Export", "Policy", "Matching", "Walking", "Analysis", "Audit", "Effects", "Reports", "Shells", "Hosts", "Errors", "Hosting", "Input", "Completion"],
    };

    private static string Module => Path.Combine(ProjectRoot.Path, "src", "DockerNetHarden");

    public static TheoryData<string> Folders => [.. Directory.GetDirectories(Module).Select(folder => Path.GetFileName(folder)!).Except(["bin", "obj"], StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_uses_only_what_its_row_names(string folder)
    {
        Assert.True(MayUse.TryGetValue(folder, out var below), $"The folder {folder} is new in the module: say here and in docs/architecture.md what it may use.");
        var used = Sources(folder).SelectMany(file => LayeringTests.UsesOfLayers(file.Code).Concat(Qualified().Matches(file.Code).Select(match => match.Groups["layer"].Value)).Distinct(StringComparer.Ordinal).Select(layer => (file.Name, Layer: layer))).ToList();
        Assert.NotEmpty(used);
        Assert.Empty(used.Where(use => use.Layer != folder && !below!.Contains(use.Layer, StringComparer.Ordinal)).Select(use => $"{use.Name} uses {use.Layer}"));
    }

    [Fact]
    public void No_two_folders_use_each_other()
    {
        var names = MayUse.Keys.ToList();
        Assert.All(MayUse, row => Assert.DoesNotContain(row.Value, used => names.IndexOf(used) > names.IndexOf(row.Key)));
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_is_its_namespace(string folder) =>
        Assert.Empty(Sources(folder).Where(file => !file.Code.Contains($"\nnamespace DockerNetHarden.{folder};\n", StringComparison.Ordinal) && !file.Code.StartsWith($"namespace DockerNetHarden.{folder};\n", StringComparison.Ordinal)).Select(file => file.Name));

    [Fact]
    public void The_table_in_the_architecture_says_the_same()
    {
        var told = ProjectRoot.Read("docs", "architecture.md").Split('\n').Select(line => TableRow().Match(line)).Where(row => row.Success && MayUse.ContainsKey(row.Groups["folder"].Value))
            .Select(row => $"{row.Groups["folder"].Value}: {row.Groups["uses"].Value}");
        Assert.Equal(MayUse.Select(folder => $"{folder.Key}: {string.Join(", ", folder.Value)}").Order(StringComparer.Ordinal), told.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<(string Name, string Code)> Sources(string folder)
    {
        var files = Directory.GetFiles(Path.Combine(Module, folder), "*.cs", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        return files.Select(file => (Path.GetRelativePath(Module, file), LayeringTests.WithoutTexts(File.ReadAllText(file)).ReplaceLineEndings("\n")));
    }

    [GeneratedRegex(@"(?<!namespace )\bDockerNetHarden\.(?<layer>[A-Z]\w*)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex Qualified();

    [GeneratedRegex(@"^\| `(?<folder>\w+)` \|.*\| (?<uses>[^|]+) \|$", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex TableRow();
}
