namespace DockerNetHarden.Persistence;

/// <summary>How rules get back into the tables when a host starts.</summary>
public enum PersistenceMethod
{
    /// <summary>What the host has: systemd, else netfilter-persistent, else iptables-services.</summary>
    Auto,

    /// <summary>A unit that is ordered before docker.service, and one that puts back what another program takes away.</summary>
    Systemd,

    /// <summary>A plugin of netfilter-persistent (Debian, Ubuntu): loaded behind the rules of iptables-persistent.</summary>
    NetfilterPersistent,

    /// <summary>Our lines among those of <c>/etc/sysconfig/iptables</c>, which iptables.service of iptables-services (RHEL, Fedora) loads.</summary>
    IptablesServices,
}

/// <summary>How saving on a host ended.</summary>
public enum PersistenceStatus
{
    /// <summary>Nothing was written: -WhatIf, or the answer was no.</summary>
    Planned,

    /// <summary>What is applied was saved already, and nothing was saved that should be taken away.</summary>
    Unchanged,

    /// <summary>What is applied was saved.</summary>
    Saved,

    /// <summary>What had been saved was taken away; the rules in the tables stay.</summary>
    Removed,
}

/// <summary>What was saved on one host.</summary>
public sealed record PersistenceResult
{
    /// <summary>The host as the user named it.</summary>
    public required string HostName { get; init; }

    /// <summary>By which way; Auto only where nothing was saved before a removal.</summary>
    public required PersistenceMethod Method { get; init; }

    /// <summary>How it ended.</summary>
    public required PersistenceStatus Status { get; init; }

    /// <summary>The files that hold it, or that were taken away.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>The unit of systemd that loads the rules before Docker starts.</summary>
    public string? Unit { get; init; }

    /// <summary>Whether that unit is started when the host starts.</summary>
    public bool Enabled { get; init; }

    /// <summary>How many rules are saved, jumps not counted.</summary>
    public int Count { get; init; }
}
