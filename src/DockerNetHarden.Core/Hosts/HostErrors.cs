using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosts;

/// <summary>The failures of reading and writing tables, one method for each: reason, text and way out.</summary>
internal static class HostErrors
{
    // What iptables says when another program was faster or holds the lock: libnftnl's commit race, the xtables lock, EAGAIN, EBUSY.
    private static readonly string[] LostRace = ["Bad rule", "Chain already exists", "File exists", "Resource temporarily unavailable", "Device or resource busy", "xtables lock", "Another app is currently holding"];

    internal static bool IsTransient(int exitCode, string errors) =>
        !ShellErrors.IsNoRight(errors) && (exitCode == 4 || LostRace.Any(text => errors.Contains(text, StringComparison.Ordinal)));

    internal static HostException IptablesMissing(string host) => new(
        HostFailure.IptablesMissing, host,
        $"Host '{host}' has no iptables in PATH, /usr/local/sbin, /usr/sbin or /sbin.", "Install its package 'iptables'; Docker needs it too.");

    internal static HostException NoPermission(string host, string user, ShellSection section) => new(
        HostFailure.NoPermission, host,
        $"Host '{host}': user id {user} has no access to the packet filter ({FarText.Line(section.Errors)}).",
        "Run as root, or allow the user iptables, iptables-save and iptables-restore in sudoers with NOPASSWD. In a container, root needs the capability NET_ADMIN.",
        section.ExitCode, section.Errors);

    internal static HostException Unreadable(string host, string command, ShellSection section) => new(
        HostFailure.UnreadableRules, host,
        $"Host '{host}': {command} failed with exit code {section.ExitCode} ({FarText.Line(section.Errors)}).", "Run it there by hand; nothing was changed.",
        section.ExitCode, section.Errors);

    internal static HostException NotParsed(string host, string command, FormatException error) => new(
        HostFailure.UnreadableRules, host, $"Host '{host}': the output of {command} cannot be read: {error.Message}", "Run it there by hand and look at what it prints.", inner: error);

    internal static HostException Incompatible(string host, Family family, string line) => new(
        HostFailure.UnreadableRules, host,
        $"Host '{host}': iptables cannot show the {family} rules ({line.TrimStart('#', ' ')}): native nftables rules are in a table of iptables, so what the table does is not known.",
        "Look at 'nft list ruleset', and move those rules into a table of their own.");

    internal static HostException NotReadBack(string host, string state, HostException error) => new(
        HostFailure.NotVerified, host, $"Host '{host}': {state}, but the rules could not be read back. {error.Cause}", error.Remedy, error.ExitCode, error.Errors, error);

    internal static HostException NotArmed(string host, ShellSection section) => section.ExitCode switch
    {
        RollbackProgram.OtherPending => new(
            HostFailure.RollbackPending, host,
            $"Host '{host}': another change there waits to be confirmed (rollback {FarText.Line(section.Text)}), and two rollbacks would take each other's rules back. Nothing was written.",
            "Confirm that one with Confirm-FirewallChange, or try again after it is taken back.", section.ExitCode, section.Errors),
        RollbackProgram.AlreadyDecided => new(
            HostFailure.RolledBack, host, $"Host '{host}': the time for this change ran out before all of it was written; the host has taken it back.", "Apply again with a longer rollback time.", section.ExitCode, section.Errors),
        _ when ShellErrors.IsNoRight(section.Errors) => NoPermission(host, "of the conversation", section),
        _ => new(
            HostFailure.RollbackFailed, host, $"Host '{host}': the rollback could not be armed ({FarText.Line(section.Errors)}), so nothing was written.", "Correct that, or apply without a rollback.", section.ExitCode, section.Errors),
    };

    /// <summary>No plan can be made for what was read; the remedy is the plan error's own.</summary>
    internal static HostException NoPlan(string host, PlanException error) => new(
        error.Failure switch
        {
            PlanFailure.UnresolvedOperand => HostFailure.UnresolvedOperand,
            PlanFailure.ChainMissing => HostFailure.ChainMissing,
            PlanFailure.FamilyMissing => HostFailure.IptablesMissing,
            PlanFailure.NeedsForce => HostFailure.NeedsForce,
            PlanFailure.SetUnread => HostFailure.UnreadableRules,
            PlanFailure.NotInNftables => HostFailure.NotInNftables,
            _ => HostFailure.NothingToDo,
        },
        host, error.Cause, error.Remedy, inner: error);

    internal static HostException Rootless(string host, DockerException error) => new(
        HostFailure.RootlessDocker, host, $"{host}: {error.Message}", "Run the engine as root, or harden inside its own namespace.", inner: error);
}
