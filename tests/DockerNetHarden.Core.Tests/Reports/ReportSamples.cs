using System.Globalization;
using System.Text.Json;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Docker;
using DockerNetHarden.Reports;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Reports;

/// <summary>Reports for tests: of hosts that real engines left, and one as large as a fleet.</summary>
public static class ReportSamples
{
    /// <summary>What a network and a container can be called if an engine lets them be called anything.</summary>
    public const string Hostile = "<script>alert(1)</script>&'\"</script><!--";

    public static DateTimeOffset Time { get; } = new(2026, 11, 30, 12, 0, 0, TimeSpan.Zero);

    public static HardeningReport Of(params IReadOnlyList<ReportedHost> hosts) => new() { MadeAt = Time, Hosts = hosts };

    public static ReportedHost Host(HostSnapshot host)
    {
        var audit = HardeningAudit.Run(new PacketWalk(host));
        return ReportBuilder.Host(audit, [.. audit.Findings]);
    }

    public static ReportedHost Recorded(string name) => Host(RecordedHost.Of(name));

    /// <summary>The host of <see cref="FixtureHost.Docker28"/> with its controls applied.</summary>
    public static HostSnapshot Hardened() => FixtureHost.Docker28.Applied([.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new SmtpRate().Rules()]);

    /// <summary>A host whose network has a profile's label, and its container a name, that are markup.</summary>
    public static HostSnapshot HostileHost()
    {
        var host = FixtureHost.Docker28;
        return host with
        {
            HostName = Hostile,
            Networks = [.. host.Networks.Select(network => network.Name is "plain" ? network with { Labels = new Dictionary<string, string> { [DockerNetwork.ProfileLabel] = Hostile } } : network)],
            Containers = [.. host.Containers.Select(container => container with { Name = Hostile, Privileged = true })],
        };
    }

    /// <summary>One finding, the rest of it as a test needs.</summary>
    public static HardeningFinding Finding(string host, string id, FindingStatus status, string? network = null, string? container = null, Severity severity = Severity.High) => new()
    {
        HostName = host,
        Id = id,
        Title = $"Title of {id}",
        Severity = severity,
        Status = status,
        Network = network,
        Container = container,
        Evidence = [$"evidence of {id}"],
        Remedy = status is FindingStatus.Pass or FindingStatus.NotApplicable ? null : $"Pipe this finding to Invoke-FirewallRule, or run: Block-ContainerHostAccess -Network {network} | Invoke-FirewallRule",
    };

    /// <summary>
    /// Many hosts with many networks, each with names, bridges and subnets of its own, as Docker makes them. Their cells and findings are those of the open networks of a real engine.
    /// </summary>
    public static HardeningReport Large(int hosts, int networks)
    {
        var real = Recorded("28.5.2-before");
        var open = real.Networks.First(network => network.Name is "plain");
        var findings = real.Findings.Where(finding => finding.Network is "plain").ToList();
        var whole = real.Findings.Where(finding => finding.Network is null).ToList();
        return Of([.. Enumerable.Range(0, hosts).Select(host => new ReportedHost
        {
            Name = Text($"web{host}.example.com"),
            ReadAt = Time,
            Engine = real.Engine,
            Firewall = real.Firewall,
            Networks = [.. Enumerable.Range(0, networks).Select(network => Renamed(open, open, host, network))],
            Containers = [.. Enumerable.Range(0, networks).Select(network => new ReportedContainer { Name = Text($"app{network}-web-1"), Image = "registry.example.com/app:1", Networks = [NameOf(network)], Ports = [Text($"{8000 + network}->80/tcp")] })],
            Findings = [.. whole, .. Enumerable.Range(0, networks).SelectMany(network => findings.Select(finding => Renamed(finding, open, host, network)))],
        })]);
    }

    private static string NameOf(int network) => Text($"app{network}_default");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    // Every text of the copy says the copy's names.
    private static T Renamed<T>(T original, ReportedNetwork open, int host, int network)
    {
        var json = JsonSerializer.Serialize(original);
        var (subnet, gateway) = (open.Subnets.First(each => !each.Contains(':', StringComparison.Ordinal)), open.Gateways.First(each => !each.Contains(':', StringComparison.Ordinal)));
        foreach (var (from, to) in new[] { (open.Bridge, Text($"br-{(host * 1_000_003) + (network * 7_919):x12}")), (subnet, Text($"172.{16 + (network % 16)}.{host % 256}.0/24")), (gateway, Text($"172.{16 + (network % 16)}.{host % 256}.1")), (open.Name, NameOf(network)) })
            json = json.Replace(JsonEncodedText.Encode(from).ToString(), to, StringComparison.Ordinal);
        return JsonSerializer.Deserialize<T>(json)!;
    }
}
