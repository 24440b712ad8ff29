using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Reports;

/// <summary>Makes a report's hosts of findings and of the audits that they come from.</summary>
public static class ReportBuilder
{
    private const string HostNetwork = "host";

    /// <summary>The hosts of findings, in the order of the findings. A host whose findings come from a file has no networks: a file of findings does not hold them.</summary>
    /// <param name="findings">The findings; those of one host belong together.</param>
    public static IReadOnlyList<ReportedHost> Hosts(IEnumerable<HardeningFinding> findings)
    {
        ArgumentNullException.ThrowIfNull(findings);
        return [.. findings.GroupBy(finding => finding.HostName, StringComparer.Ordinal).Select(host =>
            // A host that was read twice is shown as it was read last.
            host.Select(finding => finding.Source).OfType<HostAudit>().OrderBy(audit => audit.Host.TakenAt).LastOrDefault() is { } last
                ? Host(last, [.. host.Where(finding => finding.Source is null || ReferenceEquals(finding.Source, last))])
                : new ReportedHost { Name = ShownText.Plain(host.Key), Findings = [.. host.Select(Of)] })];
    }

    /// <summary>A host with some findings of its audit. What each network reaches is computed here.</summary>
    /// <param name="audit">The audit.</param>
    /// <param name="shown">The findings to show.</param>
    public static ReportedHost Host(HostAudit audit, IReadOnlyCollection<HardeningFinding> shown)
    {
        ArgumentNullException.ThrowIfNull(audit);
        ArgumentNullException.ThrowIfNull(shown);
        var host = audit.Host;
        var walk = new PacketWalk(host);
        var judged = audit.Findings.Where(finding => finding is { Network: not null, Container: null }).ToLookup(finding => finding.Network!, StringComparer.Ordinal);
        return new ReportedHost
        {
            Name = ShownText.Plain(host.HostName),
            ReadAt = host.TakenAt,
            Engine = host.Engine is { } engine ? ShownText.Plain(engine.Version) : null,
            Firewall = host.Engine is null ? null : HostBackend.DockerUsesNftables(host) ? "nftables" : host.Iptables.Backend == IptablesBackend.Nft ? "iptables-nft" : "iptables-legacy",
            Networks = [.. NetworkMatrix.Of(walk).Select(row => Network(host, row, walk, judged[row.Network.Name]))],
            Containers = [.. host.Containers.Where(ContainerState.Runs).OrderBy(container => container.Name, StringComparer.Ordinal).Select(Container)],
            Findings = [.. shown.Select(Of)],
        };
    }

    /// <summary>A host about which nothing is known.</summary>
    /// <param name="name">The host as the user named it.</param>
    /// <param name="problem">Why.</param>
    public static ReportedHost Unread(string name, string problem) => new() { Name = ShownText.Plain(name), Problem = ShownText.Message(problem) };

    private static ReportedNetwork Network(HostSnapshot host, MatrixRow row, PacketWalk walk, IEnumerable<HardeningFinding> findings)
    {
        var network = row.Network;
        return new ReportedNetwork
        {
            Name = network.Name,
            Bridge = network.Bridge!,
            Subnets = [.. network.Subnets.Select(subnet => subnet.ToString())],
            Gateways = [.. host.Addresses.Where(address => string.Equals(address.Link, network.Bridge, StringComparison.Ordinal)).Select(address => address.Address.ToShortString())],
            Internal = network.Internal,
            Profile = network.Profile,
            Cells = [.. row.Cells.Select(cell => Cell(cell, walk, network.Bridge!, findings))],
        };
    }

    private static ReportedCell Cell(MatrixCell cell, PacketWalk walk, string bridge, IEnumerable<HardeningFinding> findings)
    {
        var judge = findings.FirstOrDefault(finding => IsAbout(cell.Destination, finding.Id));
        var (ways, more) = ReportedWays.Of(cell, walk, bridge);
        return new ReportedCell { Destination = cell.Destination, Level = ReportedWays.LevelOf(cell.Answer), Finding = judge?.Id, Status = judge?.Status, Ways = ways, More = more };
    }

    // The addresses of other clouds are a finding of the host.
    private static bool IsAbout(AccessDestination destination, string id) => destination switch
    {
        AccessDestination.Metadata => id.StartsWith("METADATA-", StringComparison.Ordinal),
        AccessDestination.Host => id is "HOST-ACCESS",
        AccessDestination.Gateway => id is "GATEWAY-ACCESS",
        AccessDestination.Internal => id is "INTERNAL-ACCESS",
        AccessDestination.Mail => id is "MAIL-RATE",
        _ => false,
    };

    private static ReportedContainer Container(DockerContainer container) => new()
    {
        Name = container.Name,
        Image = container.Image,
        Networks = container.NetworkMode is HostNetwork ? [HostNetwork] : [.. container.Addresses.Select(address => address.Network).Distinct(StringComparer.Ordinal)],
        Ports = [.. container.Ports.Select(Port)],
    };

    private static string Port(PublishedPort port) => port.HostPort == 0 ? string.Create(CultureInfo.InvariantCulture, $"{port.ContainerPort}/{port.Protocol}")
        : string.Create(CultureInfo.InvariantCulture, $"{(port.IsEverywhere ? "" : Address(port.HostAddress!.Value) + ":")}{port.HostPort}->{port.ContainerPort}/{port.Protocol}");

    private static string Address(Cidr address) => address.Family == Family.IPv6 ? $"[{address.ToShortString()}]" : address.ToShortString();

    private static ReportedFinding Of(HardeningFinding finding) => new()
    {
        Id = ShownText.Plain(finding.Id),
        Title = ShownText.Plain(finding.Title),
        Severity = finding.Severity,
        Status = finding.Status,
        Network = finding.Network is null ? null : ShownText.Plain(finding.Network),
        Container = finding.Container is null ? null : ShownText.Plain(finding.Container),
        Evidence = [.. finding.Evidence.Select(ShownText.Plain)],
        Remedy = finding.Remedy is null ? null : ShownText.Lines(finding.Remedy),
        CisItem = finding.CisItem,
    };
}
