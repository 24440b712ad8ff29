using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>Connections as <c>/proc/net/nf_conntrack</c> and <c>conntrack -L -o extended</c> print them. Source: conntrack(8).</summary>
public static class ConnectionText
{
    /// <summary>Reads the connections.</summary>
    /// <param name="text">The lines, each <c>ipv4 2 tcp 6 431999 ESTABLISHED src=... dst=... sport=... dport=...</c> and the reply's direction behind.</param>
    /// <returns>Those that are open: what is closed and only waits to be forgotten (TIME_WAIT, CLOSE) is left out, and what is no such line.</returns>
    public static IReadOnlyList<OpenConnection> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split('\n').Select(Connection).OfType<OpenConnection>().Distinct()];
    }

    private static OpenConnection? Connection(string line)
    {
        var words = line.Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
        if (words is not ["ipv4" or "ipv6", _, var protocol, ..] || words.AsSpan().IndexOfAny("TIME_WAIT", "CLOSE") >= 0)
            return null;
        // The first of each name is the first packet's.
        if (!Cidr.TryParse(Value(words, "src="), out var source) || !Cidr.TryParse(Value(words, "dst="), out var destination) || source.Family != destination.Family)
            return null;
        var port = int.TryParse(Value(words, "dport="), NumberStyles.None, CultureInfo.InvariantCulture, out var read) && read is >= 0 and <= 65535 ? read : 0;
        return new OpenConnection(source.Family, protocol, source, destination, port);
    }

    private static string? Value(string[] words, string name) => Array.Find(words, word => word.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
}
