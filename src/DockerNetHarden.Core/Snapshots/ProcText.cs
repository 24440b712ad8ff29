using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>Connections as <c>/proc/net/nf_conntrack</c> and <c>conntrack -L -o extended</c> print them. Source: conntrack(8).</summary>
public static class ConnectionText
{
    /// <summary>Reads the connections.</summary>
    /// <param name="text">The lines, each <c>ipv4 2 tcp 6 431999 ESTABLISHED src=... dst=... sport=... dport=...</c> followed by the reply's direction.</param>
    /// <returns>The open ones: connections that are closed and only wait to be forgotten (TIME_WAIT, CLOSE) are left out, and so are other lines.</returns>
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
        // The first value of each name belongs to the first packet.
        if (!Cidr.TryParse(Value(words, "src="), out var source) || !Cidr.TryParse(Value(words, "dst="), out var destination) || source.Family != destination.Family)
            return null;
        var port = int.TryParse(Value(words, "dport="), NumberStyles.None, CultureInfo.InvariantCulture, out var read) && read is >= 0 and <= 65535 ? read : 0;
        return new OpenConnection(source.Family, protocol, source, destination, port);
    }

    private static string? Value(string[] words, string name) => Array.Find(words, word => word.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
}

/// <summary><c>/proc/net/ip_vs</c>. Source: ipvsadm(8).</summary>
public static class IpvsText
{
    /// <summary>Reads the services.</summary>
    /// <param name="text">The file.</param>
    /// <returns>The lines that name a service (<c>TCP  0A000001:0050 rr</c>, <c>FWM  00000001 rr</c>); headings and the servers below them are left out.</returns>
    public static IReadOnlyList<string> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split('\n').Select(static line => line.TrimEnd()).Where(static line => line.Split(' ')[0] is "TCP" or "UDP" or "SCTP" or "FWM")];
    }
}

/// <summary>Sysctls as <c>grep '' FILES</c> prints the files below <c>/proc/sys</c>: path, colon, value. Source: sysctl(8), proc(5).</summary>
public static class SysctlText
{
    private const string Root = "/proc/sys/";

    /// <summary>Reads the lines.</summary>
    /// <param name="text">The lines.</param>
    /// <returns>The values by name, <c>net.ipv4.ip_forward</c>. A dot in a link's name stays as it is.</returns>
    public static IReadOnlyDictionary<string, string> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n'))
        {
            // A link's name has no colon and no slash.
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line.StartsWith(Root, StringComparison.Ordinal))
                values[line[Root.Length..colon].Replace('/', '.')] = line[(colon + 1)..].Trim();
        }
        return values;
    }
}
