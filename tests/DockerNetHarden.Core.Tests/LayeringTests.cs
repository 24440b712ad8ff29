using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Client;

namespace DockerNetHarden.Tests;

/// <summary>The architecture as a test: who may know whom, who may touch the outside, and what no file may hold (docs/architecture.md).</summary>
public sealed partial class LayeringTests
{
    private const int LongestFile = 300;
    private const int Patience = 5_000;

    // A folder of Core and the folders that it may use, besides itself.
    private static readonly Dictionary<string, string[]> MayUse = new(StringComparer.Ordinal)
    {
        ["Addresses"] = [],
        ["Iptables"] = ["Addresses"],
        ["Docker"] = ["Addresses"],
        ["Rules"] = ["Addresses", "Iptables"],
        ["Controls"] = ["Addresses", "Rules"],
        ["Snapshots"] = ["Addresses", "Iptables", "Docker"],
        ["Nftables"] = ["Addresses", "Iptables", "Rules", "Snapshots"],
        ["Planning"] = ["Addresses", "Iptables", "Docker", "Rules", "Controls", "Snapshots", "Nftables"],
        ["Persistence"] = ["Addresses", "Iptables", "Rules", "Snapshots", "Nftables", "Planning"],
        ["Export"] = ["Addresses", "Iptables", "Rules", "Snapshots", "Nftables", "Planning", "Persistence"],
        ["Policy"] = ["Addresses", "Docker", "Rules", "Controls", "Snapshots", "Nftables", "Planning"],
        ["Packets"] = ["Addresses"],
        ["Matching"] = ["Addresses", "Iptables", "Rules", "Snapshots", "Nftables", "Packets"],
        ["Walking"] = ["Addresses", "Iptables", "Snapshots", "Packets", "Matching"],
        ["Analysis"] = ["Addresses", "Iptables", "Docker", "Rules", "Controls", "Snapshots", "Packets", "Matching", "Walking"],
        ["Audit"] = ["Addresses", "Iptables", "Docker", "Rules", "Controls", "Snapshots", "Planning", "Persistence", "Packets", "Matching", "Walking", "Analysis"],
        ["Effects"] = ["Addresses", "Iptables", "Docker", "Rules", "Snapshots", "Planning", "Packets", "Matching", "Walking"],
        ["Reports"] = ["Addresses", "Docker", "Snapshots", "Planning", "Packets", "Matching", "Walking", "Analysis", "Audit"],
        ["Shells"] = ["Addresses", "Docker"],
        ["Hosts"] = ["Addresses", "Iptables", "Docker", "Snapshots", "Planning", "Persistence", "Packets", "Matching", "Walking", "Analysis", "Effects", "Shells"],
    };

    private static readonly string[] CodeFiles = [".cs", ".ps1", ".psm1", ".psd1", ".sh"];
    private static readonly string[] TextFiles = [.. CodeFiles, ".md", ".txt", ".csproj", ".props", ".targets", ".json", ".xml", ".ps1xml", ".sln", ""];
    private static readonly string[] NotOurs = ["bin", "obj", "out", "TestResults", ".git", ".vs", ".vscode"];

    private static string Root => ProjectRoot.Path;

    public static TheoryData<string> CoreFolders => [.. Directory.GetDirectories(Core).Select(folder => Path.GetFileName(folder)!).Except(NotOurs, StringComparer.Ordinal)];

    public static TheoryData<string> Subfolders => [.. Directory.GetDirectories(Core).Where(folder => !NotOurs.Contains(Path.GetFileName(folder), StringComparer.Ordinal))
        .SelectMany(Directory.GetDirectories).Where(folder => Directory.EnumerateFiles(folder, "*.cs").Any()).Select(folder => Path.GetRelativePath(Core, folder))];

    private static string Core => Path.Combine(Root, "src", "DockerNetHarden.Core");

