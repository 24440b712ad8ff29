using DockerNetHarden.Addresses;

namespace DockerNetHarden.Controls;

/// <summary>A port with its protocol, as people write it: <c>53/udp</c>, <c>8080/tcp</c>, <c>1000:2000/tcp</c>. Without a protocol it means tcp.</summary>
public sealed record PortSpec
{
    private PortSpec(string ports, string protocol) => (Ports, Protocol) = (ports, protocol);

    /// <summary>The port, or the range, in iptables' form.</summary>
    public string Ports { get; }

    /// <summary><c>tcp</c>, <c>udp</c> or <c>sctp</c>.</summary>
    public string Protocol { get; }

    /// <summary>Reads one.</summary>
    /// <exception cref="RefusedValueException">It is not a port with a protocol.</exception>
    public static PortSpec Parse(string text, string part = "Port")
    {
        ArgumentNullException.ThrowIfNull(text);
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var protocol = slash < 0 ? "tcp" : text[(slash + 1)..].Trim().ToLowerInvariant();
        if (protocol is not ("tcp" or "udp" or "sctp"))
            throw new RefusedValueException(part, text, "the protocol of a port is tcp, udp or sctp; for example 53/udp.");
        return new PortSpec(PortList.Parse(slash < 0 ? text : text[..slash], part).ToString(), protocol);
    }

    /// <summary>Reads several; one element may hold several, separated by commas.</summary>
    /// <exception cref="RefusedValueException">One of them is not a port with a protocol.</exception>
    public static IReadOnlyList<PortSpec> ParseAll(IEnumerable<string> texts, string part = "Port")
    {
        ArgumentNullException.ThrowIfNull(texts);
        return [.. texts.SelectMany(text => text.Split(',')).Select(text => Parse(text.Trim(), part)).Distinct()];
    }

    /// <summary>Whether all of another's ports are among these.</summary>
    public bool Contains(PortSpec other) => other is not null && Protocol == other.Protocol && Range is var (first, last) && other.Range is var (from, to) && first <= from && to <= last;

    /// <summary>Whether they have a port in common.</summary>
    public bool Overlaps(PortSpec other) => other is not null && Protocol == other.Protocol && Range is var (first, last) && other.Range is var (from, to) && first <= to && from <= last;

    private (ushort First, ushort Last) Range => PortList.Parse(Ports, "Port").Ranges[0];

    /// <summary>One entry for each protocol with its ports joined, so that one rule serves all of them.</summary>
    public static IEnumerable<(string Protocol, string Ports)> Joined(IEnumerable<PortSpec> ports) =>
        ports.GroupBy(port => port.Protocol, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => (group.Key, PortList.Parse(string.Join(',', group.Select(port => port.Ports)), "Port").ToString()));

    /// <inheritdoc/>
    public override string ToString() => $"{Ports}/{Protocol}";
}
