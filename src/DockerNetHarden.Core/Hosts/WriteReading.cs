using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Hosts;

/// <summary>Reads the reply of the writing program. Pure: reply in, outcome out.</summary>
internal static class WriteReading
{
    /// <exception cref="HostException">There is no right to write, or the rules could not be read back.</exception>
    internal static WriteOutcome Read(string host, WriteRequest request, ShellReply reply)
    {
        var steps = reply.Sections.Where(static section => section.Name.StartsWith("step-", StringComparison.Ordinal)).ToList();
        var undone = reply.Sections.Where(static section => section.Name.StartsWith("undo-", StringComparison.Ordinal)).ToList();
        var premises = reply.Sections.Where(static section => section.Name.StartsWith("premise-", StringComparison.Ordinal)).ToList();
        var failed = steps.Find(static step => step.ExitCode != 0);
        var stuck = undone.Where(static undo => undo.ExitCode != 0).ToList();
        var unread = premises.Find(static premise => premise.ExitCode is not (0 or 1));

        // Nothing was written in these two cases; a plain error says more than an outcome.
        if (unread is not null)
            throw HostErrors.IsNoRight(unread.Errors)
                ? HostErrors.NoPermission(host, "of the conversation", unread)
                : HostErrors.Unreadable(host, "iptables-save", unread);
        var arm = reply.Find("arm");
        if (arm is not null && arm.ExitCode is not (0 or RollbackProgram.AlreadyArmed))
            throw HostErrors.NotArmed(host, arm);
        if (failed is not null && steps.Count == 1 && HostErrors.IsNoRight(failed.Errors))
            throw HostErrors.NoPermission(host, "of the conversation", failed);

        var status = premises.Exists(static premise => premise.ExitCode == 1) ? WriteStatus.Stale
            : failed is not null ? WriteStatus.Failed
            : WriteStatus.Written;
        if (status == WriteStatus.Written && steps.Count != request.Steps.Count)
            throw new HostException(
                HostFailure.ConnectionLost, host,
                $"Host '{host}': {steps.Count} of {request.Steps.Count} steps were reported.",
                "Read the host again to see what it has.");

        return new WriteOutcome
        {
            Status = status,
            Rules = ReadBack(host, request, reply, status, stuck.Count > 0),
            RollbackArmed = arm is not null && reply.Find("disarm") is not { ExitCode: 0 },
            FailedStep = failed is null ? null : int.Parse(failed.Name.AsSpan("step-".Length), CultureInfo.InvariantCulture) - 1,
            ExitCode = failed?.ExitCode,
            Errors = failed is null ? "" : string.Join('\n', stuck.Prepend(failed).Select(static section => section.Errors.Trim())),
            IsTransient = failed is not null && stuck.Count == 0 && HostErrors.IsTransient(failed.ExitCode, failed.Errors),
            UndoFailed = stuck.Count > 0,
        };
    }

    private static Dictionary<Family, Ruleset> ReadBack(string host, WriteRequest request, ShellReply reply, WriteStatus status, bool undoFailed)
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
            throw HostErrors.NotReadBack(host, (status, undoFailed) switch
            {
                (WriteStatus.Written, _) => "every step was written",
                (WriteStatus.Stale, _) => "the rules had changed and nothing was written",
                (_, true) => "a step was refused and those before it could not all be taken back",
                _ => "a step was refused and those before it were taken back",
            }, error);
        }
        return rules;
    }
}
