using System.Text.RegularExpressions;
using System.Xml.Linq;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Tests;

public sealed class ModuleFileTests
{
    private static string Staged => Path.Combine(ModuleFacts.Root, "out", "DockerNetHarden", ModuleFacts.Version);

    [Fact]
    public void The_manifest_exports_exactly_the_cmdlets_that_there_are() =>
        Assert.Equal(ModuleFacts.Cmdlets.Select(cmdlet => cmdlet.Name), ModuleFacts.ManifestList("CmdletsToExport").Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("FunctionsToExport")]
    [InlineData("AliasesToExport")]
    [InlineData("VariablesToExport")]
    public void The_manifest_exports_nothing_else(string key) => Assert.Empty(ModuleFacts.ManifestList(key));

    [Theory]
    [InlineData(@"PowerShellVersion\s*=\s*'7\.4'")]
    [InlineData(@"CompatiblePSEditions\s*=\s*@\('Core'\)")]
    [InlineData(@"LicenseUri\s*=\s*'https://")]
    [InlineData(@"ProjectUri\s*=\s*'https://github\.com/dockernetharden/DockerNetHarden'")]
    [InlineData(@"ReleaseNotes\s*=\s*'.+'")]
    [InlineData(@"Tags\s*=\s*@\('")]
    public void The_manifest_says(string pattern) => Assert.Matches(pattern, ModuleFacts.ManifestText);

    [Fact]
    public void The_assemblys_version_is_the_manifests() =>
        Assert.Equal(ModuleFacts.Version, ModuleFacts.Module.GetName().Version!.ToString(3));

    [Fact]
    public void The_newest_version_of_the_changelog_is_the_manifests()
    {
        var newest = Regex.Match(File.ReadAllText(Path.Combine(ModuleFacts.Root, "CHANGELOG.md")), @"^## \[?(\d+\.\d+\.\d+)", RegexOptions.Multiline);
        Assert.Equal(ModuleFacts.Version, newest.Groups[1].Value);
    }

    // PowerShell has its own idea of files.
    [Fact]
    public void Every_type_that_is_emitted_has_a_view()
    {
        var views = XDocument.Load(Path.Combine(ModuleFacts.Root, "src", "DockerNetHarden", "DockerNetHarden.Format.ps1xml"));
        var viewed = views.Descendants("TypeName").Select(name => TypeOf(name.Value)).ToHashSet(StringComparer.Ordinal);
        var emitted = ModuleFacts.Cmdlets.SelectMany(cmdlet => cmdlet.OutputTypes).Where(type => type != typeof(bool) && type != typeof(string) && type != typeof(FileInfo)).Distinct().Select(type => type.FullName!).ToList();
        Assert.NotEmpty(emitted);
        Assert.Equal(emitted.Order(StringComparer.Ordinal), viewed.Order(StringComparer.Ordinal));
    }

    // What is behind # tells views of one type apart.
    private static string TypeOf(string name) => name.Split('#')[0];

    [Fact]
    public void A_view_shows_properties_that_the_type_has()
    {
        var views = XDocument.Load(Path.Combine(ModuleFacts.Root, "src", "DockerNetHarden", "DockerNetHarden.Format.ps1xml"));
        foreach (var view in views.Descendants("View"))
        {
            var name = TypeOf(view.Descendants("TypeName").Single().Value);
            var type = ModuleFacts.Cmdlets.SelectMany(cmdlet => cmdlet.OutputTypes).First(each => each.FullName == name);
            var shown = view.Descendants("PropertyName").Select(property => property.Value)
                .Concat(view.Descendants("ScriptBlock").SelectMany(script => Regex.Matches(script.Value, @"\$_\.(\w+)").Select(match => match.Groups[1].Value)));
            Assert.All(shown, property => Assert.True(type.GetProperty(property) is not null || (view.Element("Name")!.Value is "AccessMatrixWords" && AccessTargets.Words.Contains(property)), $"{name}.{property}"));
            Assert.Equal(view.Descendants("TableColumnHeader").Count(), view.Descendants("TableColumnItem").Count());
        }
    }

    [Fact]
    public void The_module_needs_no_package_but_PowerShells_stub()
    {
        var project = XDocument.Load(Path.Combine(ModuleFacts.Root, "src", "DockerNetHarden", "DockerNetHarden.csproj"));
        var package = Assert.Single(project.Descendants("PackageReference"));
        Assert.Equal("PowerShellStandard.Library", (string?)package.Attribute("Include"));
        Assert.Equal("all", (string?)package.Attribute("PrivateAssets"));
        Assert.Empty(XDocument.Load(Path.Combine(ModuleFacts.Root, "src", "DockerNetHarden.Core", "DockerNetHarden.Core.csproj")).Descendants("PackageReference"));
    }

