namespace DockerNetHarden.Snapshots;

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
            // A link's name holds no colon and no slash.
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0 && line.StartsWith(Root, StringComparison.Ordinal))
                values[line[Root.Length..colon].Replace('/', '.')] = line[(colon + 1)..].Trim();
        }
        return values;
    }
}
