using System.Collections;
using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Errors;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Input;

/// <summary>What the emitters share: turning parameters into the core's values, and writing all rules or none.</summary>
internal static class ControlInput
{
    public static IReadOnlyList<Cidr> Addresses(string[]? texts, string part) => [.. (texts ?? []).Select(text => Address(text, part)).Distinct()];

    public static IReadOnlyList<PortSpec> Ports(string[]? texts, string part) => PortSpec.ParseAll(texts ?? [], part);

    /// <summary>One reference for each network; a single null, for the whole host, if none is named.</summary>
    public static IReadOnlyList<NetworkReference?> Networks(string[]? networks) =>
        networks is null ? [null] : [.. Networks(networks, "Network").Select(network => new NetworkReference(network))];

    public static IReadOnlyList<string> Networks(string[]? networks, string part) =>
        [.. (networks ?? []).Select(network => Operand.CheckNetworkName(network, part)).Distinct(StringComparer.Ordinal)];

    public static bool? Dns(SwitchParameter allow, SwitchParameter block) => (allow.IsPresent, block.IsPresent) switch
    {
        (true, true) => throw CommandFailure.ConflictingParameters("AllowDns", "BlockDns"),
        (true, _) => true,
        (_, true) => false,
        _ => null,
    };

    public static IReadOnlyDictionary<string, string> Texts(Hashtable? table) =>
        (table ?? []).Cast<DictionaryEntry>().ToDictionary(
            entry => LanguagePrimitives.ConvertTo<string>(entry.Key), entry => LanguagePrimitives.ConvertTo<string>(entry.Value), StringComparer.Ordinal);

    private static Cidr Address(string text, string part)
    {
        try
        {
            return Cidr.Parse(text);
        }
        catch (FormatException error)
        {
            throw new RefusedValueException(part, text, error.Message, error);
        }
    }
}

/// <summary>
/// The rules of an emitter, all or none: the first invalid value ends the command before anything is written. Objects of the pipeline that did not bind add nothing, and do not turn
/// rules for one network into rules for all.
/// </summary>
internal sealed class EmittedRules
{
    private readonly HashSet<(string? Host, FirewallRule Rule)> _seen = [];
    private readonly List<PSObject> _made = [];
    private bool _isAsked;

    /// <summary>Adds the rules that one object means, or the command's arguments. If the object was read from a host, the rules go back there.</summary>
    public void Add(PSCmdlet cmdlet, string? host, Func<IEnumerable<FirewallRule>> rules)
    {
        _isAsked = true;
        try
        {
            foreach (var rule in rules().Where(rule => _seen.Add((host, rule))))
            {
                var made = new PSObject(rule);
                if (host is not null)
                    made.Properties.Add(new PSNoteProperty("HostName", host));
                _made.Add(made);
            }
        }
        catch (Exception error) when (error is CommandFailure or FormatException or ArgumentException)
        {
            cmdlet.ThrowTerminatingError(ErrorRecords.From(error, null));
        }
    }

    public void Emit(PSCmdlet cmdlet)
    {
        if (_isAsked && _made.Count == 0)
            cmdlet.ThrowTerminatingError(ErrorRecords.From(CommandFailure.NothingToBlock(), null));
        cmdlet.WriteObject(_made, enumerateCollection: true);
    }
}

/// <summary>Chooses rules by control and network.</summary>
internal static class MarkFilter
{
    /// <summary>The controls in their own spelling; an unknown one is refused, because it would silently choose nothing.</summary>
    public static string[]? CheckControls(string[]? controls) => controls?.Select(control =>
        RuleMark.Controls.FirstOrDefault(known => string.Equals(known, control, StringComparison.OrdinalIgnoreCase)) ?? new RuleMark(control).Control).ToArray();

    /// <summary>The networks to choose by: Docker's, and those of the rules, which can outlive their network.</summary>
    public static string[] Known(IEnumerable<string> networks, IEnumerable<string?> ofRules) =>
        [.. networks.Concat(ofRules.OfType<string>()).Distinct(StringComparer.Ordinal)];

    /// <summary>An error for each network that is not known: it would silently choose nothing. If Docker did not answer, that is the error.</summary>
    public static IReadOnlyList<Exception> Missing(string host, string[]? networks, IReadOnlyCollection<string> known, Exception? unread) =>
        [.. (networks ?? []).Except(known, StringComparer.Ordinal).Select(name => unread ?? CommandFailure.NetworkNotFound(host, name, known)).Distinct()];

    public static bool Holds(string[]? wanted, string? value) => wanted is null || (value is not null && wanted.Contains(value, StringComparer.Ordinal));
}
