using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Persistence;

/// <summary>Compares what a host will have after its next start with what it has now.</summary>
public sealed record SavedComparison
{
    // Lines are compared, not the commands that load them.
    private static readonly IptablesTool Any = new(IptablesBackend.Nft, "", "iptables", "ip6tables");

    /// <summary>The method by which something is saved; null if nothing is.</summary>
    public PersistenceMethod? Method { get; init; }

    /// <summary>Whether the saved rules are loaded when the host starts.</summary>
    public bool IsEnabled { get; init; }

    /// <summary>Rules that are applied but not saved, as commands: gone after the next start.</summary>
    public IReadOnlyList<string> NotSaved { get; init; } = [];

    /// <summary>Rules that are saved but not applied, as commands: back after the next start.</summary>
    public IReadOnlyList<string> NotApplied { get; init; } = [];

    /// <summary>Why the saved rules cannot be read; null if they can.</summary>
    public string? Error { get; init; }

    /// <summary>Whether the host will have the same rules after its next start.</summary>
    public bool IsSame => Error is null && NotSaved.Count + NotApplied.Count == 0 && (Method is null || IsEnabled);

    /// <summary>Compares; null if the snapshot does not say what is on the disk.</summary>
    /// <param name="host">The host.</param>
    public static SavedComparison? Of(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        if (host.Saved is not { } files)
            return null;
        try
        {
            var method = PersistencePlan.MethodOf(files);
            var saved = LinesOf(files);
            var applied = Lines(SavedRules.Of(host));
            return new SavedComparison
            {
                Method = method,
                IsEnabled = method is { } known && IsLoadedAtStart(known, files),
                NotSaved = [.. applied.Except(saved, StringComparer.Ordinal)],
                NotApplied = [.. saved.Except(applied, StringComparer.Ordinal)],
            };
        }
        catch (Exception error) when (error is FormatException or PersistenceException)
        {
            return new SavedComparison { Error = error.Message };
        }
    }

    /// <summary>The saved rules, as commands.</summary>
    /// <exception cref="FormatException">They cannot be read.</exception>
    internal static IReadOnlyList<string> LinesOf(SavedFiles files) => Lines(Read(files));

    // netfilter-persistent runs every plugin it finds.
    internal static bool IsLoadedAtStart(PersistenceMethod method, SavedFiles files) => method switch
    {
        PersistenceMethod.Systemd => PersistencePaths.Links.All(link => files.Links.Contains(link, StringComparer.Ordinal)),
        PersistenceMethod.IptablesServices => PersistencePaths.ForeignLinks.Any(link => files.Links.Contains(link, StringComparer.Ordinal)),
        _ => files.Texts.ContainsKey(PersistencePaths.Plugin),
    };

    private static SavedRules Read(SavedFiles files) => PersistencePlan.MethodOf(files) switch
    {
        PersistenceMethod.IptablesServices => SavedRules.FromLines(
            Parsed(files, Family.IPv4, PersistencePaths.Sysconfig4).Concat(Parsed(files, Family.IPv6, PersistencePaths.Sysconfig6)), Any),
        null => SavedRules.FromLines([], Any),
        _ when files.Texts.TryGetValue(PersistencePaths.Rules, out var text) => SavedRules.Parse(text),
        _ => throw new FormatException($"{PersistencePaths.Rules} is missing or cannot be read; save again with Save-FirewallRule."),
    };

    private static IEnumerable<RuleLine> Parsed(SavedFiles files, Family family, string path) =>
        files.Texts.TryGetValue(path, out var text) ? Ruleset.Parse(family, text).AllRules : [];

    private static List<string> Lines(SavedRules rules) =>
        [.. rules.Tables.SelectMany(static table => table.Chains.SelectMany(static chain => chain.Lines)
            .Select(line => $"{(table.Family == Family.IPv4 ? "iptables" : "ip6tables")} {(table.Table is "filter" ? "" : $"-t {table.Table} ")}{line}")), .. rules.NftRules];
}