    [Theory]
    [MemberData(nameof(CoreFolders))]
    public void A_folder_of_the_core_uses_only_the_folders_that_its_row_names(string folder)
    {
        Assert.True(MayUse.TryGetValue(folder, out var below), $"The folder {folder} is new in Core: say here and in docs/architecture.md what it may use.");
        var above = MayUse.Keys.Except(below!, StringComparer.Ordinal).Except([folder], StringComparer.Ordinal).ToList();
        var wrong = Sources(folder)
            .SelectMany(file => UsesOfLayers(file.Code).Where(used => above.Contains(used, StringComparer.Ordinal)).Select(used => $"{file.Name} uses {used}"));
        Assert.Empty(wrong);
    }

    [Fact]
    public void The_table_in_the_architecture_says_the_same()
    {
        var rows = ProjectRoot.Read("docs", "architecture.md").Split('\n').Select(line => TableRow().Match(line)).Where(row => row.Success && MayUse.ContainsKey(row.Groups["folder"].Value));
        var told = rows.ToDictionary(row => row.Groups["folder"].Value, row => row.Groups["uses"].Value, StringComparer.Ordinal);
        Assert.Equal(
            MayUse.Select(folder => $"{folder.Key}: {(folder.Value.Length == 0 ? "nothing" : string.Join(", ", folder.Value))}").Order(StringComparer.Ordinal),
            told.Select(row => $"{row.Key}: {row.Value}").Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(CoreFolders))]
    public void A_folder_of_the_core_is_its_namespace(string folder)
    {
        var wrong = Sources(folder).Where(file => !Regex.IsMatch(file.Code, $@"^namespace DockerNetHarden\.{folder}(\.\w+)?;", RegexOptions.Multiline, TimeSpan.FromMilliseconds(Patience))).Select(file => file.Name);
        Assert.Empty(wrong);
    }

    // The outer folder uses the inner one, and not the other way round.
    [Theory]
    [MemberData(nameof(Subfolders))]
    public void A_folder_within_a_folder_is_its_namespace_and_does_not_use_what_is_around_it(string path)
    {
        var (outer, inner) = (Path.GetDirectoryName(path)!, Path.GetFileName(path));
        var around = Directory.GetFiles(Path.Combine(Core, outer), "*.cs").SelectMany(file => OwnType().Matches(WithoutTexts(File.ReadAllText(file)))).Select(match => match.Groups["type"].Value).ToHashSet(StringComparer.Ordinal);
        Assert.NotEmpty(around);
        Assert.All(Sources(path), file =>
        {
            Assert.Contains($"namespace DockerNetHarden.{outer}.{inner};", file.Code, StringComparison.Ordinal);
            Assert.DoesNotContain(Word().Matches(file.Code), match => around.Contains(match.Value));
        });
    }

    [Theory]
    [MemberData(nameof(CoreFolders))]
    public void Only_Hosts_and_Shells_touch_the_outside(string folder)
    {
        var touching = Sources(folder).Where(file => Outside().IsMatch(file.Code)).Select(file => $"{file.Name}: {Outside().Match(file.Code).Value}").ToList();
        if (folder is "Hosts" or "Shells")
            Assert.NotEmpty(touching);
        else
            Assert.Empty(touching);
    }

    [Theory]
    [MemberData(nameof(CoreFolders))]
    public void The_core_does_not_write_to_the_console(string folder) =>
        Assert.Empty(Sources(folder).Where(file => ConsoleUse().IsMatch(file.Code)).Select(file => file.Name));

    [Fact]
    public void The_core_needs_only_the_runtime() => Assert.Empty(BeyondTheRuntime(typeof(Cidr).Assembly));

