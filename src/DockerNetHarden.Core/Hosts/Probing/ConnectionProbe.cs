using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;

namespace DockerNetHarden.Hosts.Probing;

/// <summary>How a connection attempt ended.</summary>
public enum ProbeOutcome
{
    /// <summary>A TCP connection was made.</summary>
    Connected,

    /// <summary>It was refused at once: a reset, or an ICMP port unreachable.</summary>
    Refused,

    /// <summary>Nothing came back within <see cref="ProbeProgram.Patience"/>.</summary>
    TimedOut,

    /// <summary>Another ICMP error came back.</summary>
    Unreachable,

    /// <summary>The container has no route to it (an internal network, an isolated gateway, a family without an address): nothing was sent.</summary>
    NoRoute,

    /// <summary>There is no running container to ask from.</summary>
    NoContainer,

    /// <summary>Nothing was sent, or the result is not known; the detail says why.</summary>
    Failed,
}

/// <summary>One TCP connection attempt from inside a container's network namespace.</summary>
/// <param name="ContainerId">The container's id; the probe starts from the process only while it is still this container's.</param>
/// <param name="Pid">The id of the container's first process, in the host's pid namespace.</param>
/// <param name="Address">The destination, a single address.</param>
/// <param name="Port">The destination port.</param>
public sealed record ConnectionProbe(string ContainerId, int Pid, Cidr Address, int Port);

/// <summary>The result of an attempt.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">What the tool said, or why nothing was sent; null if there is nothing to say.</param>
public sealed record ProbeResult(ProbeOutcome Outcome, string? Detail = null)
{
    /// <summary>
    /// Whether the outcome agrees with a verdict; null if it proves neither, or nothing was sent. A packet that is let through may still find nobody: only a connection
    /// proves it. A refusal may come slowly, because ICMP errors are rate-limited (icmp(7), icmp_ratelimit), and one attempt does not show a rate.
    /// </summary>
    /// <param name="verdict">The computed verdict of the packet.</param>
    public bool? Confirms(Verdict verdict) => (verdict, Outcome) switch
    {
        (_, ProbeOutcome.NoRoute or ProbeOutcome.NoContainer or ProbeOutcome.Failed) => null,
        (Verdict.Accept, ProbeOutcome.Connected) => true,
        (Verdict.Drop, var outcome) => outcome == ProbeOutcome.TimedOut,
        (Verdict.Reject, ProbeOutcome.Connected) => false,
        (Verdict.Reject, ProbeOutcome.Refused or ProbeOutcome.Unreachable) => true,
        _ => null,
    };
}
