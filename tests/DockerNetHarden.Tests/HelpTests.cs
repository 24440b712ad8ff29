using System.Text.RegularExpressions;
using System.Xml.Linq;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Tests;

/// <summary>
/// Checks without a pwsh that the help is complete and fresh: each cmdlet and parameter of the assembly is in its page (docs/cmdlets) and in the MAML file
/// that Get-Help reads (en-US), and both say the same. <c>build.ps1 Help</c> makes the second from the first.
/// </summary>
public sealed partial class HelpTests
{
    private const string Regenerate = "run ./build.ps1 Help and commit what it writes";

    private static readonly Dictionary<string, MamlCommand> Maml = MamlCommand.ReadAll(PathOf("en-US", "DockerNetHarden.dll-Help.xml"));

    public static TheoryData<string> Names => ModuleFacts.CmdletNames;

    public static TheoryData<string> Emitters =>
        [.. ModuleFacts.Cmdlets.Where(cmdlet => !cmdlet.SupportsShouldProcess && cmdlet.OutputTypes.Contains(typeof(FirewallRule))).Select(cmdlet => cmdlet.Name)];

    private static IReadOnlyList<string> All => [.. ModuleFacts.Cmdlets.Select(cmdlet => cmdlet.Name).Order(StringComparer.Ordinal)];

    [Fact]
    public void Each_cmdlet_has_a_page_and_each_page_a_cmdlet()
    {
        Assert.NotEmpty(All);
        var pages = Directory.GetFiles(PathOf("docs", "cmdlets"), "*.md").Select(file => Path.GetFileNameWithoutExtension(file)!);
        Assert.Equal(All, pages.Order(StringComparer.Ordinal));
        Assert.Equal(All, Maml.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_page_has_exactly_the_parameters_of_its_cmdlet(string name)
    {
        var cmdlet = ModuleFacts.Cmdlet(name);
        var expected = cmdlet.Parameters.Select(parameter => parameter.Name).Concat(cmdlet.SupportsShouldProcess ? ["Confirm", "WhatIf"] : []).Order(StringComparer.Ordinal).ToList();
        Assert.Equal(expected, HelpPage.Read(name).Parameters.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal(expected, Maml[name].Parameters.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_page_says_what_the_cmdlet_and_each_parameter_is(string name)
    {
        var page = HelpPage.Read(name);
        Assert.EndsWith(".", page.Synopsis, StringComparison.Ordinal);
        Assert.True(page.Description.Length > page.Synopsis.Length, $"{name}: the description says no more than the synopsis.");
        Assert.All(page.Parameters, parameter => Assert.Matches(Sentence(), parameter.Value));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_page_has_examples_that_use_its_cmdlet(string name)
    {
        var examples = HelpPage.Read(name).Examples;
        Assert.True(examples.Count >= 2, $"{name} has {examples.Count} examples, but needs two.");
        Assert.All(examples, example =>
        {
            Assert.Contains(name, example.Code, StringComparison.Ordinal);
            Assert.False(string.IsNullOrEmpty(example.Remark));
            Assert.Matches(ExampleTitle(), example.Title);
        });
    }

    [Theory]
    [MemberData(nameof(Emitters))]
    public void An_emitter_says_first_that_it_changes_nothing(string name) =>
        Assert.StartsWith("This command changes nothing", HelpPage.Read(name).Synopsis, StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Names))]
    public void The_help_that_Get_Help_reads_is_the_page(string name)
    {
        var (page, maml) = (HelpPage.Read(name), Maml[name]);
        Assert.True(page.Synopsis == maml.Synopsis && page.Description == maml.Description, $"The synopsis or description of {name} is stale: {Regenerate}.\n{page.Description}\n{maml.Description}");
        Assert.All(page.Parameters, parameter => Assert.Equal(parameter.Value, maml.Parameters[parameter.Key]));
        // One version of platyPS left the code empty and put the whole example into its introduction.
        Assert.Equal(page.Examples.Select(example => (example.Code, example.Remark)), maml.Examples);
    }

    [Fact]
    public void Nothing_is_left_to_be_filled_in()
    {
        var files = Directory.GetFiles(PathOf("docs"), "*.md", SearchOption.AllDirectories).Concat(Directory.GetFiles(PathOf("en-US"))).ToList();
        Assert.True(files.Count > All.Count, "Too few files were checked.");
        Assert.All(files, file =>
        {
            var text = File.ReadAllText(file);
            Assert.DoesNotContain("{{", text, StringComparison.Ordinal);
            Assert.DoesNotContain("ProgressAction", text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void The_about_topics_have_the_form_that_Get_Help_knows()
    {
        var topics = Directory.GetFiles(PathOf("en-US"), "about_*.help.txt");
        Assert.NotEmpty(topics);
        Assert.All(topics, topic =>
        {
            var lines = File.ReadAllLines(topic);
            var name = Path.GetFileName(topic)[..^".help.txt".Length];
            Assert.Equal("TOPIC", lines[0]);
            Assert.Equal("    " + name, lines[1]);
            Assert.Equal("SHORT DESCRIPTION", lines[3]);
            Assert.All(lines, line => Assert.True(line.Length <= 80, $"{name}: '{line}' is longer than 80 characters."));
        });
    }

    [Fact]
    public void The_about_topic_names_each_cmdlet()
    {
        var text = File.ReadAllText(PathOf("en-US", "about_DockerNetHarden.help.txt"));
        Assert.All(All, name => Assert.Contains(name, text, StringComparison.Ordinal));
    }

    internal static string PathOf(params string[] parts) => Path.Combine([ModuleFacts.Root, .. parts]);

    [GeneratedRegex(@"\A\S.*[.)]\z", RegexOptions.Singleline, 1000)]
    private static partial Regex Sentence();

    [GeneratedRegex(@"\AExample \d+: \S", RegexOptions.None, 1000)]
    private static partial Regex ExampleTitle();

    /// <summary>A command of the MAML file, its texts with their paragraphs joined.</summary>
    private sealed record MamlCommand(string Synopsis, string Description, Dictionary<string, string> Parameters, IReadOnlyList<(string Code, string Remark)> Examples)
    {
        private static readonly XNamespace M = "http://schemas.microsoft.com/maml/2004/10";
        private static readonly XNamespace C = "http://schemas.microsoft.com/maml/dev/command/2004/10";
        private static readonly XNamespace D = "http://schemas.microsoft.com/maml/dev/2004/10";

        public static Dictionary<string, MamlCommand> ReadAll(string file) => XDocument.Load(file).Root!.Elements(C + "command").ToDictionary(
            command => command.Element(C + "details")!.Element(C + "name")!.Value.Trim(),
            command => new MamlCommand(
                Text(command.Element(C + "details")!.Element(M + "description")),
                Text(command.Element(M + "description")),
                command.Element(C + "parameters")!.Elements(C + "parameter").ToDictionary(p => p.Element(M + "name")!.Value, p => Text(p.Element(M + "description")), StringComparer.Ordinal),
                [.. command.Element(C + "examples")!.Elements(C + "example").Select(example =>
                    (HelpPage.Lines(example.Element(D + "code")!.Value), Text(example.Element(D + "remarks"))))]),
            StringComparer.Ordinal);

        private static string Text(XElement? element) => HelpPage.Plain(string.Join(' ', element?.Elements(M + "para").Select(para => para.Value) ?? []));
    }
}
