using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Reads the reply of the writing program. Pure: reply in, outcome out.</summary>
internal static class WriteReading
{
    /// <exception cref="HostException">There is no permission to write, or the rules could not be read back.</exception>
    internal static WriteOutcome Read(string host, WriteRequest request, ShellReply reply)
    {
        var steps = reply.Sections.Where(static section => section.Name.StartsWith("step-", StringComparison.Ordinal)).ToList();
        var undone = reply.Sections.Where(static section => section.Name.StartsWith("undo-", StringComparison.Ordinal)).ToList();
        var premises = reply.Sections.Where(static section => section.Name.StartsWith("premise-", StringComparison.Ordinal)).ToList();
        var failed = steps.Find(static step => step.ExitCode != 0);
        var table = reply.Find("table") is { ExitCode: not 0 } refused ? refused : null;
        var sets = reply.Find("sets") is { ExitCode: not 0 } unmade ? unmade : null;
        // That the step that was killed could not be taken back says nothing: perhaps it had written nothing.
        var killed = failed is { ExitCode: > WriteOutcome.LastOwnCode } ? failed.Name.Replace("step-", "undo-", StringComparison.Ordinal) : null;
        var stuck = undone.Where(undo => undo.ExitCode != 0 && undo.Name != killed).ToList();
        var unread = premises.Find(static premise => premise.ExitCode is not (0 or 1));

        // In these two cases nothing was written; an error says more than an outcome.
        if (unread is not null)
            throw ShellErrors.IsNoRight(unread.Errors)
                ? HostErrors.NoPermission(host, "of the conversation", unread)
                : HostErrors.Unreadable(host, "iptables-save", unread);
        var arm = reply.Find("arm");
        if (arm is not null && arm.ExitCode is not (0 or RollbackProgram.AlreadyArmed))
            throw HostErrors.NotArmed(host, arm);
        if (failed is not null && steps.Count == 1 && ShellErrors.IsNoRight(failed.Errors))
            throw HostErrors.NoPermission(host, "of the conversation", failed);
        if (table is not null && steps.Count == 0 && ShellErrors.IsNoRight(table.Errors))
            throw HostErrors.NoPermission(host, "of the conversation", table);
        if (reply.Find("untable") is { ExitCode: not 0 } stayed)
            stuck.Add(stayed);

        var status = premises.Exists(static premise => premise.ExitCode == 1) ? WriteStatus.Stale
            : failed is not null || table is not null || sets is not null ? WriteStatus.Failed
            : WriteStatus.Written;
        if (status == WriteStatus.Written && (steps.Count != request.Steps.Count || (request.Nft is not null && reply.Find("table") is null)))
            throw new HostException(
                HostFailure.ConnectionLost, host,
                $"Host '{host}': only {steps.Count} of {request.Steps.Count} steps were reported.",
                "Read the host again to see what it has.");

        return new WriteOutcome
        {
            Status = status,
            Rules = ReadBack(host, request, reply, status, stuck.Count > 0, killed is not null),
            OwnTable = OwnTables.Read(host, reply.Find(OwnTables.Section)).Table,
            IsTableRefused = table is not null,
            AreSetsRefused = sets is not null,
            IpSets = request.Sets is null ? null : OwnSets.Read(host, reply.Find(OwnSets.Section)),
            RollbackArmed = arm is not null && reply.Find("disarm") is not { ExitCode: 0 },
            FailedStep = failed is null ? null : int.Parse(failed.Name.AsSpan("step-".Length), CultureInfo.InvariantCulture) - 1,
            ExitCode = (failed ?? table ?? sets)?.ExitCode,
            Errors = (failed ?? table ?? sets) is not { } first ? "" : string.Join('\n', stuck.Prepend(first).Select(static section => section.Errors.Trim())),
            IsTransient = stuck.Count == 0 && (failed is not null ? HostErrors.IsTransient(failed.ExitCode, failed.Errors) : table is not null && OwnTables.IsLostRace(table.Errors)),
            UndoFailed = stuck.Count > 0,
        };
    }

