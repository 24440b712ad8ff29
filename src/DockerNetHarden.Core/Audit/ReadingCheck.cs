using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Audit;

/// <summary>What could not be read: an error is not a failure of a control, and certainly not a pass.</summary>
internal sealed class ReadingCheck : ICheck
{
    private static readonly CheckInfo Docker = new("DOCKER-READ", "Docker answers when it is asked", Severity.High);
    private static readonly CheckInfo Rootless = new("DOCKER-ROOTLESS", "Docker's rules are in the tables of the host", Severity.High);
    private static readonly CheckInfo Tables = new("TABLES-READ", "The rules of both families can be read", Severity.High);
    private static readonly CheckInfo Part = new("PART-READ", "Everything that decides a packet's way can be read", Severity.Medium);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        var host = audit.Host;
        yield return host.DockerError is { } error ? Docker.Found(audit, FindingStatus.Error, error.Message)
            : host.Engine is null ? Docker.Found(audit, FindingStatus.Error, "Docker was not asked, so its networks are not known.")
            : Docker.Found(audit, FindingStatus.Pass, $"Docker {host.Engine.Version}");
        yield return !audit.IsRootless ? Rootless.Found(audit, FindingStatus.Pass)
            : Rootless.Found(audit, FindingStatus.Error, "This daemon runs rootless, in a user namespace: its networks and rules are in a network namespace of their own, which was not read.");
        var missing = new[] { Family.IPv4, Family.IPv6 }.Where(family => !host.Rules.ContainsKey(family) && (family == Family.IPv4 || host.HasIPv6)).ToList();
        yield return missing.Count == 0 ? Tables.Found(audit, FindingStatus.Pass)
            : Tables.Found(audit, FindingStatus.Error, [.. missing.Select(family => $"The {family} rules could not be read.")]) with
            {
                Remedy = "Install the distribution's iptables package.",
            };
        if (host.Unread.Count == 0)
            yield return Part.Found(audit, FindingStatus.Pass);
        foreach (var (part, reason) in host.Unread.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            yield return Part.Found(audit, FindingStatus.Warning, $"{part}: {reason}");
        // nft itself shows what they hold.
        if (host.Nft is not null)
            yield break;
        foreach (var table in host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => pair.Value.IncompatibleTables.Select(table => $"{pair.Key} {table}: it holds native nftables rules, which iptables-save prints wrongly.")))
            yield return Part.Found(audit, FindingStatus.Warning, table);
    }
}
