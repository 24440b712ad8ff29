using DockerNetHarden.Docker;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Saves the rules applied on a host so that they are there after its next start, before the first container; and removes what was saved.</summary>
/// <param name="shell">The conversation with the host; its owner ends it.</param>
public sealed class RuleSaver(IShell shell)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Saves the rules applied now, in place of anything saved before by any method.</summary>
    /// <param name="method">The method.</param>
    /// <param name="confirm">Asks before something is written.</param>
    /// <param name="stop">Stops reading and asking; a write that has begun is finished.</param>
    /// <exception cref="HostException">The host cannot be read, has no rules of ours or lacks the method, a rollback waits there, or writing failed.</exception>
    public async Task<PersistenceResult> SaveAsync(PersistenceMethod method, Func<PersistencePlan, CancellationToken, Task<bool>> confirm, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(confirm);
        var rules = SavedRules.Of(await new DockerHost(shell).ReadAsync(stop).ConfigureAwait(false));
        if (rules.IsEmpty)
            throw new HostException(
                HostFailure.NothingToDo, shell.HostName, $"{shell.HostName} has no rules of ours to save.", "Apply some with Invoke-FirewallRule. To remove what was saved use Remove-FirewallRule -Saved.");
        var names = rules.SetNames;
        var reply = await shell.RunAsync(new ShellProgram().ShowFiles().ShowSets(names).Build(Patience), stop).ConfigureAwait(false);
        rules = rules with { SetLines = [.. names.SelectMany((name, index) => SetLines(name, reply.Find(PersistenceProgram.Named("set", index))!))] };
        return await CarryOutAsync(files => PersistencePlan.Keep(rules, files, method), reply, PersistenceStatus.Saved, rules.Count, confirm, stop).ConfigureAwait(false);
    }

    /// <summary>Removes everything that was saved; the rules in the tables stay.</summary>
    /// <param name="confirm">Asks before something is removed.</param>
    /// <param name="stop">Stops reading and asking.</param>
    /// <exception cref="HostException">The host cannot be read, a rollback waits there, or writing failed.</exception>
    public async Task<PersistenceResult> RemoveAsync(Func<PersistencePlan, CancellationToken, Task<bool>> confirm, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(confirm);
        var reply = await shell.RunAsync(new ShellProgram().ShowFiles().Build(Patience), stop).ConfigureAwait(false);
        return await CarryOutAsync(PersistencePlan.Nothing, reply, PersistenceStatus.Removed, 0, confirm, stop).ConfigureAwait(false);
    }

    /// <summary>The saved rules, as commands: they come back if they are removed from the tables alone.</summary>
    /// <param name="stop">Stops reading.</param>
    /// <returns>The rules; empty if nothing is saved or it cannot be read.</returns>
    public async Task<IReadOnlyList<string>> SavedLinesAsync(CancellationToken stop)
    {
        var reply = await shell.RunAsync(new ShellProgram().ShowFiles().Build(Patience), stop).ConfigureAwait(false);
        try
        {
            return SavedComparison.LinesOf(PersistenceProgram.ReadFiles(shell.HostName, reply));
        }
        // Without the right to look nothing is known, but removing rules needs only the tables.
        catch (Exception error) when (error is HostException or FormatException or PersistenceException)
        {
            return [];
        }
    }

    private async Task<PersistenceResult> CarryOutAsync(
        Func<SavedFiles, PersistencePlan> planner, ShellReply reply, PersistenceStatus done, int count, Func<PersistencePlan, CancellationToken, Task<bool>> confirm, CancellationToken stop)
    {
        var before = PersistenceProgram.ReadFiles(shell.HostName, reply);
        var plan = Make(planner, before);
        if (plan.IsEmpty)
            return Result(plan, before, PersistenceStatus.Unchanged, count);
        if (!await confirm(plan, stop).ConfigureAwait(false))
            return Result(plan, before, PersistenceStatus.Planned, count);
        var written = await shell.RunAsync(PersistenceProgram.Write(plan, Patience), stop).ConfigureAwait(false);
        Check(written, done);
        var after = PersistenceProgram.ReadFiles(shell.HostName, written);
        if (!Make(planner, after).IsEmpty)
            throw new HostException(HostFailure.NotVerified, shell.HostName, $"{shell.HostName}: what was read back is not what was saved.", $"Find out what else writes {string.Join(", ", plan.Files)}, and save again.");
        return Result(plan, after, done, count);
    }

    private PersistencePlan Make(Func<SavedFiles, PersistencePlan> planner, SavedFiles files)
    {
        try
        {
            return planner(files);
        }
        catch (PersistenceException error)
        {
            throw new HostException(HostFailure.CannotSave, shell.HostName, $"{shell.HostName}: {error.Message}", "Use another -Method, or install what this one needs.", inner: error);
        }
    }

    private void Check(ShellReply reply, PersistenceStatus done)
    {
        if (reply.Sections.FirstOrDefault(static section => section.ExitCode != 0 && !section.Name.StartsWith("saved-", StringComparison.Ordinal)) is not { } failed)
            return;
        var reason = FarText.Line(failed.Errors);
        throw failed switch
        {
            { Name: "pending", ExitCode: RollbackProgram.OtherPending } => new HostException(
                HostFailure.RollbackPending, shell.HostName,
                $"{shell.HostName}: a change there waits to be confirmed (rollback {FarText.Line(failed.Text)}) and may be taken back. Nothing was written.", "Confirm it with Confirm-FirewallChange or wait, then save.", failed.ExitCode, failed.Errors),
            _ when ShellErrors.IsNoRight(failed.Errors) => new HostException(
                HostFailure.NoPermission, shell.HostName, $"{shell.HostName}: saving writes below /etc, which needs root ({reason}).", "Log in as root, or as a user who may run /bin/sh by sudo without a password.", failed.ExitCode, failed.Errors),
            { Name: "stop" } => new HostException(
                HostFailure.SaveFailed, shell.HostName, $"{shell.HostName}: the guard cannot be stopped ({reason}). Nothing was changed.", "Look at 'systemctl status docker-net-harden-guard' there, and run the command again.", failed.ExitCode, failed.Errors),
            { Name: "reload" } => new HostException(
                HostFailure.SaveFailed, shell.HostName, $"{shell.HostName}: the files are as they should be, but systemctl failed ({reason}).",
                done == PersistenceStatus.Removed ? "Run 'systemctl daemon-reload' and 'systemctl stop docker-net-harden' there." : "Look at 'systemctl status docker-net-harden-guard' there, and save again.", failed.ExitCode, failed.Errors),
            _ => new HostException(
                HostFailure.SaveFailed, shell.HostName,
                $"{shell.HostName}: the files could not be changed ({reason}){(failed.ExitCode == PersistenceProgram.NotPutBack ? ", and not all of them could be put back" : "; all of them are as they were")}.",
                failed.ExitCode == PersistenceProgram.NotPutBack ? "Correct that, move the files that end with .dnh-old back, and run the command again." : "Correct that and run the command again.", failed.ExitCode, failed.Errors),
        };
    }

    private List<string> SetLines(string name, ShellSection section) => section.ExitCode == 0
        ? [.. AddressSet.LinesToKeep(name, PersistenceProgram.Lines(section))]
        : throw new HostException(
            HostFailure.SaveFailed, shell.HostName, $"{shell.HostName}: the set {name}, which a rule uses, cannot be read ({FarText.Line(section.Errors)}). Nothing was written.", "Install ipset there, and run as root.", section.ExitCode, section.Errors);

    private PersistenceResult Result(PersistencePlan plan, SavedFiles files, PersistenceStatus status, int count) => new()
    {
        HostName = shell.HostName,
        Method = plan.Method,
        Status = status,
        Files = plan.Files.Count > 0 && count > 0 ? plan.Files : [.. plan.Delete, .. plan.Files],
        Unit = plan.Method == PersistenceMethod.Systemd && count > 0 ? PersistencePaths.LoadUnit : null,
        Enabled = count > 0 && SavedComparison.IsLoadedAtStart(plan.Method, files),
        Count = count,
    };
}
