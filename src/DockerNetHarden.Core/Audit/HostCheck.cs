using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Audit;

/// <summary>Whether the host can be reached: its addresses, the network's own gateway and, through its proxy, the ports of other networks' containers.</summary>
internal sealed class HostCheck : ICheck
{
    private static readonly CheckInfo Host = new("HOST-ACCESS", "Containers cannot reach services on the host", Severity.High);
    private static readonly CheckInfo Gateway = new("GATEWAY-ACCESS", "Containers cannot reach services on their gateway address", Severity.High);
    private static readonly CheckInfo Proxy = new("INTERNAL-VIA-PROXY", "The host's proxy does not lead containers to closed networks", Severity.High);

    public IEnumerable<HardeningFinding> Of(AuditedNetwork network) => network.Audit.Host.Addresses.Count > 0 ? Check(network) : [];

    public IEnumerable<HardeningFinding> Of(AuditedHost audit) => audit.Host.Addresses.Count == 0 && audit.Networks.Count > 0
        ? [Host.Found(audit, FindingStatus.Error, "The addresses of the host were not read, so it is not known what reaches them.")] : [];

    /// <summary>What happens to packets to services on the host, without the exceptions: its DNS for containers, and what HostAccess leaves open.</summary>
    public static Answer Of(AuditedNetwork network, Family family) => network.Once(nameof(HostCheck), family, () =>
    {
        var answer = AuditedNetwork.Services(network.Host(family).Where(part => part.Path is PacketPath.Local or PacketPath.None), family).Without(network.Dns(family));
        return answer.IsOpen ? answer.Without(network.Audit.Controls.Exceptions("HostAccess", family, network.Bridge)) : answer;
    });

    /// <summary>The same for all families, apart for the network's own gateway and for the host's other addresses.</summary>
    public static (Answer Host, Answer Gateway) Parts(AuditedNetwork network) => Parts(network, Of);

    /// <summary>Any answer about the host, likewise taken apart.</summary>
    public static (Answer Host, Answer Gateway) Parts(AuditedNetwork network, Func<AuditedNetwork, Family, Answer> ask)
    {
        var (host, gateway) = (Answer.Nothing, Answer.Nothing);
        foreach (var family in network.HostFamilies)
        {
            var answer = ask(network, family);
            var own = GatewayOf(network, family);
            host = host.And(own is null ? answer : answer.Without([own]));
            gateway = own is null ? gateway : gateway.And(answer.Within(own));
        }
        return (host, gateway);
    }

    private static IEnumerable<HardeningFinding> Check(AuditedNetwork network)
    {
        var (host, gateway) = Parts(network);
        yield return Finding(Host, network, host);
        yield return gateway.Parts.Count == 0
            ? Gateway.Found(network, FindingStatus.NotApplicable, $"The host has no address on {network.Bridge}.")
            : Finding(Gateway, network, gateway);
        yield return ProxyFinding(network, host.And(gateway));
    }

    private static HardeningFinding Finding(CheckInfo info, AuditedNetwork network, Answer answer) =>
        Mend(info.Found(network, answer.Status, Evidence.Of(answer)), network);

    // Blocking internal ranges in FORWARD does not affect INPUT: the host itself opens the connection to the other network's container.
    private static HardeningFinding ProxyFinding(AuditedNetwork network, Answer host)
    {
        var way = host.Where(part => part.Proxied is not null);
        if (!way.IsOpen)
            return Proxy.Found(network, FindingStatus.Pass, "No port that docker-proxy serves is open to it.");
        if (!network.ForbidsInternal && InternalCheck.Of(network, network.FirstFamily).IsOpen)
            return Proxy.Found(network, FindingStatus.NotApplicable, "Internal ranges are open to it anyway.");
        return network.Internal(network.FirstFamily).IsEmpty ? Proxy.Found(network, FindingStatus.NotApplicable, "No packet of its containers goes to internal ranges.")
            : Mend(Proxy.Found(network, FindingStatus.Fail, [.. Evidence.Of(way.OnlyOpen), .. way.Open.Select(part => $"docker-proxy leads to {part.Proxied}.").Distinct(StringComparer.Ordinal)]), network);
    }

    private static PacketSet? GatewayOf(AuditedNetwork network, Family family)
    {
        var own = network.Audit.Host.Addresses.Where(address => string.Equals(address.Link, network.Bridge, StringComparison.Ordinal) && address.Address.Family == family)
            .Select(address => address.Address).ToList();
        return own.Count == 0 ? null : PacketSet.Of(new AccessQuery { Family = family, InInterface = network.Bridge, Destinations = own });
    }

    private static HardeningFinding Mend(HardeningFinding finding, AuditedNetwork network) => finding.Status is not (FindingStatus.Fail or FindingStatus.Warning) ? finding : finding with
    {
        Rules = Remedies.Host(network),
        Remedy = "Pipe this finding to Invoke-FirewallRule, or run the command. Ports that its containers need are excepted by -AllowPort, published ones by -AllowPublishedPort. The command: "
            + $"Block-ContainerHostAccess -Network {network.Name} | Invoke-FirewallRule",
    };
}
