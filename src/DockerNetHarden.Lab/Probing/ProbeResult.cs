using System.Globalization;
using System.Text.Json.Serialization;

namespace DockerNetHarden.Lab.Probing;

/// <summary>What happened to a probe.</summary>
public enum Reach
{
    /// <summary>The other end answered as its protocol asks.</summary>
    Open,

    /// <summary>Refused at once: a TCP reset or an ICMP port unreachable before a connection was made.</summary>
    Refused,

    /// <summary>No answer within the time.</summary>
    TimedOut,

    /// <summary>An ICMP error other than port unreachable, or no route.</summary>
    Unreachable,

    /// <summary>A connection was made and then ended without the answer.</summary>
    Broken,
}

/// <summary>What a probe speaks.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ProbeProtocol>))]
public enum ProbeProtocol
{
    /// <summary>A TCP connect.</summary>
    Tcp,

    /// <summary>A datagram that has to come back.</summary>
    Udp,

    /// <summary>An HTTP request that has to be answered 200.</summary>
    Http,

    /// <summary>A DNS question over UDP.</summary>
    Dns,

    /// <summary>A DNS question over TCP.</summary>
    DnsTcp,
}

/// <summary>One probe's outcome.</summary>
/// <param name="Result">What happened to it.</param>
/// <param name="Milliseconds">How long it took.</param>
/// <param name="Body">The body of the HTTP answer.</param>
public sealed record ProbeResult([property: JsonConverter(typeof(JsonStringEnumConverter<Reach>))] Reach Result, double Milliseconds, string? Body = null)
{
    [JsonIgnore]
    public bool IsOpen => Result == Reach.Open;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Result} {Milliseconds:0.0} ms");
}

/// <summary>The outcomes of many probes.</summary>
public sealed record BurstResult(int Count, int Open, int Refused, int TimedOut, int Unreachable, int Broken, double Milliseconds, double SlowestMilliseconds)
{
    internal static BurstResult Of(IReadOnlyCollection<ProbeResult> results, TimeSpan elapsed)
    {
        int Number(Reach reach) => results.Count(result => result.Result == reach);
        return new BurstResult(results.Count, Number(Reach.Open), Number(Reach.Refused), Number(Reach.TimedOut), Number(Reach.Unreachable), Number(Reach.Broken),
            elapsed.TotalMilliseconds, results.Count == 0 ? 0 : results.Max(result => result.Milliseconds));
    }
}

/// <summary>Two requests over one connection, and what happened between them.</summary>
public sealed record KeepAliveResult(ProbeResult First, ProbeResult Second);
