using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// One thing to keep containers from, as data: cmdlets, policy files and findings make the same records, and the record knows the rules that it means.
/// </summary>
public abstract record Control
{
    /// <summary>The network that it is bound to; null for every container of the host.</summary>
    public NetworkReference? Network { get; init; }

    /// <summary>How a blocked packet is answered: Drop or Reject.</summary>
    public RuleAction Action { get; init; } = RuleAction.Reject;

    /// <summary>Whether a blocked packet is logged first, at most ten lines a minute, with the prefix <c>DNH</c> and the control's name.</summary>
    public bool Log { get; init; }

    // In POSTROUTING the in-interface is not known any more: what is bound to a network is bound by its subnets there, what is not by nothing.
    internal IReadOnlyList<string?> BackstopSources => Network is null ? [null] : [.. Network.Sources(Family.IPv4)];

    /// <summary>The rules, complete for their marks.</summary>
    /// <exception cref="RefusedValueException">A parameter cannot be.</exception>
    public abstract IReadOnlyList<FirewallRule> Rules();

    internal void CheckAction()
    {
        if (Action is not (RuleAction.Drop or RuleAction.Reject))
            throw new RefusedValueException("Action", Action.ToString(), "a control drops or rejects.");
    }
}

/// <summary>The network that a control is bound to.</summary>
/// <param name="Name">The Docker network's name.</param>
/// <param name="Bridge">Its bridge, where it is known; else it is looked up on the host when the rules are applied.</param>
/// <param name="Subnets">Its subnets, where they are known; null: looked up likewise; empty: not to be known yet, and what needs them is left out.</param>
public sealed record NetworkReference(string Name, string? Bridge = null, IReadOnlyList<Cidr>? Subnets = null)
{
    internal string Interface => Bridge ?? "network:" + Name;

    // The IPv4 sources of its packets, for places where the in-interface is not known any more.
    internal IReadOnlyList<string> Sources(Family family)
    {
        return Subnets is null ? ["network:" + Name] : [.. Subnets.Where(subnet => subnet.Family == family).Select(subnet => subnet.ToString())];
    }
}