    private static Dictionary<Family, Ruleset> ReadBack(string host, WriteRequest request, ShellReply reply, WriteStatus status, bool undoFailed, bool wasKilled)
    {
        var rules = new Dictionary<Family, Ruleset>();
        try
        {
            foreach (var (family, name, prefix) in new[] { (Family.IPv4, "save4", request.Tool.Prefix4), (Family.IPv6, "save6", request.Tool.Prefix6) })
            {
                if (prefix is not null && reply.Find(name) is { } section)
                    rules[family] = HostReading.RulesOf(host, "of the conversation", family, prefix + "-save", section);
            }
        }
        catch (HostException error)
        {
            throw HostErrors.NotReadBack(host, (status, undoFailed || wasKilled) switch
            {
                (WriteStatus.Written, _) => "every step was written",
                (WriteStatus.Stale, _) => "the rules had changed and nothing was written",
                (_, true) when wasKilled => "iptables-restore was killed, and whether its table was written is unknown",
                (_, true) => "a step was refused and not all of those before it could be taken back",
                _ => "a step was refused and those before it were taken back",
            }, error);
        }
        return rules;
    }
}

/// <summary>How a write ended.</summary>
public enum WriteStatus
{
    /// <summary>A premise no longer held; nothing was written. Plan again on <see cref="WriteOutcome.Rules"/>.</summary>
    Stale,

    /// <summary>Every step was written.</summary>
    Written,

    /// <summary>A step was refused; those before it were taken back, unless <see cref="WriteOutcome.UndoFailed"/>.</summary>
    Failed,
}

/// <summary>How a write ended, and what the tables hold now.</summary>
public sealed record WriteOutcome
{
    /// <summary>The last exit code that is a program's own; sh makes higher ones of signals.</summary>
    internal const int LastOwnCode = 128;

    /// <summary>How it ended.</summary>
    public required WriteStatus Status { get; init; }

    /// <summary>The rule sets as read back after the write, one per family.</summary>
    public required IReadOnlyDictionary<Family, Ruleset> Rules { get; init; }

    /// <summary>Our nftables table as read back; null if it was not read.</summary>
    public NftRuleset? OwnTable { get; init; }

    /// <summary>Whether nft refused the text for it; <see cref="FailedStep"/> is null then.</summary>
    public bool IsTableRefused { get; init; }

    /// <summary>Our sets of ipset as read back; null if they were not read.</summary>
    internal IReadOnlyList<HostIpSet>? IpSets { get; init; }

    /// <summary>Whether ipset refused to make a set; <see cref="FailedStep"/> is null then.</summary>
    internal bool AreSetsRefused { get; init; }

    /// <summary>Whether the rollback of the request waits on the host: this write or an earlier one armed it, and it has not ended.</summary>
    public bool RollbackArmed { get; init; }

    /// <summary>The step that was refused, as an index into <see cref="WriteRequest.Steps"/>; null if none was.</summary>
    public int? FailedStep { get; init; }

    /// <summary>The exit code of iptables-restore for that step.</summary>
    public int? ExitCode { get; init; }

    /// <summary>Whether a signal ended it: it may have written its table all the same. <see cref="Rules"/> shows it.</summary>
    internal bool WasKilled => ExitCode > LastOwnCode;

    /// <summary>What it wrote to standard error; if the undo failed too, also what that wrote.</summary>
    public string Errors { get; init; } = "";

    /// <summary>
    /// Whether it is worth planning again: another program changed the tables at the same time or holds their lock. Source: iptables-restore(8)
    /// exits with 4 for a resource problem; iptables-nft says "Bad rule" or "Resource temporarily unavailable" for a lost race.
    /// </summary>
    public bool IsTransient { get; init; }

    /// <summary>Whether a written table could not be taken back: the host is between the old and the new rules, as <see cref="Rules"/> shows.</summary>
    public bool UndoFailed { get; init; }
}
