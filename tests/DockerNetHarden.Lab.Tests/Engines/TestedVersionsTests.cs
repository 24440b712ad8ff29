using System.Text.RegularExpressions;
using DockerNetHarden.Tests;

namespace DockerNetHarden.Lab.Tests.Engines;

/// <summary>docs/tested-versions.md says what is tested; these tests check that it is true.</summary>
public sealed partial class TestedVersionsTests
{
    private static readonly string s_page = ProjectRoot.Read("docs", "tested-versions.md");

    [Fact]
    public void The_table_has_each_engine_of_the_lab_and_no_other()
    {
        var rows = EngineRow().Matches(s_page).Select(row => row.Groups["name"].Value);
        Assert.Equal(LabEngine.All.Select(engine => engine.Name), rows);
        foreach (var engine in LabEngine.All.Where(engine => engine.Series is not null))
            Assert.Equal(engine.Series, Row(engine).Groups["docker"].Value);
        var suites = Regex.Match(ProjectRoot.Read("src", "DockerNetHarden.Lab", "Engines", "engines.sh"), "^engine_suites='(?<names>[^']*)'", RegexOptions.Multiline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        Assert.Equal(string.Join(' ', LabEngine.All.Where(engine => engine != LabEngine.Machine).Select(engine => engine.Name)), suites.Groups["names"].Value);
    }

    [Fact]
    public void An_installed_engine_has_the_versions_of_the_table()
    {
        // Debian's names of the packages. A machine other than the table's brings its own Docker.
        foreach (var engine in LabEngine.All.Where(engine => engine.WhyUnavailable() is null && (engine.Version("docker.io") ?? "").StartsWith(Row(engine).Groups["docker"].Value + ".", StringComparison.Ordinal)))
        {
            foreach (var (package, column) in new[] { ("docker.io", "docker"), ("iptables", "iptables"), ("nftables", "nft") })
                Assert.StartsWith(Row(engine).Groups[column].Value + ".", (engine.Version(package) ?? "(not installed)") + ".", StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("PowerShell", "pwsh_version")]
    [InlineData("Pester", "pester_version")]
    public void The_table_has_what_the_script_installs(string program, string variable)
    {
        var installed = Regex.Match(ProjectRoot.Read("build.sh"), $"^{variable}=(?<version>[0-9.]+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));
        Assert.True(installed.Success, $"build.sh sets no {variable}");
        Assert.Contains($"| {program} | {installed.Groups["version"].Value} |", s_page, StringComparison.Ordinal);
    }

    private static Match Row(LabEngine engine) => EngineRow().Matches(s_page).Single(row => row.Groups["name"].Value == engine.Name);

    [GeneratedRegex(@"^\| (?<name>[a-z]+) \| (?<docker>[0-9.]+) \| (?<iptables>[0-9.]+) \| (?<nft>[0-9.]+) \|", RegexOptions.Multiline | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex EngineRow();
}
