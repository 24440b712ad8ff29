using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Controls;

/// <summary>
/// One thing to keep containers from, as data. Cmdlets, policy files and findings make the same records, and the record knows the rules that it stands for.
/// </summary>
public abstract record Control
{
    /// <summary>The network that it is bound to; null for every container of the host.</summary>
    public NetworkReference? Network { get; init; }

    /// <summary>How a blocked packet is answered: Drop or Reject.</summary>
    public RuleAction Action { get; init; } = RuleAction.Reject;

    /// <summary>Whether a blocked packet is logged first: at most ten lines a minute, with the prefix <c>DNH</c> and the control's name.</summary>
    public bool Log { get; init; }

    // POSTROUTING no longer knows the in-interface. A control bound to a network is bound by its subnets there; any other is not bound at all.
    internal IReadOnlyList<string?> BackstopSources(Family family) => Network is null ? [null] : [.. Network.Sources(family)];

    /// <summary>Whether it blocks nothing and only counts and logs what it would have blocked. The same control without this turns it on: it has the same marks.</summary>
    public bool ReportOnly { get; init; }

    /// <summary>The rules, complete for their marks.</summary>
    /// <exception cref="RefusedValueException">A parameter has an impossible value.</exception>
    public IReadOnlyList<FirewallRule> Rules() => ReportOnly ? [.. ReportingRules.Of(Blocks())] : Blocks();

    // The rules of the control that blocks.
    private protected abstract IReadOnlyList<FirewallRule> Blocks();

    internal void CheckAction()
    {
        if (Action is not (RuleAction.Drop or RuleAction.Reject))
            throw new RefusedValueException("Action", Action.ToString(), "a control drops or rejects.");
    }
}

/// <summary>The network that a control is bound to.</summary>
/// <param name="Name">The name of the Docker network.</param>
/// <param name="Bridge">Its bridge, if known; otherwise it is looked up on the host when the rules are applied.</param>
/// <param name="Subnets">Its subnets, if known. Null: they are looked up in the same way. Empty: they cannot be known yet, and whatever needs them is left out.</param>
public sealed record NetworkReference(string Name, string? Bridge = null, IReadOnlyList<Cidr>? Subnets = null)
{
    // Whether the host decides: if the network is there, by its name, and only otherwise by this bridge.
    internal bool IsPlanned { get; init; }

    private string Operand => IsPlanned ? $"network:{Name}@{Bridge}" : "network:" + Name;

    internal string Interface => IsPlanned ? Operand : Bridge ?? Operand;

    // The sources of its packets in a family, for places that no longer know the in-interface.
    internal IReadOnlyList<string> Sources(Family family)
    {
        return Subnets is null ? [Operand] : [.. Subnets.Where(subnet => subnet.Family == family).Select(subnet => subnet.ToString())];
    }
}
