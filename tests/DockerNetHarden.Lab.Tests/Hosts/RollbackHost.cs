using System.Diagnostics;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Tests.Hardening;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>A host with rules of others and of ours, for changes that it takes back; and what it looks like.</summary>
internal static class RollbackHost
{
    // What Docker and another administrator have there.
    internal const string Foreign = """
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD DROP [0:0]
        :OUTPUT ACCEPT [0:0]
        :DOCKER-USER - [0:0]
        :ADMIN - [0:0]
        -A INPUT -i lo -j ACCEPT
        -A INPUT -s 192.0.2.77/32 -m comment --comment "not DNH-CUSTOM" -j ADMIN
        -A FORWARD -j DOCKER-USER
        -A DOCKER-USER -s 192.0.2.78/32 -j RETURN
        COMMIT

        """;

    internal static readonly IReadOnlyList<FirewallRule> Old =
        [.. new MetadataAccess { Provider = "aws" }.Rules(), FirewallRule.Parse("-A INPUT -i docker0 -p tcp --dport 5000 -j DROP"), FirewallRule.Parse("-A INPUT -i docker0 -p tcp --dport 5001 -j DROP")];

    // Other Custom rules and one more control, in tables and a chain that did not exist.
    internal static readonly IReadOnlyList<FirewallRule> New = [FirewallRule.Parse("-A INPUT -p tcp --dport 22 -j DROP"), .. new SmtpRate { Network = new NetworkReference("apps", "apps0", [Cidr.Parse("172.18.0.0/16")]) }.Rules(), .. new MetadataAccess().Rules()];

    internal static string Tool(IptablesBackend backend) => backend == IptablesBackend.Nft ? "iptables-nft" : "iptables-legacy";

    internal static async Task<HostNamespace> PreparedAsync(IptablesBackend backend)
    {
        var space = HostNamespace.Make();
        space.Restore(Tool(backend), Foreign);
        await using var shell = space.Open();
        await ApplyAsync(new DockerHost(shell), Old, null);
        return space;
    }

    internal static Task<InvocationResult> ApplyAsync(DockerHost host, IReadOnlyList<FirewallRule> rules, int? seconds, bool prune = false) => host.ApplyAsync(
        snapshot => Plan.From(rules, snapshot, new PlanOptions { Force = true, Prune = prune }), new CollectingSink(), CancellationToken.None,
        seconds is { } after ? new RollbackOptions(TimeSpan.FromSeconds(after)) : null);

    // Lines without counters, in order: chains of ours, their rules, and the jumps to them.
    internal static string[] Ours(HostNamespace space, IptablesBackend backend) =>
        [.. Lines(space, backend).Where(IsOurs).Select(static line => line.StartsWith(':') ? line.Split(' ')[0] : line)];

    // An empty table may exist or not: built-in chains that let everything pass do not count.
    internal static string[] NotOurs(HostNamespace space, IptablesBackend backend) =>
        [.. Lines(space, backend).Where(static line => !IsOurs(line) && !line.Contains(" ACCEPT [", StringComparison.Ordinal)).Select(static line => line.StartsWith(':') ? line[..line.IndexOf('[', StringComparison.Ordinal)] : line)];

    internal static IEnumerable<string> Lines(HostNamespace space, IptablesBackend backend) =>
        (space.Run(Tool(backend) + "-save") + space.Run(Tool(backend).Replace("ip", "ip6", StringComparison.Ordinal) + "-save")).Split('\n').Where(static line => line.StartsWith(':') || line.StartsWith('-'));

    internal static bool IsOurs(string line) => line.StartsWith(":DNH-", StringComparison.Ordinal)
        || line.Contains("--comment DockerNetHarden", StringComparison.Ordinal) || line.Contains("--comment \"DockerNetHarden", StringComparison.Ordinal);

    internal static bool HasTimer(string id) => Directory.EnumerateDirectories("/proc").Any(folder =>
    {
        try
        {
            return Path.GetFileName(folder).All(char.IsAsciiDigit) && File.ReadAllText(folder + "/cmdline").Contains("\0dnh-rollback\0" + id, StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It ended in the meantime.
            return false;
        }
    });

    internal static async Task UntilAsync(Func<bool> met, TimeSpan patience)
    {
        for (var watch = Stopwatch.StartNew(); !met(); await Task.Delay(50))
            Assert.True(watch.Elapsed < patience, $"It did not come true in {patience}.");
    }
}
