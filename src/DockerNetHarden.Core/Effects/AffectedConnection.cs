using System.Globalization;

namespace DockerNetHarden.Effects;

/// <summary>What a change does to an open connection.</summary>
public enum ConnectionEffect
{
    /// <summary>Packets pass now and would not any more.</summary>
    Cut,

    /// <summary>Packets may be stopped: something on their way is not certain.</summary>
    MayBeCut,

    /// <summary>Packets would pass only up to a rate.</summary>
    Limited,
}

/// <summary>Who opened a connection.</summary>
public enum ConnectionOpener
{
    /// <summary>The container.</summary>
    Container,

    /// <summary>Somebody else: a client of a published port, another container, the host.</summary>
    Other,
}

/// <summary>Open connections of one container that a change would cut or limit: those to the same destination and port, together.</summary>
public sealed record AffectedConnection
{
    /// <summary>The host as the user named it.</summary>
    public required string HostName { get; init; }

    /// <summary>The container's name; null if no running container has the address.</summary>
    public string? Container { get; init; }

    /// <summary>The network of its address.</summary>
    public required string Network { get; init; }

    /// <summary>Who opened the connections.</summary>
    public ConnectionOpener OpenedBy { get; init; }

    /// <summary>The address of the side that opened them: the container's own, or that of its client.</summary>
    public required string Source { get; init; }

    /// <summary>The address that they were opened to, before any translation.</summary>
    public required string Destination { get; init; }

    /// <summary>The port that they were opened to; null if the protocol has no ports.</summary>
    public int? Port { get; init; }

    /// <summary>The protocol, for example <c>tcp</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>How many connections these are.</summary>
    public int Count { get; init; } = 1;

    /// <summary>How long the oldest has been open; null if that is not known of any. The kernel keeps it only while <c>net.netfilter.nf_conntrack_timestamp</c> is 1.</summary>
    public TimeSpan? Age { get; init; }

    /// <summary>What the change does to them.</summary>
    public ConnectionEffect Effect { get; init; }

    /// <summary>The mark of the rule that decides, for example <c>InternalAccess:apps</c>; the rule itself if it is not one of this module; null if none decides.</summary>
    public string? DecidedBy { get; init; }

    /// <summary>Why, in one sentence.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The connections as a person reads them: <c>web on apps -> 10.0.0.7:5432/tcp, open for 3 min, would be cut</c>.</summary>
    public override string ToString() => string.Join(", ", new[] { Ends, Count > 1 ? Number(Count) + " connections" : null, Time, Effect switch
    {
        ConnectionEffect.Cut => "would be cut",
        ConnectionEffect.Limited => "would be limited to a rate",
        _ => "may be cut",
    } }.OfType<string>());

    private string Ends => OpenedBy == ConnectionOpener.Container ? $"{Container ?? Source} on {Network} -> {At(Destination)}" : $"{Source} -> {Container ?? "a container"} on {Network} at {At(Destination)}";

    private string? Time => Age is not { } age ? null : (Count > 1 ? "the oldest open for " : "open for ") + age switch
    {
        { TotalMinutes: < 1 } => Number((long)age.TotalSeconds) + " s",
        { TotalHours: < 1 } => Number((long)age.TotalMinutes) + " min",
        { TotalHours: < 48 } => Number((long)age.TotalHours) + " h",
        _ => Number((long)age.TotalDays) + " days",
    };

    private string At(string address) => $"{(Port is null ? address : address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:{Number(Port.Value)}" : $"{address}:{Number(Port.Value)}")}/{Protocol}";

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