    // The packages that the module brings are loaded apart from the rest of it: only the assembly that stands there may name them.
    [Fact]
    public void Only_the_client_needs_packages_and_only_these()
    {
        Assert.Equal(
            ["Docker.DotNet", "Docker.DotNet.Handler.Abstractions", "DockerNetHarden.Core", "Microsoft.Extensions.Logging.Abstractions"],
            BeyondTheRuntime(typeof(EngineClient).Assembly).Order(StringComparer.Ordinal));
        var client = Path.Combine("src", "DockerNetHarden.Client");
        var naming = Files([".cs", ".csproj"]).Where(file => WithoutTexts(File.ReadAllText(file)).Contains("using Docker.DotNet", StringComparison.Ordinal)
                || File.ReadAllText(file).Contains("Include=\"Docker.DotNet", StringComparison.Ordinal))
            .Select(file => Path.GetRelativePath(Root, Path.GetDirectoryName(file)!)).Distinct(StringComparer.Ordinal);
        Assert.Equal([client], naming);
        Assert.DoesNotContain(Directory.GetFiles(Path.Combine(Root, client), "*.cs"), file => Outside().IsMatch(WithoutTexts(File.ReadAllText(file))));
    }

    [Fact]
    public void No_file_of_code_is_longer_than_one_idea()
    {
        var tooLong = Files(CodeFiles).Select(file => (file, lines: File.ReadLines(file).Count())).Where(each => each.lines > LongestFile);
        Assert.Empty(tooLong.Select(each => $"{Path.GetRelativePath(Root, each.file)}: {each.lines} lines, {LongestFile} at most; find the second idea in it"));
    }

    [Fact]
    public void No_file_holds_a_stub_or_a_path_of_one_machine()
    {
        var files = Files(TextFiles).ToList();
        Assert.True(files.Count > 100, $"Only {files.Count} files were looked at.");
        var wrong = files.SelectMany(file => Forbidden().Matches(File.ReadAllText(file)).Select(match => $"{Path.GetRelativePath(Root, file)}: {match.Value}"));
        Assert.Empty(wrong);
    }

    [Theory]
    [InlineData("using DockerNetHarden.Hosts;", "Hosts")]
    [InlineData("var plan = DockerNetHarden.Planning.Plan.From(rules, host);", "Planning")]
    [InlineData("var plan = Planning.Plan.From(rules, host);", "Planning")]
    [InlineData("using static DockerNetHarden.Hosts.HostErrors;", "Hosts")]
    public void The_scan_sees_a_layer_being_used(string code, string layer) => Assert.Contains(layer, UsesOfLayers(code), StringComparer.Ordinal);

    [Theory]
    [InlineData("// see DockerNetHarden.Hosts.Fleet")]
    [InlineData("var text = \"using DockerNetHarden.Hosts;\";")]
    [InlineData("/// <see cref=\"Hosts.Fleet\"/>")]
    [InlineData("var name = new Operand.Docker(symbol);")]
    [InlineData("return Controls.Contains(name) && snapshot.Rules.Count > 0;")]
    public void The_scan_does_not_see_comments_texts_and_members(string code) => Assert.Empty(UsesOfLayers(WithoutTexts(code)));

    [Theory]
    [InlineData("Process.Start(start)")]
    [InlineData("new HttpClient()")]
    [InlineData("File.ReadAllText(path)")]
    [InlineData("new Socket(family, type, protocol)")]
    public void The_scan_sees_the_outside_being_touched(string code) => Assert.Matches(Outside(), code);

    [Theory]
    [InlineData("// TO" + "DO: later")]
    [InlineData("throw new Not" + "ImplementedException();")]
    [InlineData("cd /ho" + "me/somebody/src")]
    [InlineData("see C:\\Us" + "ers\\somebody")]
    public void The_scan_sees_what_no_file_may_hold(string text) => Assert.Matches(Forbidden(), text);

    // Addresses.Cidr is a use of the layer Addresses; snapshot.Rules and Rules.Count, of a property, are none.
    internal static IEnumerable<string> UsesOfLayers(string code) => LayerUse().Matches(code)
        .Where(match => match.Groups["root"].Success || TypesOf(match.Groups["layer"].Value).Contains(match.Groups["member"].Value, StringComparer.Ordinal))
        .Select(match => match.Groups["layer"].Value)
        .Distinct(StringComparer.Ordinal);

    private static IEnumerable<string> TypesOf(string folder) =>
        Sources(folder).SelectMany(file => TypeDeclaration().Matches(file.Code)).Select(match => match.Groups["type"].Value);

