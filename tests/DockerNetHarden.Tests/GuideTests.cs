using System.Text.RegularExpressions;

namespace DockerNetHarden.Tests;

/// <summary>Readers type in the guides as they are, so each command in them exists, with the parameters that it gets.</summary>
public sealed partial class GuideTests
{
    // PowerShell's and Pester's own commands that the guides use.
    private static readonly string[] Others =
        ["Format-Table", "Format-List", "Get-Content", "Get-Help", "Group-Object", "Import-Csv", "Export-Csv", "Export-Clixml", "Import-Clixml", "Import-Module", "Invoke-Pester", "Measure-Command", "Out-File", "Out-Null", "Select-Object", "Set-Content", "Sort-Object", "Where-Object", "ForEach-Object", "ConvertTo-Json", "ConvertFrom-Json", "New-PSSession", "Get-Error", "Start-Sleep", "Write-Output", "Join-Path", "Get-Module", "New-PesterContainer", "New-PesterConfiguration"];

    private static readonly string[] Common = ["Verbose", "ErrorAction", "ErrorVariable", "WarningAction", "OutVariable", "Debug"];

    public static TheoryData<string> Guides => [.. Directory.GetFiles(HelpTests.PathOf("docs", "guides"), "*.md").Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Guides))]
    public void Each_command_of_a_guide_exists_with_its_parameters(string guide)
    {
        var text = File.ReadAllText(HelpTests.PathOf("docs", "guides", guide)).ReplaceLineEndings("\n");
        Assert.Empty(Blocks().Matches(text).SelectMany(block => Problems(block.Groups["code"].Value)));
    }

    [Fact]
    public void The_guides_use_commands_of_the_module() =>
        Assert.True(Directory.GetFiles(HelpTests.PathOf("docs", "guides"), "*.md").Sum(file => Blocks().Count(File.ReadAllText(file).ReplaceLineEndings("\n"))) > 20);

    [Theory]
    [InlineData("Get-FirewallRule -Alll")]
    [InlineData("$x = Get-FirewallRules")]
    [InlineData("if (-not (Get-FirewallRule | Test-FirewallRule -Bogus)) { 'x' }")]
    [InlineData("& { Block-ContainerMetadataAccess\n Block-ContainerHostAccess -Provider Aws }")]
    [InlineData("Get-FirewallRule (Get-Content x) -Whatever")]
    [InlineData("Get-FirewallRule -WhatIf")]
    public void The_check_sees_what_does_not_exist(string code) => Assert.Single(Problems(code));

    [Theory]
    [InlineData("Get-FirewallRule # -Alll and Get-Nothing")]
    [InlineData("throw 'Get-Nothing -Alll'")]
    [InlineData("if (-not (Get-FirewallRule -All | Test-FirewallRule -Verbose)) { Remove-FirewallRule -All -WhatIf }")]
    public void The_check_lets_what_is_right_pass(string code) => Assert.Empty(Problems(code));

    private static IEnumerable<string> Problems(string code)
    {
        foreach (var (command, parameters) in Commands(Unread().Replace(code, match => match.Value[0] == '#' ? "" : "''")))
        {
            if (Others.Contains(command, StringComparer.OrdinalIgnoreCase))
                continue;
            var cmdlet = ModuleFacts.Cmdlets.FirstOrDefault(each => string.Equals(each.Name, command, StringComparison.OrdinalIgnoreCase));
            if (cmdlet is null)
            {
                yield return $"There is no command {command}.";
                continue;
            }
            var known = cmdlet.Parameters.Select(parameter => parameter.Name).Concat(cmdlet.SupportsShouldProcess ? Common.Concat(["WhatIf", "Confirm"]) : Common);
            foreach (var parameter in parameters.Except(known, StringComparer.OrdinalIgnoreCase))
                yield return $"{command} has no parameter -{parameter}.";
        }
    }

    // A command ends at a line's end, a semicolon or a bar; text in brackets is read separately, and the command continues after them.
    private static IEnumerable<(string Command, List<string> Parameters)> Commands(string code)
    {
        var all = new List<(string, List<string>)>();
        var open = new Stack<List<string>?>();
        List<string>? current = null;
        foreach (var token in Tokens().Matches(code).Select(match => match.Value))
        {
            if (token is "(" or "{")
            {
                open.Push(current);
                current = null;
            }
            else if (token is ")" or "}")
                current = open.Count > 0 ? open.Pop() : null;
            else if (token is "\n" or ";" or "|" or "=")
                current = null;
            else if (token[0] == '-')
                current?.Add(token[1..]);
            else if (current is null)
                all.Add((token, current = []));
        }
        return all;
    }

    [GeneratedRegex("(?s)```powershell\n(?<code>.*?)```", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Blocks();

    // Strings and comments.
    [GeneratedRegex("'[^']*'|\"[^\"]*\"|(?<![\\w`])#[^\n]*", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Unread();

    [GeneratedRegex(@"[(){}|;=\n]|(?<![\w$./-])-[A-Za-z]\w*|(?<![\w$./-])[A-Z][A-Za-z]*-[A-Z]\w+", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Tokens();
}
