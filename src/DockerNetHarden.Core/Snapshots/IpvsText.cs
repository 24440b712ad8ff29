namespace DockerNetHarden.Snapshots;

/// <summary><c>/proc/net/ip_vs</c>. Source: ipvsadm(8).</summary>
public static class IpvsText
{
    /// <summary>Reads the services.</summary>
    /// <param name="text">The file.</param>
    /// <returns>The lines that name a service (<c>TCP  0A000001:0050 rr</c>, <c>FWM  00000001 rr</c>); headings and the servers behind them are left out.</returns>
    public static IReadOnlyList<string> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split('\n').Select(static line => line.TrimEnd()).Where(static line => line.Split(' ')[0] is "TCP" or "UDP" or "SCTP" or "FWM")];
    }
}
