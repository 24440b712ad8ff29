namespace DockerNetHarden.Snapshots;

/// <summary>A command that a host has.</summary>
/// <param name="Name">The name that it was looked for by.</param>
/// <param name="Path">Where it is, as <c>command -v</c> says.</param>
/// <param name="Version">The first line that <c>--version</c> printed.</param>
public sealed record InstalledTool(string Name, string Path, string Version)
{
    /// <summary>
    /// The implementation of an iptables command. Since 1.8 the version says <c>(nf_tables)</c> or <c>(legacy)</c>; older ones say neither
    /// and are legacy.
    /// Source: xtables-nft(8).
    /// </summary>
    public IptablesBackend Backend => Version.Contains("(nf_tables)", StringComparison.Ordinal) ? IptablesBackend.Nft : IptablesBackend.Legacy;
}

/// <summary>The commands that a host has, from lines of name, path and version with tabs between them.</summary>
public static class InstalledTools
{
    /// <summary>Reads the lines; what has no two tabs is the rest of a longer version text and left out.</summary>
    /// <param name="text">The lines.</param>
    /// <returns>The commands by name.</returns>
    public static IReadOnlyDictionary<string, InstalledTool> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Split('\n')
            .Select(static line => line.TrimEnd('\r').Split('\t'))
            .Where(static parts => parts.Length == 3)
            .Select(static parts => new InstalledTool(parts[0], parts[1], parts[2]))
            .DistinctBy(static tool => tool.Name, StringComparer.Ordinal)
            .ToDictionary(static tool => tool.Name, StringComparer.Ordinal);
    }
}
