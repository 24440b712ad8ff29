using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// Turns a rule with symbolic operands into the literal rules that it means on one host. An operand that occurs several times in a rule
/// (<c>-i network:web ! -o network:web</c>) means the same place each time. The rules are for where they stand on that host (<see cref="Placement"/>).
/// </summary>
/// <param name="host">The host.</param>
/// <param name="warnings">Gets what a person should know.</param>
/// <param name="createsChain">Whether a plan with the rules makes DOCKER-USER where nobody else does.</param>
/// <param name="backend">Where the rules are put.</param>
internal sealed class OperandResolver(HostSnapshot host, ICollection<string> warnings, bool createsChain = false, FirewallBackend backend = FirewallBackend.Auto)
{
    private readonly Lazy<IReadOnlyDictionary<string, string>> _adopted = new(() => AdoptedProfiles.Of(host));
    private readonly Lazy<HostCloud> _cloud = new(() => HostCloud.Of(host));

    private static readonly string[] Parts = ["InInterface", "OutInterface", "Source", "Destination"];

    private Placement Placement => field ??= new Placement(host, createsChain, HostBackend.Of(backend, host), Warn);

    /// <summary>A bridge of the host and its subnets; <c>HasIPv6</c> is false only if its containers are known to have no IPv6 addresses.</summary>
    private sealed record Location(string Bridge, IReadOnlyList<Cidr> Subnets, bool HasIPv6 = true)
    {
        public static Location Of(DockerNetwork network) => new(network.Bridge!, network.Subnets, network.Families.Contains(Family.IPv6));
    }

    public IReadOnlyList<FirewallRule> Resolve(FirewallRule rule)
    {
        IEnumerable<FirewallRule> rules = rule.DestinationPort is "docker:published" ? Published(rule) : CloudOperands.Resolve(rule, _cloud, Warn);
        foreach (var operand in Parts.Select(part => OperandOf(rule, part)).OfType<Operand>().Where(operand => operand.IsSymbolic && operand is not Operand.Cloud).Distinct())
            rules = [.. rules.SelectMany(each => Replace(each, operand))];
        return [.. rules.Where(Placement.IsNeeded).Select(WithProfile).Select(Placement.Of)];
    }

    // The comments of all rules for an adopted network keep its profile, whichever command applies them; the label of any other network does. A network that is not known (Docker is down) may have no label.
    private FirewallRule WithProfile(FirewallRule rule)
    {
        if (rule.Network is not { } name || rule.Control is "Custom" || (rule.Comment is not null && rule.Mark.ProfileIn(rule.Comment) is null))
            return rule;
        var note = Find(name) is { Profile: not null } ? null : rule.Comment ?? (_adopted.Value.TryGetValue(name, out var profile) ? RuleMark.ProfileNote(profile) : null);
        return string.Equals(note, rule.Comment, StringComparison.Ordinal) ? rule : rule.With(spec => spec[RuleFields.Comment] = note);
    }

    private DockerNetwork? Find(string name) => host.Networks.FirstOrDefault(network => string.Equals(network.Name, name, StringComparison.Ordinal));

    private IEnumerable<FirewallRule> Replace(FirewallRule rule, Operand operand)
    {
        if (operand is Operand.Docker { Symbol: DockerSymbol.Pools or DockerSymbol.Resolvers } symbol)
        {
            var addresses = symbol.Symbol == DockerSymbol.Pools ? Cidr.Aggregate(Engine(operand).AddressPools) : host.Resolvers;
            return addresses.Where(address => address.Family == rule.Family).SelectMany(address => Substitute(rule, operand, new Location("", [address])));
        }
        var places = Places(operand);
        if (places.Count > 1 && OnlyNegated(rule, operand))
            throw Unresolved(operand, $"on this host it means {places.Count} bridges, and one rule cannot say 'none of them'.", "Name one network, or use it without '!' in the other interface too.");
        return places.Where(place => place.HasIPv6 || !Placement.NeedsIPv6(rule)).SelectMany(place => Substitute(rule, operand, place));
    }

