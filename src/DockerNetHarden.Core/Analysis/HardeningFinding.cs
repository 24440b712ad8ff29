using DockerNetHarden.Rules;

namespace DockerNetHarden.Analysis;

/// <summary>How bad it is if the check fails.</summary>
public enum Severity
{
    /// <summary>Good to know.</summary>
    Info,

    /// <summary>A weakness that matters only together with another one.</summary>
    Low,

    /// <summary>A way around a control under conditions that occur.</summary>
    Medium,

    /// <summary>A way from a container to the host or to internal networks.</summary>
    High,

    /// <summary>A way from a container to credentials.</summary>
    Critical,
}

/// <summary>How a check ended.</summary>
public enum FindingStatus
{
    /// <summary>It certainly holds for all packets that it is about.</summary>
    Pass,

    /// <summary>It does not.</summary>
    Fail,

    /// <summary>It is not certain, or depends on something outside the rules.</summary>
    Warning,

    /// <summary>There is nothing here that it could apply to.</summary>
    NotApplicable,

    /// <summary>It could not be checked.</summary>
    Error,
}

/// <summary>The result of one check on one network, container or host.</summary>
public sealed record HardeningFinding
{
    /// <summary>The host as the user named it.</summary>
    public required string HostName { get; init; }

    /// <summary>The check's stable id: upper case words with hyphens, for example <c>METADATA-AWS</c>.</summary>
    public required string Id { get; init; }

    /// <summary>What is checked, in a few words.</summary>
    public required string Title { get; init; }

    /// <summary>How bad a failure is.</summary>
    public required Severity Severity { get; init; }

    /// <summary>How it ended.</summary>
    public required FindingStatus Status { get; init; }

    /// <summary>The network it is about; null for the whole host.</summary>
    public string? Network { get; init; }

    /// <summary>The container it is about; null for all of them.</summary>
    public string? Container { get; init; }

    /// <summary>What was seen: deciding rules with table, chain, position and text, one per line.</summary>
    public IReadOnlyList<string> Evidence { get; init; } = [];

    /// <summary>What to do, in words and commands; null if there is nothing to do.</summary>
    public string? Remedy { get; init; }

    /// <summary>The rules that mend it, complete for their marks: pipe the finding to Invoke-FirewallRule. Empty if rules cannot mend it.</summary>
    public IReadOnlyList<FirewallRule> Rules { get; init; } = [];

    /// <summary>The matching item of the CIS Docker Benchmark; null if there is none.</summary>
    public string? CisItem { get; init; }

    /// <summary>The audit that found it; null if it was read from a file.</summary>
    internal HostAudit? Source { get; init; }
}
