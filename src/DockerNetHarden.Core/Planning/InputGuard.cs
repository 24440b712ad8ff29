using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// Refuses, without Force, rules that affect the host itself: a rule that decides in INPUT without a container's in-interface (it would apply to the host's other
/// clients, or let them in), one that decides what the host itself sends, and one that would match the connection in use.
/// </summary>
internal static class InputGuard
{
    public static void Check(FirewallRule rule, IReadOnlyList<FirewallRule> resolved, HostSnapshot host, IReadOnlyList<FirewallRule> all)
    {
        // RETURN, LOG and a report decide nothing. An ACCEPT does: our jump is first in its chain, so an ACCEPT would open what the administrator's own rules close.
        if (rule.Action is RuleAction.Return or RuleAction.Log or RuleAction.Report)
            return;
        switch (rule.Chain)
        {
            case "INPUT" or "PREROUTING":
                CheckInterface(rule, host);
                break;
            case "OUTPUT":
                throw Refuse($"The rule '{rule}' decides what {host.HostName} itself sends, including the answers of your own connection.", "Use mangle POSTROUTING with ! --src-type LOCAL for containers' packets, or give -Force.");
            case "POSTROUTING" when !IsOfContainers(rule, host):
                throw Refuse($"The rule '{rule}' decides in {rule.Table} POSTROUTING what {host.HostName} itself sends too, including the answers of your own connection.", "Add -SourceAddressType '!LOCAL' or a Docker network's source, or give -Force.");
        }
        if (rule.Action is RuleAction.Accept)
            return;
        foreach (var line in resolved)
            CheckSession(line, host, all);
    }

    private static void CheckInterface(FirewallRule rule, HostSnapshot host)
    {
        if (NamesMetadata(rule))
            return;
        if (rule.InInterface is null || Negatable.Parse(rule.InInterface).Not)
            throw Refuse($"The rule '{rule}' decides in {rule.Table} {rule.Chain} without a container's in-interface: it would affect every other client of {host.HostName} too, perhaps you.", "Add -InInterface docker:bridges or network:NAME, or give -Force.");
        if (Operand.Parse(rule.InInterface, "InInterface") is Operand.Literal { Value: var link } && !IsContainers(link, host))
            throw Refuse($"The rule '{rule}' decides in {rule.Table} {rule.Chain} packets from {link}, which is not one of Docker's bridges on {host.HostName}.", "Name a bridge of a Docker network, or give -Force.");
    }

    // Nobody is a client of the host by the address of a cloud's metadata: what comes there under it was redirected or is for metadata that the host serves. The same is true of the ports at which it serves some.
    private static bool NamesMetadata(FirewallRule rule) => rule.OriginalDestination is not { } asked ? IsOfHostPorts(rule) : !asked.StartsWith('!')
        && (asked is "cloud:metadata" || (Cidr.TryParse(asked, out var address) && MetadataEndpoints.All.Any(endpoint => endpoint.Address.Contains(address))));

    private static bool IsOfHostPorts(FirewallRule rule) => rule.Control is "MetadataAccess"
        && (rule.DestinationPort is "cloud:host-ports" || MetadataEndpoints.HostPorts(MetadataEndpoints.Providers).Any(port => port.Protocol == rule.Protocol && port.Ports == rule.DestinationPort));

    private static bool IsOfContainers(FirewallRule rule, HostSnapshot host)
    {
        if (rule.SourceAddressType is "!LOCAL")
            return true;
        if (rule.Source is null || Negatable.Parse(rule.Source).Not)
            return false;
        var source = Operand.Parse(rule.Source, "Source");
        return source is Operand.Network or Operand.Docker { Symbol: DockerSymbol.Bridges }
            || (source is Operand.Literal literal && host.Networks.SelectMany(network => network.Subnets).Any(subnet => subnet.Contains(Cidr.Parse(literal.Value))));
    }

    // A bridge that does not exist yet carries nobody's connection: rules may exist before their network does.
    private static bool IsContainers(string link, HostSnapshot host)
    {
        if (host.Networks.Any(network => string.Equals(network.Bridge, link, StringComparison.Ordinal)))
            return true;
        return link.EndsWith('+')
            ? !host.Links.Any(other => other.StartsWith(link[..^1], StringComparison.Ordinal) && !host.Networks.Any(network => string.Equals(network.Bridge, other, StringComparison.Ordinal)))
            : !host.Links.Contains(link, StringComparer.Ordinal);
    }

    private static void CheckSession(FirewallRule rule, HostSnapshot host, IReadOnlyList<FirewallRule> all)
    {
        if (NamesMetadata(rule) || host.Session is not { } session || rule.Chain is not ("INPUT" or "PREROUTING") || !Matches(rule, session))
            return;
        // An exception with the same mark may let the session through.
        if (all.Any(other => other.Mark == rule.Mark && other.Phase == Phase.Exception && other.Chain == rule.Chain && other.Protocol is "tcp"
            && other.DestinationPort is { } ports && Operand.IsPlain(ports) && PortList.Parse(ports, "DestinationPort").Contains(session.ServerPort)
            && other.Destination is null && other.Source is null && other.ConnectionState is null))
            return;
        throw Refuse($"The rule '{rule}' would match the connection in use: {session.Client.Address} reaches {host.HostName} port {session.ServerPort} by {session.Link}.", $"Except it with -AllowPort {session.ServerPort}/tcp, or give -Force.");
    }

    private static bool Matches(FirewallRule rule, SessionConnection session) =>
        rule.Family == session.Client.Family
        && session.Link is { } link && rule.InInterface is { } name && InterfaceName.Matches(name, link)
        && (rule.Protocol is null or "tcp")
        && (rule.Source is null || Holds(rule.Source, source => Cidr.Parse(source).Contains(session.Client)))
        && (rule.DestinationPort is null || Holds(rule.DestinationPort, ports => PortList.Parse(ports, "DestinationPort").Contains(session.ServerPort)));

    private static bool Holds(string text, Func<string, bool> test)
    {
        var value = Negatable.Parse(text);
        return test(value.Value) != value.Not;
    }

    private static PlanException Refuse(string cause, string remedy) => new(PlanFailure.NeedsForce, cause, remedy);
}