    private IReadOnlyList<Location> Places(Operand operand)
    {
        switch (operand)
        {
            case Operand.Network network:
                var found = host.Networks.Where(each => string.Equals(each.Name, network.Name, StringComparison.Ordinal)).ToList();
                if (network.Bridge is { } planned && found.Count == 0)
                    return [Planned(network.Name, planned)];
                Engine(operand);
                if (found.Count == 0)
                    throw Unresolved(operand, host.Networks.Count == 0 ? "the host has no Docker networks." : $"the host's networks are {ShownText.List(host.Networks.Select(each => each.Name).Order(StringComparer.Ordinal))}.", "Create it first, for example with New-HardenedDockerNetwork.");
                if (found.Find(each => each.Bridge is null && each.Driver is "overlay") is { } overlay)
                    throw Unresolved(operand, overlay.Internal ? "it is an internal overlay network: nothing leaves it, and its own packets travel in its tunnel, where no rule meets them."
                        : $"what leaves an overlay network enters the host by {NetworkMembers.OverlayExit}, together with that of all others, and no rule can tell them apart.",
                        overlay.Internal ? "It needs no rule." : $"Name {NetworkMembers.OverlayExit} for all overlay networks: -Network {NetworkMembers.OverlayExit}.");
                if (found.Find(each => each.Bridge is null) is { } elsewhere)
                    throw Unresolved(operand, $"its driver is {elsewhere.Driver}: its packets pass no bridge of this host, so no rule here can decide them.", "Get-DockerNetwork lists the host's networks.");
                if (found.Select(each => InterfaceName.Problem(each.Bridge!)).FirstOrDefault(problem => problem is not null) is { } odd)
                    throw Unresolved(operand, $"no rule can name its bridge: {odd}", "Create the network again with another bridge name.");
                if (found.Count > 1 && network.Bridge is not null)
                    throw Unresolved(operand, $"{found.Count} networks are called '{network.Name}' (ids {ShownText.List(found.Select(each => each.Id))}), and it is not clear which one is meant.", "Remove the others by their ids: docker network rm ID.");
                if (found.Count > 1)
                    Warn($"{found.Count} networks are called '{network.Name}', and the rules are for all of them ({ShownText.List(found.Select(each => each.Bridge!))}). Remove those that are not meant by their ids: docker network rm ID.");
                return [.. found.OrderBy(each => each.Bridge, StringComparer.Ordinal).Select(Location.Of)];
            case Operand.Docker { Symbol: DockerSymbol.Bridges }:
                Engine(operand);
                var bridged = host.Networks.Where(each => each.Bridge is not null).OrderBy(each => each.Bridge, StringComparer.Ordinal).ToLookup(each => InterfaceName.Problem(each.Bridge!) is null);
                foreach (var each in bridged[false])
                    Warn($"The network '{ShownText.Value(each.Name)}' is not covered, because no rule can name its bridge '{ShownText.Value(each.Bridge)}'. Create it again with another bridge name.");
                return [.. bridged[true].Select(Location.Of)];
            default:
                return NewBridges();
        }
    }

    // Rules may be there before their network: it is to have this bridge.
    private Location Planned(string name, string bridge)
    {
        Warn($"The network '{name}' is not on {host.HostName}{(host.Engine is null ? ", as far as is known without Docker" : "")}: its rules are for the bridge {bridge}, without those that need its subnet. "
            + "Make it with that bridge (New-HardenedDockerNetwork does), then apply the rules again.");
        return new Location(bridge, []);
    }

    // A wildcard must not match an interface that is not one of Docker's bridges, for example br-lan with the administrator behind it.
    private IReadOnlyList<Location> NewBridges()
    {
        var others = host.Links.Where(link => link.StartsWith("br-", StringComparison.Ordinal) && !host.Networks.Any(network => string.Equals(network.Bridge, link, StringComparison.Ordinal))).ToList();
        if (others.Count == 0)
            return [new Location("br-+", [])];
        Warn($"Networks made later are not covered: 'br-+' would match {ShownText.List(others)} too, which Docker did not make. Apply the rules again after 'docker network create', or make networks with New-HardenedDockerNetwork.");
        return [];
    }

