using System.Collections;
using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Input;

/// <summary>
/// Takes rules from the pipeline and fails closed: the first element that is not a rule ends the command, and so does an error that occurred elsewhere in the
/// pipeline meanwhile. A silently missing rule would leave a hole that nobody sees.
/// </summary>
internal sealed class RuleInput
{
    // Remoting adds these to the properties of each object it brings, and the host is a parameter of its own.
    private static readonly string[] NotOfTheObject = ["HostName", "PSComputerName", "PSShowComputerName", "PSSourceJobInstanceId", "RunspaceId"];

    private readonly PSCmdlet _cmdlet;
    private readonly object? _lastError;
    private readonly RuleScript _script = new();
    private readonly Dictionary<HostTarget, RuleOrder> _rules = [];
    private readonly List<HostTarget> _hosts = [];
    private IReadOnlyDictionary<HostTarget, IReadOnlyList<FirewallRule>> _complete = new Dictionary<HostTarget, IReadOnlyList<FirewallRule>>();
    private readonly HashSet<HostTarget> _withRemedies = [];
    private int _position;

    /// <summary>Made in BeginProcessing: by then the whole pipeline has begun, and nothing has come yet.</summary>
    public RuleInput(PSCmdlet cmdlet)
    {
        _cmdlet = cmdlet;
        _lastError = LastError();
    }

    /// <summary>Whether anything came at all.</summary>
    public bool IsEmpty => _position == 0;

    /// <summary>The hosts of what came, in their order.</summary>
    public IReadOnlyList<HostTarget> Hosts => _hosts;

    /// <summary>The rules of a host, after <see cref="Complete"/>; empty if only findings without rules came.</summary>
    public IReadOnlyList<FirewallRule> Of(HostTarget host) => _complete[host];

    /// <summary>Adds input objects, each for its own hosts.</summary>
    public void Add(PSObject?[]? elements, Func<object?, IReadOnlyList<HostTarget>> hostsOf)
    {
        try
        {
            // A null from the pipeline binds as no list at all; it is an element that is not a rule.
            foreach (var element in elements ?? [null])
            {
                _position++;
                var rules = Convert(element, nested: false).ToList();
                var isPlaced = NamedHost.SaysWhere(element);
                var hosts = isPlaced || rules.Count == 0 ? hostsOf(element) : null;
                foreach (var host in rules.Count == 0 ? hosts! : [])
                {
                    RulesOf(host);
                    if (IsFinding(element))
                        _withRemedies.Add(host);
                }
                foreach (var (from, rule) in rules)
                {
                    // Inside an object that names no host, a rule may name its own.
                    foreach (var host in !isPlaced && !ReferenceEquals(from, element) && NamedHost.SaysWhere(from) ? hostsOf(from) : hosts ??= hostsOf(element))
                        Checked(() => RulesOf(host).Add(rule), element);
                }
            }
        }
        catch (CommandFailure failure)
        {
            _cmdlet.ThrowTerminatingError(ErrorRecords.From(failure, null));
        }
    }

    /// <summary>All rules that came, by host; each rule once, even if it came with every row of a table.</summary>
    /// <param name="failOnUpstreamError">Whether an error elsewhere in the pipeline matters: a missing rule means a hole.</param>
    public void Complete(bool failOnUpstreamError = true)
    {
        try
        {
            Checked(_script.Complete, null);
        }
        catch (CommandFailure failure)
        {
            _cmdlet.ThrowTerminatingError(ErrorRecords.From(failure, null));
        }
        RefuseUnboundRow();
        if (failOnUpstreamError && NewError() is { } last)
            _cmdlet.ThrowTerminatingError(ErrorRecords.From(CommandFailure.UpstreamError(last), null));
        // A finding may have only words; anything else without a rule was meant to have some.
        if (_rules.Count == 0 || _rules.Any(each => each.Value.Rules.Count == 0 && !_withRemedies.Contains(each.Key)))
            _cmdlet.ThrowTerminatingError(ErrorRecords.From(CommandFailure.NoRule(), null));
        _complete = _rules.ToDictionary(each => each.Key, each => (IReadOnlyList<FirewallRule>)[.. each.Value.Rules.Distinct()]);
    }

    /// <summary>Says of a row that named no host which column it lacks; PowerShell only says that it did not bind.</summary>
    public void RefuseUnboundRow()
    {
        if (NewError() is ErrorRecord { TargetObject: { } row } error && error.FullyQualifiedErrorId.StartsWith("InputObjectNotBound", StringComparison.Ordinal)
            && CommandFailure.MissingColumn(PSObject.AsPSObject(row)) is { } missing)
            _cmdlet.ThrowTerminatingError(ErrorRecords.From(missing, null));
    }

