namespace DockerNetHarden.Matching;

/// <summary>What happens to a packet.</summary>
public enum Verdict
{
    /// <summary>It is let through, for certain.</summary>
    Accept,

    /// <summary>It is silently dropped, for certain.</summary>
    Drop,

    /// <summary>It is rejected with an answer, for certain.</summary>
    Reject,

    /// <summary>It is let through up to a rate, and not above it.</summary>
    RateLimited,

    /// <summary>Something on its way is not modelled, and decides. Never read as blocked or as open.</summary>
    Unknown,
}

/// <summary>Which way a packet takes through the host.</summary>
public enum PacketPath
{
    /// <summary>It was not routed.</summary>
    None,

    /// <summary>To the host itself: INPUT.</summary>
    Local,

    /// <summary>Through the host: FORWARD.</summary>
    Forward,

    /// <summary>From one port of a bridge to another, not routed: iptables sees it only with br_netfilter.</summary>
    Bridged,
}
