namespace DockerNetHarden.Effects;

/// <summary>What a rule of this module met: packets that it stopped or, if its control only reports, connections that it would have stopped.</summary>
public sealed record BlockedAccess
{
    /// <summary>The host as the user named it.</summary>
    public required string HostName { get; init; }

    /// <summary>The container's name; null if it is not known, as <see cref="Note"/> says, or if no running container has the address.</summary>
    public string? Container { get; init; }

    /// <summary>The container's network; null if it is not known.</summary>
    public string? Network { get; init; }

    /// <summary>The address that asked; null if it is not known.</summary>
    public string? Source { get; init; }

    /// <summary>What was asked for: one address, or all that the rule names; null for every destination.</summary>
    public string? Destination { get; init; }

    /// <summary>The port that was asked for, or those that the rule names; null for every port.</summary>
    public string? Port { get; init; }

    /// <summary>The protocol; null for every one.</summary>
    public string? Protocol { get; init; }

    /// <summary>The rule's mark, for example <c>MetadataAccess/aws</c>.</summary>
    public required string Control { get; init; }

    /// <summary>Whether nothing was stopped: the control only reports.</summary>
    public bool ReportOnly { get; init; }

    /// <summary>How often: of a control that only reports, the connections that it would have stopped; otherwise the packets that the rule met.</summary>
    public long Count { get; init; }

    /// <summary>When it was met last; null if the kernel log does not say.</summary>
    public DateTimeOffset? LastSeen { get; init; }

    /// <summary>What is not known, and why; null if everything is.</summary>
    public string? Note { get; init; }

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant(
        $"{Container ?? Source ?? "containers"}{(Network is null ? "" : " on " + Network)} -> {Destination ?? "any"}{(Port is null ? "" : ":" + Port)}{(Protocol is null ? "" : "/" + Protocol)}, {Count} {(ReportOnly ? "would be blocked" : "blocked")} by {Control}");
}
