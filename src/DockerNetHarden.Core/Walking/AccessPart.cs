using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Walking;

/// <summary>One part of an answer: packets that meet the same end by the same rule. The parts of an answer are disjoint and together are the question.</summary>
public sealed record AccessPart
{
    /// <summary>The packets, as they entered.</summary>
    public required PacketSet Packets { get; init; }

    /// <summary>What happens to them.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The rule that decides; null if a policy decides, or nothing does.</summary>
    public RuleLine? Rule { get; init; }

    /// <summary>The implementation or table family of the deciding rule: <c>nft</c>, <c>legacy</c>, or a native nftables table such as <c>inet firewalld</c>.</summary>
    public string? Backend { get; init; }

    /// <summary>The table of the deciding rule or policy; null if none decides.</summary>
    public string? Table { get; init; }

    /// <summary>The chain of the deciding rule or policy; null if none decides.</summary>
    public string? Chain { get; init; }

    /// <summary>The rule's place in its chain, from 1; 0 for a policy.</summary>
    public int Position { get; init; }

    /// <summary>The chains that were walked, in order, each as <c>table chain</c>.</summary>
    public IReadOnlyList<string> Chains { get; init; } = [];

    /// <summary>Why, in one sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>The way that the packets take.</summary>
    public PacketPath Path { get; init; }

    /// <summary>The link by which they entered.</summary>
    public string? InInterface { get; init; }

    /// <summary>The link by which they leave; null if they do not, or if it is not known.</summary>
    public string? OutInterface { get; init; }

    /// <summary>The destination after DNAT, REDIRECT or NETMAP, or the prefix that holds it if it is one of several; null if it is unchanged.</summary>
    public Cidr? NewDestination { get; init; }

    /// <summary>The container behind a published port to which docker-proxy would carry these packets; null if there is none.</summary>
    public string? Proxied { get; init; }

    /// <summary>Of the verdict Unknown: what becomes of the packets if none of the matches that are not known matches; null where that is not known either.</summary>
    public Verdict? Otherwise { get; init; }

    /// <summary>Of the verdict Unknown: whether a rate limits the packets for certain, whatever else may block them.</summary>
    public bool IsLimited { get; init; }
}
