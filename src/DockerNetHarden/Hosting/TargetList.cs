using System.Collections;
using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using DockerNetHarden.Errors;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosting;

/// <summary>
/// Collects the hosts of a command: from its arguments, or from the objects of the pipeline. Fails closed: an impossible host, and objects of which some
/// name a host and some do not, end the command before any host is touched.
/// </summary>
internal sealed class TargetList
{
    private readonly List<HostTarget> _all = [];
    private readonly HashSet<HostTarget> _seen = [];
    private bool _unnamed;

    /// <summary>All hosts that came, each once, in their order.</summary>
    public IReadOnlyList<HostTarget> All => _all;

    /// <summary>How ssh is called; null leaves a setting to ssh_config.</summary>
    public TimeSpan? ConnectTimeout { get; init; }

    public string? KeyFilePath { get; init; }

    public IReadOnlyList<KeyValuePair<string, string>> Options { get; init; } = [];

    /// <summary>Adds the hosts that one object names; all of them are this machine, or for ssh, or sessions.</summary>
    /// <exception cref="CommandFailure">A name that cannot be a host's, or hosts beside objects without any.</exception>
    public IReadOnlyList<HostTarget> Add(IReadOnlyList<string?> hostNames, string? userName, int? port)
    {
        if (hostNames.Count == 0)
            throw CommandFailure.InvalidHostName("", "the list of hosts is empty.");
        return Remember([.. hostNames.Select(name => Named(name, userName, port))]);
    }

    public IReadOnlyList<HostTarget> Add(IReadOnlyList<PSSession?> sessions) => sessions.Count == 0
        ? throw CommandFailure.UnusableSession("", "the list of sessions is empty.")
        : Remember([.. sessions.Select(session => session is null
            ? throw CommandFailure.UnusableSession("", "one of the sessions is null: New-PSSession failed.")
            : HostTarget.Over(session, ConnectTimeout))]);

    /// <summary>Adds the files of snapshots: no host is asked.</summary>
    /// <exception cref="CommandFailure">Files beside objects without any.</exception>
    public IReadOnlyList<HostTarget> AddSnapshots(IEnumerable<string> paths) => Remember([.. paths.Select(HostTarget.OfSnapshot)]);

    /// <summary>Adds an object that names no host: it means this machine, unless other objects name hosts.</summary>
    /// <exception cref="CommandFailure">Hosts beside objects without any.</exception>
    public IReadOnlyList<HostTarget> AddUnnamed()
    {
        _unnamed = true;
        return Remember([HostTarget.Local()]);
    }

    /// <summary>The entries of -Options; a list gives several.</summary>
    /// <exception cref="CommandFailure">A name or a value is null or empty.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> ReadOptions(Hashtable? options) =>
        [.. (options ?? []).Cast<DictionaryEntry>()
            .Select(entry => (Name: Text(entry.Key), entry.Value))
            // Hashtables have no order, but ssh uses the first value of an option, and the same call must always mean the same.
            .OrderBy(entry => entry.Name, StringComparer.OrdinalIgnoreCase)
            .SelectMany(entry => Values(entry.Value).Select(value => KeyValuePair.Create(entry.Name, Text(value))))];

    private HostTarget Named(string? name, string? userName, int? port)
    {
        if (string.IsNullOrWhiteSpace(name))
            throw CommandFailure.InvalidHostName(name ?? "", "it is empty: a row without a host, or a variable that was never set.");
        // The name in this machine's results, so that they can be piped on.
        if (string.Equals(name, HostTarget.LocalName, StringComparison.OrdinalIgnoreCase))
            return HostTarget.Local();
        try
        {
            return HostTarget.Over(SshTarget.Parse(name, string.IsNullOrEmpty(userName) ? null : userName, port, KeyFilePath, ConnectTimeout, Options));
        }
        catch (SshTargetException error)
        {
            throw CommandFailure.InvalidTarget(name, error);
        }
    }

    private IReadOnlyList<HostTarget> Remember(IReadOnlyList<HostTarget> targets)
    {
        foreach (var target in targets)
        {
            if (_seen.Add(target))
                _all.Add(target);
        }
        // localhost and no host at all mean the same machine.
        return _unnamed && _all.Find(target => !target.IsLocal) is { } named ? throw CommandFailure.MixedTargets(named.Name) : targets;
    }

    private static IEnumerable<object?> Values(object? value) => Unwrap(value) is IEnumerable list and not string ? list.Cast<object?>() : [value];

    private static string Text(object? value) =>
        Convert.ToString(Unwrap(value), CultureInfo.InvariantCulture) is { Length: > 0 } text ? text : throw CommandFailure.InvalidOption();

    private static object? Unwrap(object? value) => value is PSObject wrapped ? wrapped.BaseObject : value;
}
