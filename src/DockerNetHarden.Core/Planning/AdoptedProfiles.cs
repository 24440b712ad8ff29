using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>
/// The profiles of adopted networks: those that existed without the profile's label, which Docker cannot add later. The comments of their rules keep the profile, and it is gone with
/// the last of these rules.
/// </summary>
public static class AdoptedProfiles
{
    /// <summary>The profile that the comments of a host's rules give to each network, by the network's name.</summary>
    /// <param name="host">The host.</param>
    public static IReadOnlyDictionary<string, string> Of(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        var profiles = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (mark, profile) in Notes(host))
            profiles.TryAdd(mark.Network!, profile);
        return profiles;
    }

    /// <summary>The profile of a network: in its label or, if it has none, in the comments of its rules; null if it has none at all.</summary>
    /// <param name="network">The network.</param>
    /// <param name="adopted">The profiles of <see cref="Of"/>.</param>
    public static string? ProfileOf(DockerNetwork network, IReadOnlyDictionary<string, string> adopted)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(adopted);
        return network.Profile ?? adopted.GetValueOrDefault(network.Name);
    }

    /// <summary>Refuses, without Force, rules that would give a network a second profile: what only the old one forbids would stay, under its name.</summary>
    internal static void Check(IReadOnlyList<FirewallRule> desired, HostSnapshot host)
    {
        var asked = desired.Select(rule => (Rule: rule, Profile: rule.Mark.ProfileIn(rule.Comment))).Where(pair => pair.Profile is not null).GroupBy(pair => pair.Rule.Network!, StringComparer.Ordinal)
            .ToDictionary(group => group.Key, group => (Profile: group.First().Profile!, Marks: group.Select(pair => pair.Rule.Mark).ToHashSet()), StringComparer.Ordinal);
        if (asked.Count == 0)
            return;
        foreach (var (mark, profile) in Notes(host))
        {
            if (asked.TryGetValue(mark.Network!, out var wanted) && !string.Equals(wanted.Profile, profile, StringComparison.Ordinal) && !wanted.Marks.Contains(mark))
                throw new PlanException(PlanFailure.NeedsForce, $"The network '{mark.Network}' of {host.HostName} has the profile {profile}, and the rules are for {wanted.Profile}: {mark} would stay.", $"Remove its rules first: Remove-FirewallRule -Network {mark.Network}; or give -Force.");
        }
    }

    private static IEnumerable<(RuleMark Mark, string Profile)> Notes(HostSnapshot host) =>
        from comment in Comments(host)
        let note = RuleMark.TryParse(comment, out var mark, out var words) && mark!.ProfileIn(words) is { } profile ? (mark, profile) : default
        where note.mark is not null
        select note;

    private static IEnumerable<string> Comments(HostSnapshot host) =>
        (from rules in host.Rules.Values
         from table in Hook.Tables
         from chain in rules.ChainsOf(table)
         where Hook.OwnerOf(table, Hook.WholeOf(chain.Name)) is not null
         from line in rules[table, chain.Name]
         select line).Concat(OwnTable.Of(host).Chains.SelectMany(static chain => chain.Lines).Select(static line => line.Line)).SelectMany(static line => RuleOptions.ValuesOf(line.Tokens, "--comment"));
}
