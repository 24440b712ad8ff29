using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>The links of a host and their addresses.</summary>
public static class HostLinks
{
    /// <summary>Reads <c>/proc/net/dev</c>: two lines of headings, then one link per line, its name before the last colon (an alias has one of
    /// its own). Source: proc(5).</summary>
    /// <param name="text">The file.</param>
    /// <returns>The names, in the kernel's order.</returns>
    public static IReadOnlyList<string> ParseLinks(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. from line in text.Split('\n')
                   let colon = line.LastIndexOf(':')
                   where colon > 0 && !line.Contains('|', StringComparison.Ordinal)
                   let name = line[..colon].Trim()
                   where name.Length > 0
                   select name];
    }

    /// <summary>Reads <c>ip -o addr show</c>: number, link, family, address. Source: ip-address(8).</summary>
    /// <param name="text">The output.</param>
    /// <returns>The addresses, each as a prefix of full length.</returns>
    public static IReadOnlyList<HostAddress> ParseAddresses(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var addresses = new List<HostAddress>();
        foreach (var line in text.Split('\n'))
        {
            var words = line.Split((char[])[' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            // "2: eth0    inet 10.0.0.5/24 brd ...", "3: tun0    inet 10.8.0.1 peer 10.8.0.2/32 ...": the length is the subnet's, not the
            // address's.
            if (words.Length < 4 || words[2] is not ("inet" or "inet6"))
                continue;
            if (Cidr.TryParse(words[3].Split('/')[0], out var address))
                addresses.Add(new HostAddress(words[1].TrimEnd(':').Split('@')[0], address));
        }
        return addresses;
    }

    /// <summary>The answer to <c>ip -o route get</c> in an output that also holds <c>ip -o addr show</c>: the line without a link's number at its start.</summary>
    /// <param name="text">The output.</param>
    /// <returns>The line; empty if there is none.</returns>
    public static string RouteOf(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Split('\n').FirstOrDefault(static line => line.Split(' ')[0] is var first && first.Length > 0 && !(first.EndsWith(':') && first[..^1].All(char.IsAsciiDigit))) ?? "";
    }
}
