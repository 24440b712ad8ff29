namespace DockerNetHarden.Matching;

/// <summary>What becomes of a packet.</summary>
public enum Verdict
{
    /// <summary>It is let through, for certain.</summary>
    Accept,

    /// <summary>It is thrown away in silence, for certain.</summary>
    Drop,

    /// <summary>It is refused with an answer, for certain.</summary>
    Reject,

    /// <summary>Up to a rate it is let through, above it not.</summary>
    RateLimited,

    /// <summary>Something on its way is not modelled, and decides. Never read as blocked, nor as open.</summary>
    Unknown,
}

/// <summary>Which way a packet takes through the host.</summary>
public enum PacketPath
{
    /// <summary>It did not come so far as to be routed.</summary>
    None,

    /// <summary>To the host itself: INPUT.</summary>
    Local,

    /// <summary>Through the host: FORWARD.</summary>
    Forward,

    /// <summary>From one port of a bridge to another, not routed: seen by iptables only with br_netfilter.</summary>
    Bridged,
}