    private static IEnumerable<(string Name, string Code)> Sources(string folder)
    {
        var files = Directory.GetFiles(Path.Combine(Core, folder), "*.cs", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        return files.Select(file => (Path.GetRelativePath(Root, file), WithoutTexts(File.ReadAllText(file))));
    }

    private static IEnumerable<string> Files(string[] extensions) =>
        Directory.EnumerateFiles(Root, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint })
            .Where(file => extensions.Contains(Path.GetExtension(file), StringComparer.Ordinal))
            .Where(file => !Path.GetRelativePath(Root, file).Split(Path.DirectorySeparatorChar).Intersect(NotOurs, StringComparer.Ordinal).Any());

    private static List<string> BeyondTheRuntime(System.Reflection.Assembly assembly)
    {
        var references = assembly.GetReferencedAssemblies().Select(reference => reference.Name!).ToList();
        Assert.NotEmpty(references);
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        return references.FindAll(name => !File.Exists(Path.Combine(runtime, name + ".dll")));
    }

    internal static string WithoutTexts(string code) => TextOrComment().Replace(code, match => match.Value[0] == '/' ? "" : "\"\"");

    [GeneratedRegex(@"^\| `(?<folder>\w+)` \|.*\| (?<uses>[^|]+) \|$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, Patience)]
    private static partial Regex TableRow();

    [GeneratedRegex("""(?<![.\w])(?<root>DockerNetHarden\.)?(?<layer>Addresses|Rules|Controls|Iptables|Docker|Snapshots|Planning|Persistence|Nftables|Export|Policy|Packets|Matching|Walking|Analysis|Audit|Reports|Shells|Hosts)(?:\.(?<member>[A-Z]\w*)|;)""", RegexOptions.ExplicitCapture, Patience)]
    private static partial Regex LayerUse();

    [GeneratedRegex("""^(?:public|internal)[\w ]*? (?:class|record|struct|interface|enum) (?<type>[A-Z]\w*)""", RegexOptions.ExplicitCapture | RegexOptions.Multiline, Patience)]
    private static partial Regex OwnType();

    [GeneratedRegex("""(?<![.\w])[A-Z]\w*""", RegexOptions.None, Patience)]
    private static partial Regex Word();

    [GeneratedRegex("""\b(?:class|record|struct|interface|enum) (?<type>[A-Z]\w*)""", RegexOptions.ExplicitCapture, Patience)]
    private static partial Regex TypeDeclaration();

    [GeneratedRegex(
        """(?<![.\w])(?:(?:System\.(?:Diagnostics|Net\.Http|Net\.Sockets|IO)\.)?(?:Process|ProcessStartInfo|Socket|TcpClient|UdpClient|HttpClient|NetworkStream|FileStream|FileInfo|DirectoryInfo)\b|(?:File|Directory)\.[A-Z]|Dns\.Get)""",
        RegexOptions.ExplicitCapture, Patience)]
    private static partial Regex Outside();

    [GeneratedRegex("""(?<![.\w])Console\.""", RegexOptions.ExplicitCapture, Patience)]
    private static partial Regex ConsoleUse();

    // Comments; raw, verbatim and plain strings; characters. An interpolated string is a text too: what is computed in it is short.
    [GeneratedRegex("""""//[^\n]*|/\*.*?\*/|""".*?"""|@"(?:[^"]|"")*"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'""""", RegexOptions.Singleline | RegexOptions.ExplicitCapture, Patience)]
    private static partial Regex TextOrComment();

    // Written so that this file does not hold them itself.
    [GeneratedRegex("""\bTO[D]O\b|\bFIX[M]E\b|Not[I]mplementedException|(?<![\w.}])/(?:w[o]rk|ho[m]e|ro[o]t|Use[r]s)/|\b[A-Z]:\\Use[r]s""", RegexOptions.ExplicitCapture, Patience)]
    private static partial Regex Forbidden();
}
