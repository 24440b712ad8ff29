namespace DockerNetHarden.Persistence;

/// <summary>How rules get back into the tables when a host starts.</summary>
public enum PersistenceMethod
{
    /// <summary>Whatever the host has: systemd, else netfilter-persistent, else iptables-services.</summary>
    Auto,

    /// <summary>A unit that is ordered before docker.service, and one that puts back what another program removes.</summary>
    Systemd,

    /// <summary>A plugin of netfilter-persistent (Debian, Ubuntu): loaded after the rules of iptables-persistent.</summary>
    NetfilterPersistent,

    /// <summary>Our lines among those of <c>/etc/sysconfig/iptables</c>, which iptables.service of iptables-services (RHEL, Fedora) loads.</summary>
    IptablesServices,
}

/// <summary>How saving on a host ended.</summary>
public enum PersistenceStatus
{
    /// <summary>Nothing was written: -WhatIf, or the answer was no.</summary>
    Planned,

    /// <summary>The applied rules were already saved, and nothing else was.</summary>
    Unchanged,

    /// <summary>The applied rules were saved.</summary>
    Saved,

    /// <summary>What had been saved was removed; the rules in the tables stay.</summary>
    Removed,
}

/// <summary>What was saved on one host.</summary>
public sealed record PersistenceResult
{
    /// <summary>The host as the user named it.</summary>
    public required string HostName { get; init; }

    /// <summary>The method; Auto only if there was nothing to remove.</summary>
    public required PersistenceMethod Method { get; init; }

    /// <summary>How it ended.</summary>
    public required PersistenceStatus Status { get; init; }

    /// <summary>The files that hold the rules, or that were removed.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>The systemd unit that loads the rules before Docker starts.</summary>
    public string? Unit { get; init; }

    /// <summary>Whether that unit is started when the host starts.</summary>
    public bool Enabled { get; init; }

    /// <summary>How many rules are saved, jumps not counted.</summary>
    public int Count { get; init; }
}
