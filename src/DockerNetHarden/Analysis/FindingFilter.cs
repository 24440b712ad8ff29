using System.Management.Automation;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Commands;

/// <summary>Chooses findings by network, severity and check. Findings of the whole host are of every network: what they say decides its packets too.</summary>
internal sealed class FindingFilter(string[]? networks, Severity least, string[]? only, string[]? except)
{
    private readonly WildcardPattern[]? _only = Patterns(only);
    private readonly WildcardPattern[] _except = Patterns(except) ?? [];

    public bool Holds(HardeningFinding finding) =>
        finding.Severity >= least
        && (networks is null || finding.Network is null || networks.Contains(finding.Network, StringComparer.Ordinal))
        && (_only is null || Matches(_only, finding))
        && !Matches(_except, finding);

    private static bool Matches(WildcardPattern[] patterns, HardeningFinding finding) => Array.Exists(patterns, pattern => pattern.IsMatch(finding.Id));

    private static WildcardPattern[]? Patterns(string[]? texts) => texts?.Select(text => new WildcardPattern(text, WildcardOptions.IgnoreCase)).ToArray();
}
