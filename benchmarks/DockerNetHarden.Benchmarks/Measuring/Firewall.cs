using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>The whole rule sets of both families of a lab's host, as text: taken once, and put back in a moment.</summary>
internal sealed record Firewall(string Four, string Six)
{
    /// <summary>How the chains of this module begin, and the comments of its rules.</summary>
    public const string ChainPrefix = "DNH-";

    private const string Mark = "DockerNetHarden";

    public static async Task<Firewall> SaveAsync(LabHost host, bool counters = false)
    {
        string[] how = counters ? ["-c"] : [];
        return new Firewall(
            (await host.ExecAsync([host.Iptables + "-save", .. how]).ConfigureAwait(false)).OrThrow(),
            (await host.ExecAsync([Six6(host) + "-save", .. how]).ConfigureAwait(false)).OrThrow());
    }

    public async Task RestoreAsync(LabHost host)
    {
        (await host.ExecAsync([host.Iptables + "-restore"], Four).ConfigureAwait(false)).OrThrow();
        (await host.ExecAsync([Six6(host) + "-restore"], Six).ConfigureAwait(false)).OrThrow();
    }

    /// <summary>How many rules are ours, jumps included.</summary>
    public int OurRules => (Four + "\n" + Six).Split('\n').Count(static line => line.StartsWith("-A", StringComparison.Ordinal) && IsOurs(line));

    /// <summary>Whether a rule, as iptables-save prints it, is ours: it stands in a chain of ours, jumps to one, or has our mark.</summary>
    public static bool IsOurs(string rule) => rule.Contains(" " + ChainPrefix, StringComparison.Ordinal) || rule.Contains(Mark, StringComparison.Ordinal);

    private static string Six6(LabHost host) => host.Iptables.Replace("iptables", "ip6tables", StringComparison.Ordinal);
}
