using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>The SSH connection in use.</summary>
public static class SessionText
{
    private const string Mapped = "::ffff:";

    /// <summary>
    /// Reads the value of <c>SSH_CONNECTION</c> (client address, client port, server address, server port; sshd(8)) in the first line and
    /// the output of
    /// <c>ip -o route get CLIENT</c> (ip-route(8)) after it.
    /// </summary>
    /// <param name="text">The lines.</param>
    /// <returns>The connection; null if the first line does not hold one.</returns>
    public static SessionConnection? Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var lines = text.Split('\n', 2);
        var words = lines[0].Split((char[])[' ', '\r'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 4 || !int.TryParse(words[3], NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535)
            return null;
        // A link-local client's zone is the link; an IPv4 client of an IPv6 socket may be mapped (RFC 4291, 2.5.5.2).
        var client = words[0].Split('%', 2);
        var address = client[0].StartsWith(Mapped, StringComparison.OrdinalIgnoreCase) && client[0].Contains('.', StringComparison.Ordinal) ? client[0][Mapped.Length..] : client[0];
        if (!Cidr.TryParse(address, out var cidr))
            return null;
        var route = lines.Length < 2 ? [] : lines[1].Split((char[])[' ', '\n', '\\', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries);
        var dev = Array.IndexOf(route, "dev");
        var link = client.Length == 2 ? client[1] : dev >= 0 && dev + 1 < route.Length ? route[dev + 1] : null;
        return new SessionConnection(cidr, port, link);
    }
}
