using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>A rule from a property bag: what ConvertFrom-Json, Import-Clixml or a hashtable holds.</summary>
public sealed partial class FirewallRule
{
    /// <summary>Makes a rule of properties, by the names of this class; what is null or empty counts as not given. Case does not matter.</summary>
    /// <param name="values">The properties. Numbers and enums may come as numbers or as text.</param>
    /// <exception cref="RefusedValueException">A property is unknown, or the rule cannot be.</exception>
    public static FirewallRule FromProperties(IReadOnlyDictionary<string, object?> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var spec = new RuleSpec();
        Phase? phase = null;
        foreach (var (name, value) in values)
        {
            if (value is null or "")
                CheckName(name);
            else if (string.Equals(name, nameof(Phase), StringComparison.OrdinalIgnoreCase))
                phase = AsEnum<Phase>(name, value);
            else
                Set(spec, name, value);
        }
        var rule = new FirewallRule(spec);
        if (phase is not null && phase != rule.Phase)
            throw new RefusedValueException(nameof(Phase), phase.ToString(), $"the phase follows from control and action and is {rule.Phase} here; leave it out.");
        return rule;

        static void Set(RuleSpec spec, string name, object value) => Setter(name)(spec, value);

        static void CheckName(string name)
        {
            if (!string.Equals(name, nameof(Phase), StringComparison.OrdinalIgnoreCase))
                Setter(name);
        }
    }

    private static Action<RuleSpec, object> Setter(string name) => name.ToUpperInvariant() switch
    {
        "CONTROL" => (spec, value) => spec.Control = Text(name, value),
        "SUBJECT" => (spec, value) => spec.Subject = Text(name, value),
        "NETWORK" => (spec, value) => spec.Network = Text(name, value),
        "FAMILY" => (spec, value) => spec.Family = AsEnum<Family>(name, value),
        "TABLE" => (spec, value) => spec.Table = Text(name, value),
        "CHAIN" => (spec, value) => spec.Chain = Text(name, value),
        "ININTERFACE" => (spec, value) => spec.InInterface = Text(name, value),
        "OUTINTERFACE" => (spec, value) => spec.OutInterface = Text(name, value),
        "SOURCE" => (spec, value) => spec.Source = Text(name, value),
        "DESTINATION" => (spec, value) => spec.Destination = Text(name, value),
        "PROTOCOL" => (spec, value) => spec.Protocol = Text(name, value),
        "SOURCEPORT" => (spec, value) => spec.SourcePort = Text(name, value),
        "DESTINATIONPORT" => (spec, value) => spec.DestinationPort = Text(name, value),
        "TCPFLAGS" => (spec, value) => spec.TcpFlags = Text(name, value),
        "ICMPTYPE" => (spec, value) => spec.IcmpType = Text(name, value),
        "CONNECTIONSTATE" => (spec, value) => spec.ConnectionState = Text(name, value),
        "CONNECTIONDIRECTION" => (spec, value) => spec.ConnectionDirection = Text(name, value),
        "ORIGINALDESTINATION" => (spec, value) => spec.OriginalDestination = Text(name, value),
        "ORIGINALDESTINATIONPORT" => (spec, value) => spec.OriginalDestinationPort = Text(name, value),
        "SOURCEADDRESSTYPE" => (spec, value) => spec.SourceAddressType = Text(name, value),
        "DESTINATIONADDRESSTYPE" => (spec, value) => spec.DestinationAddressType = Text(name, value),
        "SET" => (spec, value) => spec.Set = Text(name, value),
        "LIMIT" => (spec, value) => spec.Limit = Text(name, value),
        "LIMITBURST" => (spec, value) => spec.LimitBurst = Number(name, value),
        "HASHLIMIT" => (spec, value) => spec.HashLimit = Text(name, value),
        "HASHLIMITBURST" => (spec, value) => spec.HashLimitBurst = Number(name, value),
        "HASHLIMITMODE" => (spec, value) => spec.HashLimitMode = Text(name, value),
        "HASHLIMITNAME" => (spec, value) => spec.HashLimitName = Text(name, value),
        "COMMENT" => (spec, value) => spec.Comment = Text(name, value),
        "ACTION" => (spec, value) => spec.Action = AsEnum<RuleAction>(name, value),
        "REJECTWITH" => (spec, value) => spec.RejectWith = Text(name, value),
        "LOGPREFIX" => (spec, value) => spec.LogPrefix = Text(name, value),
        "JUMPTARGET" => (spec, value) => spec.JumpTarget = Text(name, value),
        _ => throw new RefusedValueException("Property", name, "a firewall rule has no such property; compare with the output of Block-ContainerMetadataAccess | ConvertTo-Json."),
    };

    private static string Text(string name, object value) => value switch
    {
        string text => text,
        // A port typed as a number in a hashtable: @{ DestinationPort = 80 }.
        int or long or short or ushort or uint or byte => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        _ => throw new RefusedValueException(name, value.ToString(), $"it is a {value.GetType().Name}, a text is expected."),
    };

    private static int Number(string name, object value) =>
        int.TryParse(Convert.ToString(value, CultureInfo.InvariantCulture), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new RefusedValueException(name, value.ToString(), "a whole number is expected.");

    private static T AsEnum<T>(string name, object value)
        where T : struct, Enum
    {
        var text = Convert.ToString(value, CultureInfo.InvariantCulture);
        return Enum.TryParse<T>(text, ignoreCase: true, out var result) && Enum.IsDefined(result)
            ? result
            : throw new RefusedValueException(name, text, $"it is none of {string.Join(", ", Enum.GetNames<T>())}.");
    }
}
