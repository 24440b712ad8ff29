using DockerNetHarden.Iptables;

namespace DockerNetHarden.Snapshots;

/// <summary>One family's rule set in one backend, with the command that writes there.</summary>
/// <param name="Tool">The command: <c>iptables</c>, or <c>iptables-nft</c> or <c>iptables-legacy</c> if <c>iptables</c> is the other
/// backend.</param>
/// <param name="Rules">What it holds.</param>
public sealed record BackendCandidate(InstalledTool Tool, Ruleset Rules)
{
    /// <summary>Whether Docker's chains are here: DOCKER-USER or DOCKER in filter, DOCKER in nat. Source: Docker's "Packet filtering and
    /// firewalls".</summary>
    public bool HasDocker => Rules.HasChain("filter", "DOCKER-USER") || Rules.HasChain("filter", "DOCKER") || Rules.HasChain("nat", "DOCKER");

    /// <summary>Whether FORWARD jumps to DOCKER-USER, which only a daemon that runs with this backend makes.</summary>
    public bool JumpsToDockerUser => Rules["filter", "FORWARD"].Any(static rule =>
        rule.Tokens.Zip(rule.Tokens.Skip(1)).Any(static pair => pair is { First: "-j" or "--jump", Second: "DOCKER-USER" }));
}

/// <summary>
/// Finds the backend that Docker uses: a host can have rules in iptables-nft and in iptables-legacy, and rules in the one without Docker's
/// chains protect nothing.
/// </summary>
public static class BackendChoice
{
    /// <summary>
    /// The candidate with Docker's chains; if several have them, the one whose FORWARD jumps to DOCKER-USER (chains of a daemon that
    /// once ran with
    /// the other backend stay behind); if that does not decide, the first.
    /// </summary>
    /// <param name="candidates">The candidates of one family, the default command's first.</param>
    /// <returns>The choice; null if there is no candidate.</returns>
    public static BackendCandidate? Choose(IReadOnlyList<BackendCandidate> candidates)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        return candidates.FirstOrDefault(static candidate => candidate.HasDocker && candidate.JumpsToDockerUser)
            ?? candidates.FirstOrDefault(static candidate => candidate.HasDocker)
            ?? (candidates.Count > 0 ? candidates[0] : null);
    }
}