    private RuleOrder RulesOf(HostTarget host)
    {
        if (!_rules.TryGetValue(host, out var rules))
        {
            _rules.Add(host, rules = new RuleOrder());
            _hosts.Add(host);
        }
        return rules;
    }

    private object? NewError() => LastError() is { } last && !ReferenceEquals(last, _lastError) ? last : null;

    // $Error has the newest first, even handled ones: a command that fails and goes on may have left out a rule.
    private object? LastError() =>
        Unwrap(_cmdlet.SessionState.PSVariable.GetValue("global:Error")) is IList { Count: > 0 } errors ? Unwrap(errors[0]) : null;

    // Each rule with the element that it came in: an object with rules holds several.
    private IEnumerable<(object? From, PlacedRule Rule)> Convert(object? element, bool nested)
    {
        var value = Unwrap(element);
        switch (value)
        {
            case null:
                throw Refuse("it is null: the command that should have made it returned nothing.", null);
            case FirewallRule rule:
                return [(element, new(rule))];
            case InstalledRule { Rule: { } rule }:
                return [(element, new(rule))];
            case InstalledRule other:
                throw other.IsOurs ? Refuse($"the line '{other.Text}' is not one that this module writes.", value) : CommandFailure.NotOurs(other.Text);
            case string text:
                return Checked(() => _script.Read(text), value).Select(rule => (element, rule));
            case ErrorRecord error:
                throw Refuse($"it is an error ({error}).", value);
        }
        var bag = Properties(element!, value);
        if (bag.TryGetValue("Rules", out var rules))
        {
            // Objects with rules hold rules, not more such objects.
            return !nested && rules is IEnumerable list and not string
                ? [.. list.Cast<object?>().SelectMany(rule => Convert(rule, nested: true))]
                : throw Refuse($"the property Rules of {Name(value)} is not a list of rules.", value);
        }
        // What Get-FirewallRule showed, back from a file.
        if (bag.ContainsKey(nameof(InstalledRule.Text)))
        {
            return bag.TryGetValue(nameof(InstalledRule.IsOurs), out var ours) && string.Equals($"{ours}", bool.FalseString, StringComparison.OrdinalIgnoreCase)
                ? throw CommandFailure.NotOurs($"{bag[nameof(InstalledRule.Text)]}")
                : [(element, new(Checked(() => InstalledRule.FromProperties(bag), value)))];
        }
        return value is IDictionary or PSCustomObject
            ? [(element, new(Checked(() => FirewallRule.FromProperties(bag), value)))]
            : throw Refuse($"it is {Name(value)} ({value}).", value);
    }

    // From this process, or back from JSON or CLIXML.
    private static bool IsFinding(PSObject? element) =>
        element?.BaseObject is HardeningFinding || (element?.BaseObject is PSCustomObject && element.Properties[nameof(HardeningFinding.Remedy)] is not null);

    private static Dictionary<string, object?> Properties(object element, object value)
    {
        var bag = new Dictionary<string, object?>(StringComparer.OrdinalIgnoreCase);
        if (value is IDictionary dictionary)
        {
            foreach (DictionaryEntry entry in dictionary)
            {
                if (entry.Key.ToString() is { } name && !NotOfTheObject.Contains(name, StringComparer.OrdinalIgnoreCase))
                    bag[name] = Value(entry.Value);
            }
        }
        else if (value is PSCustomObject)
        {
            foreach (var property in PSObject.AsPSObject(element).Properties)
            {
                if (property.IsGettable && !NotOfTheObject.Contains(property.Name, StringComparer.OrdinalIgnoreCase))
                    bag[property.Name] = Value(property.Value);
            }
        }
        else if (PSObject.AsPSObject(element).Properties["Rules"] is { IsGettable: true } rules)
            bag["Rules"] = Unwrap(rules.Value);
        return bag;
    }

    // An object inside is a bag itself.
    private static object? Value(object? value) => Unwrap(value) switch
    {
        PSCustomObject custom => Properties(value!, custom),
        IDictionary dictionary => Properties(dictionary, dictionary),
        var plain => plain,
    };

    private T Checked<T>(Func<T> make, object? value)
    {
        try
        {
            return make();
        }
        catch (FormatException error)
        {
            throw CommandFailure.InvalidRule(_position, error.Message, value, error);
        }
    }

    private void Checked(Action act, object? value) => Checked<object?>(() => { act(); return null; }, value);

    private CommandFailure Refuse(string reason, object? value) => CommandFailure.InvalidRule(_position, reason, value);

    // A deserialized enum unwraps to its number, which works as well as its name. A custom object has no base object.
    private static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;

    private static string Name(object value) => $"a {value.GetType().Name}";
}