    private IEnumerable<FirewallRule> Substitute(FirewallRule rule, Operand operand, Location place)
    {
        var asAddress = Uses(rule, operand, "Source", "Destination").ToList();
        if (asAddress.Count == 0)
            return [rule.With(spec => Interfaces(spec, operand, place))];
        var subnets = place.Subnets.Where(subnet => subnet.Family == rule.Family).ToList();
        if (subnets.Count > 1 && asAddress.Exists(text => Negatable.Parse(text).Not))
            throw Unresolved(operand, $"it has {subnets.Count} subnets, and one rule cannot say 'none of them'.", "Name the prefix yourself.");
        return subnets.Select(subnet => rule.With(spec =>
        {
            Interfaces(spec, operand, place);
            spec.Source = Swap(spec.Source, operand, subnet.ToString());
            spec.Destination = Swap(spec.Destination, operand, subnet.ToString());
        }));
    }

    private static void Interfaces(RuleSpec spec, Operand operand, Location place)
    {
        spec.InInterface = Swap(spec.InInterface, operand, place.Bridge);
        spec.OutInterface = Swap(spec.OutInterface, operand, place.Bridge);
    }

    private static string? Swap(string? text, Operand operand, string value)
    {
        if (text is null)
            return null;
        var parsed = Negatable.Parse(text);
        return string.Equals(parsed.Value, operand.ToString(), StringComparison.Ordinal) ? (parsed with { Value = value }).ToString() : text;
    }

    // The ports that running containers publish. docker-proxy brings packets from containers to these ports into INPUT.
    private IEnumerable<FirewallRule> Published(FirewallRule rule)
    {
        Engine(new Operand.Docker(DockerSymbol.Published));
        var ports = host.Containers.SelectMany(container => container.Ports)
            .Where(port => port.HostPort > 0 && port.IsOf(rule.Family))
            .Where(port => rule.Destination is null || port.IsEverywhere);
        foreach (var group in ports.GroupBy(port => (port.Protocol, HostAddress: port.IsEverywhere ? null : port.HostAddress)).OrderBy(group => group.Key.Protocol, StringComparer.Ordinal).ThenBy(group => group.Key.HostAddress?.ToString(), StringComparer.Ordinal))
        {
            foreach (var chunk in group.Select(port => port.HostPort).Distinct().Order().Chunk(15))
            {
                yield return rule.With(spec =>
                {
                    spec.Protocol = group.Key.Protocol;
                    spec.DestinationPort = string.Join(',', chunk);
                    spec.Destination ??= group.Key.HostAddress?.ToString();
                });
            }
        }
    }

    private static bool OnlyNegated(FirewallRule rule, Operand operand) =>
        Uses(rule, operand, Parts).All(text => Negatable.Parse(text).Not);

    private static IEnumerable<string> Uses(FirewallRule rule, Operand operand, params string[] parts) =>
        parts.Where(part => OperandOf(rule, part) == operand).Select(part => TextOf(rule, part)!);

    private static Operand? OperandOf(FirewallRule rule, string part) => TextOf(rule, part) is { } text ? Operand.Parse(Negatable.Parse(text).Value, part) : null;

    private static string? TextOf(FirewallRule rule, string part) => part switch
    {
        "InInterface" => rule.InInterface,
        "OutInterface" => rule.OutInterface,
        "Source" => rule.Source,
        _ => rule.Destination,
    };

    // Each rule with the operand would say it again.
    private void Warn(string warning)
    {
        if (!warnings.Contains(warning))
            warnings.Add(warning);
    }

    private DockerEngine Engine(Operand operand) =>
        host.Engine ?? throw Unresolved(operand, host.DockerError?.Message ?? "Docker was not asked.", "Docker has to run and be asked: see what docker info says there.");

    private PlanException Unresolved(Operand operand, string reason, string remedy) =>
        new(PlanFailure.UnresolvedOperand, $"'{operand}' cannot be resolved on {host.HostName}: {reason}", remedy);
}
