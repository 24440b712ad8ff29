using DockerNetHarden.Docker;

namespace DockerNetHarden.Shells;

/// <summary>Why a host could not be read or written.</summary>
public enum HostFailure
{
    /// <summary>The shell or ssh could not be started.</summary>
    CannotStart,

    /// <summary>What answered is not a POSIX shell: no frame was seen.</summary>
    NoPosixShell,

    /// <summary>The conversation ended before the program did.</summary>
    ConnectionLost,

    /// <summary>What came back cannot be the program's reply: too long, sections missing, or frames that contradict each other.</summary>
    BadReply,

    /// <summary>The program did not end in time.</summary>
    Timeout,

    /// <summary>No iptables on the host.</summary>
    IptablesMissing,

    /// <summary>No right to read or write the tables.</summary>
    NoPermission,

    /// <summary>A chain that a rule hooks into does not exist (Docker not started, or <c>iptables: false</c>).</summary>
    ChainMissing,

    /// <summary>The save output could not be read, or says that a table is incompatible.</summary>
    UnreadableRules,

    /// <summary>iptables-restore refused a text.</summary>
    RestoreFailed,

    /// <summary>The tables changed between reading and writing, again and again.</summary>
    Contended,

    /// <summary>What was read back is not what was written.</summary>
    NotVerified,

    /// <summary>A written table could not be taken back after a later one failed.</summary>
    UndoFailed,

    /// <summary>An operand could not be resolved on this host.</summary>
    UnresolvedOperand,

    /// <summary>Docker runs rootless: this host's tables do not decide its packets.</summary>
    RootlessDocker,

    /// <summary>nftables cannot express a rule.</summary>
    NotInNftables,

    /// <summary>There is nothing to plan.</summary>
    NothingToDo,

    /// <summary>The plan needs Force.</summary>
    NeedsForce,

    /// <summary>ssh does not know the host's key, and no key is accepted by default.</summary>
    UnknownHostKey,

    /// <summary>The host's key is not the one that ssh knows.</summary>
    ChangedHostKey,

    /// <summary>The host did not let the user in.</summary>
    AuthenticationFailed,

    /// <summary>No connection: refused, timed out, no route.</summary>
    Unreachable,

    /// <summary>The host's name has no address.</summary>
    CannotResolve,

    /// <summary>Another change on the host waits to be confirmed.</summary>
    RollbackPending,

    /// <summary>The rollback to confirm does not exist on the host.</summary>
    RollbackUnknown,

    /// <summary>Too late to confirm: the change was taken back.</summary>
    RolledBack,

    /// <summary>The rollback could not be armed, or could not take the change back.</summary>
    RollbackFailed,

    /// <summary>Rules cannot be saved in the way that was asked for: the host lacks what that needs.</summary>
    CannotSave,

    /// <summary>The files for the next start could not be written.</summary>
    SaveFailed,
}

/// <summary>
/// A failure of one host: the reason as data, and a message with cause and remedy. The message is one line without control characters, whatever the host printed.
/// </summary>
public sealed class HostException(HostFailure failure, string host, string cause, string remedy, int? exitCode = null, string? errors = null, Exception? inner = null)
    : Exception(FarText.OneLine($"{cause} {remedy}"), inner)
{
    private readonly string? _output;

    /// <summary>What happened: the message without its remedy.</summary>
    public string Cause { get; } = FarText.OneLine(cause);

    /// <summary>What to do about it, in whole sentences.</summary>
    public string Remedy { get; } = FarText.OneLine(remedy);

    /// <summary>The reason.</summary>
    public HostFailure Failure { get; } = failure;

    /// <summary>The host as the user named it.</summary>
    public string Host { get; } = host;

    /// <summary>The exit code of the command that failed.</summary>
    public int? ExitCode { get; } = exitCode;

    /// <summary>What the command wrote to standard error, as lines without other control characters.</summary>
    public string? Errors { get; } = errors is null ? null : FarText.Lines(errors);

    /// <summary>The end of what came on standard output outside the program's frames, as lines without other control characters; null if unknown.</summary>
    public string? Output { get => _output; init => _output = value is null ? null : FarText.Lines(value); }
}

/// <summary>What to do after a conversation that did not end as it should; the module's own conversation, in a PowerShell session, says the same.</summary>
public static class HostRemedies
{
    /// <summary>What to do if it is unknown whether a host was changed.</summary>
    public const string LookAgain = "Whether the work there was done is unknown: look at the host with Get-FirewallRule, then apply again.";

    /// <summary>What to do about a program that took too long.</summary>
    /// <param name="parameter">The parameter that allows more time.</param>
    /// <param name="hasBegun">Whether it is a change that the host had received: it may have been made.</param>
    public static string MoreTime(string parameter, bool hasBegun) => $"{(hasBegun ? LookAgain + " " : "")}Allow more time with {parameter}, or check on the host what it waits for.";
}

/// <summary>What programs on a host say if the user lacks a right.</summary>
internal static class ShellErrors
{
    // sudo(8); iptables-nft and -legacy without CAP_NET_ADMIN; a shell without the right to execute the file.
    private static readonly string[] NoRight =
    [
        "a password is required", "a terminal is required", "is not allowed to", "is not in the sudoers file", "may not run sudo", "sudo: not found", "sudo: command not found",
        "sudo: effective uid is not 0", "no new privileges", "Permission denied", "Operation not permitted", "you must be root",
    ];

    internal static bool IsNoRight(string errors) => NoRight.Any(text => errors.Contains(text, StringComparison.Ordinal));
}
