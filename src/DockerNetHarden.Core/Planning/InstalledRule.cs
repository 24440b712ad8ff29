using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>A rule in a host's tables, with its counters: ours or anybody's.</summary>
public sealed record InstalledRule
{
    /// <summary>The host as the user named it.</summary>
    public required string HostName { get; init; }

    /// <summary>The family.</summary>
    public required Family Family { get; init; }

    /// <summary>The table.</summary>
    public required string Table { get; init; }

    /// <summary>The chain that holds the line; for a rule of ours its control's own chain, for example <c>DNH-METADATA</c>.</summary>
    public required string Chain { get; init; }

    /// <summary>The place in the chain, counted from 1.</summary>
    public required int Position { get; init; }

    /// <summary>How many packets matched since the line was written.</summary>
    public required long Packets { get; init; }

    /// <summary>How many bytes these packets had.</summary>
    public required long Bytes { get; init; }

    /// <summary>The control in its mark; null if the rule is not ours.</summary>
    public string? Control { get; init; }

    /// <summary>The subject in its mark.</summary>
    public string? Subject { get; init; }

    /// <summary>The network in its mark.</summary>
    public string? Network { get; init; }

    /// <summary>The line as a person would type it, with the command.</summary>
    public required string Text { get; init; }

    /// <summary>The line as a rule; null if it is not ours, or was changed to one that this module does not write.</summary>
    public FirewallRule? Rule { get; init; }

    /// <summary>Whether the line belongs to this module: it has a mark and is in a chain of ours.</summary>
    public bool IsOurs => Control is not null;

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>All rules of a host, in the order of the tables: IPv4 first.</summary>
    public static IReadOnlyList<InstalledRule> ReadAll(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return [.. host.Rules.OrderBy(rules => rules.Key).SelectMany(rules => rules.Value.AllRules).Select(line => Read(line, host.HostName))];
    }

    // A mark counts only in a chain of ours: a rule that somebody typed into DOCKER-USER with our comment is still theirs.
    private static InstalledRule Read(Iptables.RuleLine line, string host)
    {
        var ours = Hook.OwnerOf(line.Table, line.Chain) is var (_, hook) ? OurLine.Read(line, hook) : null;
        return new InstalledRule
        {
            HostName = host,
            Family = line.Family,
            Table = line.Table,
            Chain = line.Chain,
            Position = line.Position,
            Packets = line.Packets,
            Bytes = line.Bytes,
            Control = ours?.Mark?.Control,
            Subject = ours?.Mark?.Subject,
            Network = ours?.Mark?.Network,
            Text = Plan.CommandLine(line),
            Rule = ours?.Rule,
        };
    }
}
