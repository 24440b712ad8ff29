using DockerNetHarden.Addresses;

namespace DockerNetHarden.Analysis;

/// <summary>A destination as a person writes it: <c>169.254.169.254</c>, <c>10.0.0.0/8</c>, <c>Metadata</c>; with ports <c>10.0.0.5:5432</c>, <c>10.0.0.5:53/udp</c>, <c>[fd00::5]:80,443</c>.</summary>
public sealed record TraceDestination
{
    private TraceDestination(string text, string place) => (Text, Place) = (text, place);

    /// <summary>The text as it was given.</summary>
    public string Text { get; }

    /// <summary>The address, the prefix or the word.</summary>
    public string Place { get; }

    /// <summary>Its ports; null if it names none.</summary>
    public PortList? Ports { get; private init; }

    /// <summary>The protocol of its ports: <c>tcp</c>, <c>udp</c> or <c>sctp</c>; null without ports.</summary>
    public string? Protocol { get; private init; }

    /// <summary>Reads a destination. Ports without a protocol are TCP's.</summary>
    /// <exception cref="RefusedValueException">It is neither an address nor a prefix nor a word, or its ports are not valid.</exception>
    public static TraceDestination Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (IsPlace(text))
            return new TraceDestination(text, text);
        var (place, rest) = text.StartsWith('[') && text.IndexOf("]:", StringComparison.Ordinal) is > 0 and var end ? (text[1..end], text[(end + 2)..])
            : text.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon ? (text[..colon], text[(colon + 1)..])
            : (text, null);
        if (rest is null || !IsPlace(place))
            throw new RefusedValueException("Destination", text, $"a destination is an address, a prefix, or one of the words {string.Join(", ", AccessTargets.Words)}, with a port if wanted (10.0.0.5:5432, [fd00::5]:5432); names are not looked up: what a container's resolver answers is its own.");
        var (ports, protocol) = rest.Split('/') is [var before, var after] ? (before, after.ToLowerInvariant()) : (rest, "tcp");
        return TraceRequest.WithPorts.Contains(protocol, StringComparer.Ordinal)
            ? new TraceDestination(text, place) { Ports = PortList.Parse(ports, "Port"), Protocol = protocol }
            : throw new RefusedValueException("Destination", text, $"the protocol behind the ports is one of {string.Join(", ", TraceRequest.WithPorts)}.");
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    private static bool IsPlace(string text) => AccessTargets.Words.Contains(text, StringComparer.OrdinalIgnoreCase) || Cidr.TryParse(text, out _);
}
