using System.Globalization;
using System.Text.RegularExpressions;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>What a failed write means, and how it is reported.</summary>
internal static partial class WriteErrors
{
    internal static string Reason(WriteOutcome outcome) => outcome.Status switch
    {
        WriteStatus.Stale => "somebody else changed our chains since they were read; nothing was written.",
        WriteStatus.Written => "what was read back is not what was written.",
        _ => $"{(outcome.IsTableRefused ? "nft" : "iptables-restore")} lost a race ({outcome.Errors.Trim()}).",
    };

    // What a plan deletes or makes shows what it was planned on: if it is refused, somebody else was there. iptables-legacy gives no reason, only the line.
    internal static bool IsLostRace(WriteOutcome outcome, Plan plan) =>
        outcome.IsTransient || RefusedLines(outcome, plan).Any(static line => line.Text is ['-', 'D' or 'N' or 'X', ' ', ..]);

    internal static HostException Failure(string host, WriteOutcome outcome, Plan plan, int attempts) => outcome switch
    {
        { Status: WriteStatus.Stale } => new(
            HostFailure.Contended, host, $"{host}: somebody else changed our chains between reading and writing in each of {attempts} attempts; nothing of this call is left there.", "Find out who applies rules there, and try again."),
        { Status: WriteStatus.Written } => new(
            HostFailure.NotVerified, host, $"{host}: what was read back is not what was written.", "Check with Get-FirewallRule whether another tool changes our chains."),
        _ when Changed(outcome, plan) is { Count: > 0 } changed => new(
            HostFailure.UndoFailed, host, $"{host}: {Refusal(outcome, plan)}. Not everything could be taken back: {string.Join(", ", changed)} is not as it was, so the host is between the old and the new rules.",
            "Look at it with Get-FirewallRule, then apply again or Remove-FirewallRule -All.", outcome.ExitCode, outcome.Errors),
        _ => new(
            HostFailure.RestoreFailed, host, $"{host}: {Refusal(outcome, plan)}. {TakenBack(outcome, plan)}",
            outcome.AreSetsRefused ? "Correct what ipset names, then apply again." : outcome.IsTableRefused ? "Correct what nft names, then apply again." : outcome.WasKilled ? "Find out what killed iptables-restore there (journalctl -k shows a lack of memory), then apply again." : "Correct what iptables-restore names, then apply again.", outcome.ExitCode, outcome.Errors),
    };

    private static string Refusal(WriteOutcome outcome, Plan plan) => outcome.AreSetsRefused
        ? $"ipset refused a set of addresses (exit code {outcome.ExitCode}): {outcome.Errors.Trim().TrimEnd('.')}"
        : outcome.IsTableRefused
        ? $"nft refused the rules for the table {HostSnapshot.OwnFamily} {HostSnapshot.OwnName} (exit code {outcome.ExitCode}): {outcome.Errors.Trim().TrimEnd('.')}"
        : outcome.WasKilled
        ? string.Create(CultureInfo.InvariantCulture, $"iptables-restore was killed by signal {outcome.ExitCode - WriteOutcome.LastOwnCode} while it wrote {Where(outcome, plan)}")
        : $"iptables-restore refused the rules for {Where(outcome, plan)} (exit code {outcome.ExitCode}): {outcome.Errors.Trim().TrimEnd('.')}{Refused(outcome, plan)}";

    // Exit codes do not prove what stands: killed after its commit, iptables-restore has written. What was read back does.
    private static List<string> Changed(WriteOutcome outcome, Plan plan) =>
        [.. plan.Steps.Where(step => !step.OursIn(plan.Before.Rules).SequenceEqual(step.OursIn(outcome.Rules), StringComparer.Ordinal)).Select(Name),
            .. plan.Nft is not null && OwnTable.Of(plan.Before).Text != OwnTable.Of(plan.Before with { OwnTable = outcome.OwnTable }).Text ? [$"the table {HostSnapshot.OwnFamily} {HostSnapshot.OwnName}"] : Array.Empty<string>()];

    // iptables-restore names lines by number; a person wants to see them.
    private static string Refused(WriteOutcome outcome, Plan plan) =>
        string.Concat(RefusedLines(outcome, plan).Take(5).Select(line => $"; line {line.Number}: {line.Text}"));

    private static IEnumerable<(int Number, string Text)> RefusedLines(WriteOutcome outcome, Plan plan)
    {
        if (outcome.FailedStep is not { } step)
            return [];
        var lines = plan.Steps[step].Restore.Split('\n');
        return LineNumber().Matches(outcome.Errors)
            .Select(match => int.Parse(match.ValueSpan["line ".Length..], CultureInfo.InvariantCulture))
            .Where(number => number >= 1 && number < lines.Length).Distinct()
            .Select(number => (number, lines[number - 1]));
    }

    private static string Where(WriteOutcome outcome, Plan plan) => outcome.FailedStep is { } step ? Name(plan.Steps[step]) : "a table";

    private static string TakenBack(WriteOutcome outcome, Plan plan) => outcome.IsTableRefused && plan.Nft is { IsFirst: false } && plan.Steps.Count > 0
        ? $"What had been written before ({string.Join(", ", plan.Steps.Select(Name))}) was taken back: the host is as it was."
        : outcome.FailedStep is > 0 and { } step
        ? $"What had been written before ({string.Join(", ", plan.Steps.Take(step).Select(Name))}) was taken back: the host is as it was."
        : "Nothing was written: the host is as it was.";

    private static string Name(PlanStep step) => $"{step.Family} {step.Table}";

    [GeneratedRegex("line [0-9]{1,6}", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex LineNumber();
}
