using DockerNetHarden.Effects;

namespace DockerNetHarden.Hosts;

/// <summary>How applying rules to a host ended.</summary>
public enum InvocationStatus
{
    /// <summary>Nothing was written: -WhatIf, or the answer was no. Added and Removed say what would have changed.</summary>
    Planned,

    /// <summary>The rules were there already; nothing was written.</summary>
    Unchanged,

    /// <summary>The rules were written.</summary>
    Applied,

    /// <summary>The rules were written, and a new connection confirmed them.</summary>
    Confirmed,

    /// <summary>The rules were written, not confirmed in time, and taken back by the host.</summary>
    RolledBack,

    /// <summary>The rules were written; the host takes them back at <see cref="InvocationResult.RollbackAt"/> unless somebody confirms.</summary>
    AwaitingConfirmation,
}

/// <summary>What was done on one host.</summary>
public sealed record InvocationResult
{
    /// <summary>The host as the user named it.</summary>
    public required string HostName { get; init; }

    /// <summary>How it ended.</summary>
    public required InvocationStatus Status { get; init; }

    /// <summary>Which iptables the rules are in, as it names itself: the one with Docker's chains.</summary>
    public required string Iptables { get; init; }

    /// <summary>Where the rules that were asked for are: in the tables of iptables, or in a table of our own in nftables.</summary>
    public Planning.FirewallBackend Backend { get; init; } = Planning.FirewallBackend.Iptables;

    /// <summary>The lines that were added (or would have been), as commands.</summary>
    public IReadOnlyList<string> Added { get; init; } = [];

    /// <summary>The lines that were removed (or would have been), as commands.</summary>
    public IReadOnlyList<string> Removed { get; init; } = [];

    /// <summary>How many of the lines that were asked for were already there.</summary>
    public int Unchanged { get; init; }

    /// <summary>The open connections of containers that the change cut or limited, or would have; null if nobody asked for them, or if they could not be found out, as <see cref="AffectedNotes"/> says.</summary>
    public IReadOnlyList<AffectedConnection>? Affected { get; init; }

    /// <summary>What is not known of <see cref="Affected"/>, one sentence each.</summary>
    public IReadOnlyList<string> AffectedNotes { get; init; } = [];

    /// <summary>Whether the host, read back, has exactly the rules that were asked for.</summary>
    public bool Verified { get; init; }

    /// <summary>The id of the rollback that was armed on the host; null if none was.</summary>
    public string? RollbackId { get; init; }

    /// <summary>When the host takes the change back, or would have, by this machine's clock; null if no rollback was armed.</summary>
    public DateTimeOffset? RollbackAt { get; init; }
}
