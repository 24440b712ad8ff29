using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>
/// A rule before it is checked: a value for each field of <see cref="RuleFields"/>, null if none was given. Parsers, property bags and controls fill one; only
/// <see cref="FirewallRule"/> makes a rule of it. Its properties are the ones that our own code sets.
/// </summary>
internal sealed record RuleSpec
{
    private readonly object?[] _values;

    public RuleSpec() => _values = new object?[RuleFields.All.Count];

    // A copy has its own values.
    private RuleSpec(RuleSpec other) => _values = [.. other._values];

    public string Control { get => Text(RuleFields.Control)!; init => this[RuleFields.Control] = value; }
    public string? Subject { get => Text(RuleFields.Subject); set => this[RuleFields.Subject] = value; }
    public string? Network { get => Text(RuleFields.Network); init => this[RuleFields.Network] = value; }
    public Family? Family { get => (Family?)this[RuleFields.Family]; init => this[RuleFields.Family] = value; }
    public string? Table { get => Text(RuleFields.Table); init => this[RuleFields.Table] = value; }
    public string? Chain { get => Text(RuleFields.Chain); init => this[RuleFields.Chain] = value; }
    public string? Source { get => Text(RuleFields.Source); set => this[RuleFields.Source] = value; }
    public string? Destination { get => Text(RuleFields.Destination); set => this[RuleFields.Destination] = value; }
    public string? InInterface { get => Text(RuleFields.InInterface); set => this[RuleFields.InInterface] = value; }
    public string? OutInterface { get => Text(RuleFields.OutInterface); set => this[RuleFields.OutInterface] = value; }
    public string? Protocol { get => Text(RuleFields.Protocol); set => this[RuleFields.Protocol] = value; }
    public string? DestinationPort { get => Text(RuleFields.DestinationPort); set => this[RuleFields.DestinationPort] = value; }
    public string? TcpFlags { init => this[RuleFields.TcpFlags] = value; }
    public string? IcmpType { init => this[RuleFields.IcmpType] = value; }
    public string? ConnectionState { init => this[RuleFields.ConnectionState] = value; }
    public string? ConnectionDirection { init => this[RuleFields.ConnectionDirection] = value; }
    public string? OriginalDestination { get => Text(RuleFields.OriginalDestination); set => this[RuleFields.OriginalDestination] = value; }
    public string? OriginalDestinationPort { get => Text(RuleFields.OriginalDestinationPort); set => this[RuleFields.OriginalDestinationPort] = value; }
    public string? SourceAddressType { init => this[RuleFields.SourceAddressType] = value; }
    public string? Limit { get => Text(RuleFields.Limit); init => this[RuleFields.Limit] = value; }
    public int? LimitBurst { get => (int?)this[RuleFields.LimitBurst]; init => this[RuleFields.LimitBurst] = value; }
    public string? HashLimit { get => Text(RuleFields.HashLimit); init => this[RuleFields.HashLimit] = value; }
    public int? HashLimitBurst { get => (int?)this[RuleFields.HashLimitBurst]; init => this[RuleFields.HashLimitBurst] = value; }
    public string? HashLimitMode { get => Text(RuleFields.HashLimitMode); init => this[RuleFields.HashLimitMode] = value; }
    public RuleAction? Action { get => (RuleAction?)this[RuleFields.Action]; init => this[RuleFields.Action] = value; }
    public string? Connections { init => this[RuleFields.Connections] = value; }
    public string? RejectWith { get => Text(RuleFields.RejectWith); init => this[RuleFields.RejectWith] = value; }
    public string? LogPrefix { init => this[RuleFields.LogPrefix] = value; }

    public object? this[RuleField field]
    {
        get => _values[field.Index];
        set => _values[field.Index] = value;
    }

    public string? Text(RuleField field) => (string?)this[field];

    public bool Has(RuleField field) => this[field] is not null;

    public bool Equals(RuleSpec? other) => other is not null && _values.AsSpan().SequenceEqual(other._values);

    public override int GetHashCode() => _values.Aggregate(0, HashCode.Combine);

    /// <summary>The same rule in canonical form. Everything that the kernel or iptables-restore would refuse later is refused here, by name.</summary>
    /// <exception cref="RefusedValueException">The rule is not possible.</exception>
    public RuleSpec Canonical()
    {
        // Field by field, in the table's order: each check finds the earlier fields canonical.
        var rule = this with { };
        foreach (var field in RuleFields.All)
            rule[field] = field.Canonical(rule);
        return rule;
    }

    /// <summary>The values of a property bag, and the phase, which is not a value but follows from them.</summary>
    /// <exception cref="RefusedValueException">A property is unknown, appears twice, or has a wrong type.</exception>
    public static (RuleSpec Spec, Phase? Phase) FromProperties(IReadOnlyDictionary<string, object?> values)
    {
        var spec = new RuleSpec();
        Phase? phase = null;
        foreach (var (name, value) in values)
        {
            var isPhase = string.Equals(name, nameof(Phase), StringComparison.OrdinalIgnoreCase);
            var field = isPhase ? null : RuleFields.All.FirstOrDefault(field => string.Equals(field.Name, name, StringComparison.OrdinalIgnoreCase))
                ?? throw new RefusedValueException("Property", name, "a firewall rule has no such property; compare with the output of Block-ContainerMetadataAccess | ConvertTo-Json.");
            if (value is null or "")
                continue;
            if (field is null)
                phase = (Phase)RuleField.AsEnum<Phase>(name, value);
            else
                spec[field] = spec.Has(field) ? throw new RefusedValueException("Property", name, $"{field.Name} appears twice; a rule has one.") : field.Type(name, value);
        }
        return (spec, phase);
    }
}
