using System.Globalization;
using DockerNetHarden.Analysis;
using DockerNetHarden.Packets;

namespace DockerNetHarden.Audit;

/// <summary>Settings of dockerd. Source: dockerd(8).</summary>
internal sealed class DaemonCheck : ICheck
{
    private static readonly CheckInfo Iptables = new("DAEMON-IPTABLES", "Networks are kept apart", Severity.High, "2.4");
    private static readonly CheckInfo Ip6tables = new("DAEMON-IP6TABLES", "Docker manages ip6tables where networks have IPv6", Severity.Medium);
    private static readonly CheckInfo Proxy = new("DAEMON-USERLAND-PROXY", "The userland proxy is off, or the host is closed to containers", Severity.Low, "2.16");
    private static readonly CheckInfo Loopback = new("ROUTE-LOCALNET", "Containers cannot reach services that listen on the host's loopback", Severity.Medium);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        if (audit.Host.Engine is null)
            yield break;
        yield return InIPv4(audit);
        yield return InIPv6(audit);
        yield return UserlandProxy(audit);
        foreach (var network in audit.Networks.Where(network => network.HasIPv4 && AccessTargets.RoutesLoopback(audit.Host, network.Bridge)))
            yield return RoutesLoopback(network);
    }

    // Without Docker's rules nothing keeps networks apart but what the host's own rules do, so these are asked. What comes from outside is NAT-UNPROTECTED's.
    private static HardeningFinding InIPv4(AuditedHost audit)
    {
        if (audit.Setting("iptables") != false)
        {
            return audit.Host.Unread.TryGetValue("DaemonSettings", out var why) && !audit.HasDockerUser && !audit.IsNftables
                ? Iptables.Found(audit, FindingStatus.Warning, $"dockerd's settings were not read ({why}), and its chains are not there.")
                : Iptables.Found(audit, FindingStatus.Pass);
        }
        var answers = audit.Networks.Select(network => (Network: network, Answer: network.Others(Addresses.Family.IPv4))).Where(pair => !pair.Answer.IsEmpty).ToList();
        var all = answers.Aggregate(Answer.Nothing, (one, pair) => one.And(pair.Answer));
        if (all.Status is FindingStatus.Pass or FindingStatus.NotApplicable)
            return Iptables.Found(audit, FindingStatus.Pass, "\"iptables\": false, but no network reaches another.");
        return Iptables.Found(audit, all.Status, ["\"iptables\": false: Docker writes no rules, and nothing else keeps networks apart.", .. Evidence.Of(all)]) with
        {
            Rules = [.. answers.Where(pair => pair.Answer.NotClosed.Any()).SelectMany(pair => Remedies.Apart(pair.Network, pair.Answer))],
            Remedy = "Pipe this finding to Invoke-FirewallRule, which keeps these networks apart in mangle FORWARD. If the setting is not on purpose, remove it from daemon.json.",
        };
    }

    // On by default from engine 27. Source: Docker's release notes, 27.0.
    private static HardeningFinding InIPv6(AuditedHost audit)
    {
        var routed = audit.Networks.Where(network => network.HasIPv6).Select(network => network.Name).ToList();
        if (routed.Count == 0)
            return Ip6tables.Found(audit, FindingStatus.NotApplicable, "No network has IPv6.");
        var setting = audit.Setting("ip6tables");
        var isOff = setting == false ? "\"ip6tables\": false"
            : audit.IsNftables ? null
            : setting is null && MajorVersion(audit) < 27 && !audit.Host.Unread.ContainsKey("DaemonSettings") ? "\"ip6tables\" is not set, which is off before engine 27"
            : audit.Host.Rules.TryGetValue(Addresses.Family.IPv6, out var rules) && !rules.HasChain("filter", "DOCKER") ? "ip6tables has no chain DOCKER"
            : null;
        if (isOff is not null)
        {
            return Ip6tables.Found(audit, FindingStatus.Fail, $"{isOff}: nothing isolates the IPv6 of {string.Join(", ", routed)}.") with
            {
                Remedy = "Set \"ip6tables\": true in daemon.json (before engine 27 with \"experimental\": true) and restart Docker.",
            };
        }
        return audit.IsNftables || audit.Host.Rules.ContainsKey(Addresses.Family.IPv6) ? Ip6tables.Found(audit, FindingStatus.Pass)
            : Ip6tables.Found(audit, FindingStatus.Warning, "The rules of IPv6 were not read.");
    }

    private static int? MajorVersion(AuditedHost audit) =>
        int.TryParse(audit.Host.Engine?.Version.Split('.')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major) ? major : null;

    // On by default. It leads from every network to every published port, so closing the host closes it too.
    private static HardeningFinding UserlandProxy(AuditedHost audit)
    {
        if (audit.Setting("userland-proxy") == false)
            return Proxy.Found(audit, FindingStatus.Pass, "It is off.");
        var open = audit.Networks.Where(network => network.ReachesProxy).ToList();
        return open.Count == 0 ? Proxy.Found(audit, FindingStatus.Pass, "It is on, and no published port that it serves is open to a container.")
            : Proxy.Found(audit, FindingStatus.Fail, [.. open.Select(network => $"Containers on {network.Name} reach published ports through it.")]) with
            {
                Rules = [.. open.SelectMany(Remedies.Host)],
                Remedy = "Pipe this finding to Invoke-FirewallRule, which closes the host to these networks. "
                    + "\"userland-proxy\": false in daemon.json alone does not help: Docker then sets route_localnet, by which containers reach services on the host's loopback, unless the host was closed to them before.",
            };
    }

    private static HardeningFinding RoutesLoopback(AuditedNetwork network)
    {
        var answer = HostCheck.Of(network, Addresses.Family.IPv4).Within(PacketSet.Of(network.Query(Addresses.Family.IPv4) with { Destinations = [Addresses.Cidr.Parse("127.0.0.0/8")] }));
        return Loopback.Found(network, answer.Status, [$"route_localnet is on for {network.Bridge}: packets to 127.0.0.0/8 are let in.", .. Evidence.Of(answer)]) with
        {
            Rules = answer.IsOpen ? Remedies.Host(network) : [],
            Remedy = answer.IsOpen ? $"Pipe this finding to Invoke-FirewallRule, or run: Block-ContainerHostAccess -Network {network.Name} | Invoke-FirewallRule" : null,
        };
    }
}
