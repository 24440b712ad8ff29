using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>One side's packets of a connection, as conntrack tells them apart.</summary>
/// <param name="Source">Where they come from.</param>
/// <param name="SourcePort">The source port; for ICMP the identifier; 0 if the protocol has neither.</param>
/// <param name="Destination">Where they go.</param>
/// <param name="DestinationPort">The destination port; for ICMP the type times 256 plus the code; 0 if the protocol has neither.</param>
public sealed record ConnectionSide(Cidr Source, int SourcePort, Cidr Destination, int DestinationPort);

/// <summary>An open connection with all that conntrack keeps of it: both directions, which differ where an address or a port is translated.</summary>
/// <param name="Protocol">The protocol's name, or its number if the kernel has no name for it.</param>
/// <param name="Original">The packets of the side that opened it, as they enter.</param>
/// <param name="Reply">The packets of the other side, as they enter.</param>
/// <param name="IsReplied">Whether the other side has answered; until then, conntrack calls its packets NEW.</param>
/// <param name="Age">How long it has been open; null where the kernel does not keep that (<c>net.netfilter.nf_conntrack_timestamp</c> is 0, or was when it was opened).</param>
public sealed record TrackedConnection(string Protocol, ConnectionSide Original, ConnectionSide Reply, bool IsReplied, TimeSpan? Age)
{
    // Connections that are not open yet, or no longer: those of TIME_WAIT and CLOSE only wait to be forgotten. Source: net/netfilter/nf_conntrack_proto_tcp.c.
    private static readonly string[] s_notOpen = ["SYN_SENT", "SYN_SENT2", "SYN_RECV", "LAST_ACK", "TIME_WAIT", "CLOSE"];

    /// <summary>The family.</summary>
    public Family Family => Original.Source.Family;

    /// <summary>Reads the open connections in <c>/proc/net/nf_conntrack</c> or the output of <c>conntrack -L -o extended</c>. Source: conntrack(8), net/netfilter/nf_conntrack_standalone.c.</summary>
    /// <param name="text">The lines; one that is something else is left out.</param>
    public static IReadOnlyList<TrackedConnection> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split('\n').Select(Line).OfType<TrackedConnection>()];
    }

    private static TrackedConnection? Line(string line)
    {
        var words = line.Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
        if (words is not ["ipv4" or "ipv6", _, var name, var number, ..] || words.AsSpan().IndexOfAny(s_notOpen) >= 0)
            return null;
        var isReplied = Array.IndexOf(words, "[UNREPLIED]") < 0;
        // The first address of each name belongs to the side that opened the connection.
        var second = Array.FindIndex(words, Array.FindIndex(words, static word => word.StartsWith("src=", StringComparison.Ordinal)) + 1, static word => word.StartsWith("src=", StringComparison.Ordinal));
        if (second < 0 || Side(words.AsSpan(0, second)) is not { } original || Side(words.AsSpan(second)) is not { } reply || original.Source.Family != reply.Source.Family)
            return null;
        return new TrackedConnection(name == "unknown" ? number : name, original, reply, isReplied, Number(words, "delta-time=") is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
    }

    private static ConnectionSide? Side(ReadOnlySpan<string> words)
    {
        if (!Cidr.TryParse(Value(words, "src="), out var source) || !Cidr.TryParse(Value(words, "dst="), out var destination) || source.Family != destination.Family)
            return null;
        return Number(words, "type=") is { } type
            ? new ConnectionSide(source, (int)(Number(words, "id=") ?? 0), destination, (int)((type * 256) + (Number(words, "code=") ?? 0)))
            : new ConnectionSide(source, (int)(Number(words, "sport=") ?? 0), destination, (int)(Number(words, "dport=") ?? 0));
    }

    // The kernel's numbers fit; anything longer is not the kernel's.
    private static long? Number(ReadOnlySpan<string> words, string name) =>
        long.TryParse(Value(words, name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number < (name == "delta-time=" ? long.MaxValue / TimeSpan.TicksPerSecond : 65536) ? number : null;

    private static string? Value(ReadOnlySpan<string> words, string name)
    {
        foreach (var word in words)
        {
            if (word.StartsWith(name, StringComparison.Ordinal))
                return word[name.Length..];
        }
        return null;
    }
}