    // The other packages come with these: their versions are in each package's own list of dependencies.
    [Fact]
    public void The_notices_name_the_packages_that_are_shipped()
    {
        var notices = File.ReadAllText(Path.Combine(ModuleFacts.Root, "THIRD-PARTY-NOTICES.md"));
        var versions = XDocument.Load(Path.Combine(ModuleFacts.Root, "Directory.Packages.props")).Descendants("PackageVersion").ToDictionary(package => (string)package.Attribute("Include")!, package => (string)package.Attribute("Version")!, StringComparer.Ordinal);
        foreach (var name in new[] { "Docker.DotNet.Enhanced", "System.CommandLine" })
            Assert.Matches($@"(?m)^\| \[{Regex.Escape(name)}\].* \| {Regex.Escape(versions[name])} \|", notices);
    }

    [SkippableFact]
    public void What_is_staged_is_the_module_and_nothing_else()
    {
        Skip.IfNot(Directory.Exists(Staged), $"{Staged} does not exist; `dotnet build -c Release` stages the module.");
        var expected = new[] { "DockerNetHarden.Core.dll", "DockerNetHarden.Format.ps1xml", "DockerNetHarden.Start.dll", "DockerNetHarden.dll", "DockerNetHarden.psd1", "LICENSE", "THIRD-PARTY-NOTICES.md" };
        Assert.Equal(expected, Directory.EnumerateFiles(Staged).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
        string[] dependencies =
            [
                "Docker.DotNet.Handler.Abstractions.dll", "Docker.DotNet.LegacyHttp.dll", "Docker.DotNet.NPipe.dll", "Docker.DotNet.NativeHttp.dll", "Docker.DotNet.Unix.dll", "Docker.DotNet.dll",
                "DockerNetHarden.Client.dll", "Microsoft.Extensions.DependencyInjection.Abstractions.dll", "Microsoft.Extensions.Logging.Abstractions.dll", "Microsoft.Net.Http.Client.dll",
                "System.IO.Pipelines.dll",
            ];
        Assert.Equal(dependencies, NamesIn(Path.Combine(Staged, "Dependencies")));
        Assert.Equal(["DockerNetHarden.Tests.ps1"], NamesIn(Path.Combine(Staged, "Compliance")));
        // Native code for a platform is the same assemblies once more.
        var platforms = Directory.EnumerateDirectories(Staged).Where(static folder => Path.GetFileName(folder) is not ("Dependencies" or "en-US" or "Compliance")).ToList();
        Assert.All(platforms, static folder => Assert.Matches("^(linux|win|osx)-(x64|arm64)$", Path.GetFileName(folder)));
        Assert.All(platforms, static folder => Assert.Equal(["Dependencies", "DockerNetHarden.Core.dll"], NamesIn(folder)));
        Assert.All(platforms, folder => Assert.Equal(dependencies, NamesIn(Path.Combine(folder, "Dependencies"))));
        // Of the same build, or what is tested is not what runs.
        Assert.All(platforms, static folder => Assert.Equal(BuildOf(Path.Combine(Staged, "DockerNetHarden.Core.dll")), BuildOf(Path.Combine(folder, "DockerNetHarden.Core.dll"))));
        Assert.All(platforms, static folder => Assert.Equal(BuildOf(Path.Combine(Staged, "Dependencies", "Docker.DotNet.dll")), BuildOf(Path.Combine(folder, "Dependencies", "Docker.DotNet.dll"))));
        Assert.Equal(File.ReadAllText(Path.Combine(ModuleFacts.Root, "DockerNetHarden.psd1")), File.ReadAllText(Path.Combine(Staged, "DockerNetHarden.psd1")));
    }

    private static IEnumerable<string> NamesIn(string folder) => Directory.EnumerateFileSystemEntries(folder).Select(static file => Path.GetFileName(file)).Order(StringComparer.Ordinal);

    private static Guid BuildOf(string file)
    {
        using var stream = File.OpenRead(file);
        using var image = new System.Reflection.PortableExecutable.PEReader(stream);
        var metadata = System.Reflection.Metadata.PEReaderExtensions.GetMetadataReader(image);
        return metadata.GetGuid(metadata.GetModuleDefinition().Mvid);
    }

    [SkippableFact]
    public void What_is_staged_refers_to_the_runtime_PowerShell_and_itself_only()
    {
        Skip.IfNot(Directory.Exists(Staged), $"{Staged} does not exist; `dotnet build -c Release` stages the module.");
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        foreach (var name in new[] { "DockerNetHarden.dll", "DockerNetHarden.Core.dll" })
        {
            using var stream = File.OpenRead(Path.Combine(Staged, name));
            using var image = new System.Reflection.PortableExecutable.PEReader(stream);
            var metadata = System.Reflection.Metadata.PEReaderExtensions.GetMetadataReader(image);
            var references = metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name));
            Assert.All(references, reference => Assert.True(
                reference is "System.Management.Automation" or "DockerNetHarden.Core" || File.Exists(Path.Combine(runtime, reference + ".dll")), $"{name} refers to {reference}"));
        }
    }
}
