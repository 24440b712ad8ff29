using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Commands;

/// <summary>Makes error records of the engine's exceptions: each reason has its id, its category and its way out.</summary>
internal static class ErrorRecords
{
    public static ErrorRecord From(Exception error, object? target)
    {
        var (id, category, wayOut) = Classify(error);
        var subject = error switch
        {
            CommandFailure failure => failure.Subject,
            RefusedValueException rule => rule.Value,
            _ => null,
        };
        return new ErrorRecord(error, id, category, subject ?? target)
        {
            ErrorDetails = new ErrorDetails(error.Message) { RecommendedAction = wayOut },
        };
    }

    internal static (string Id, ErrorCategory Category, string WayOut) Classify(Exception error) => error switch
    {
        CommandFailure failure => (failure.Id, failure.Category, failure.WayOut),
        HostException host => Of(host.Failure),
        DockerException docker => Of(docker.Failure),
        PlanException plan => Of(plan.Failure),
        RefusedValueException rule => (IdOf(rule.Part), ErrorCategory.InvalidArgument, "Correct the value; nothing was read or changed."),
        SnapshotFormatException => (ErrorIds.InvalidSnapshot, ErrorCategory.InvalidData, "Take a file as Export-DockerHostSnapshot wrote it, or write it anew."),
        FormatException or ArgumentException => (ErrorIds.InvalidArgument, ErrorCategory.InvalidArgument, "Correct the value; nothing was read or changed."),
        _ => (ErrorIds.Unexpected, ErrorCategory.NotSpecified, "This is a fault of DockerNetHarden: please report it with the output of Get-Error."),
    };

    internal static (string Id, ErrorCategory Category, string WayOut) Of(HostFailure failure) => failure switch
    {
        HostFailure.CannotStart => (ErrorIds.ShellNotStarted, ErrorCategory.ResourceUnavailable, "See whether /bin/sh exists and may be executed."),
        HostFailure.NoPosixShell => (ErrorIds.NoPosixShell, ErrorCategory.ProtocolError, "The host needs a POSIX sh."),
        HostFailure.ConnectionLost => (ErrorIds.ConnectionLost, ErrorCategory.ConnectionError, "Look at the host with Get-FirewallRule, then apply again."),
        HostFailure.Timeout => (ErrorIds.HostTimeout, ErrorCategory.OperationTimeout, "See what keeps the host busy, look at it with Get-FirewallRule, then apply again."),
        HostFailure.IptablesMissing => (ErrorIds.IptablesMissing, ErrorCategory.NotInstalled, "Install the distribution's package iptables."),
        HostFailure.NoPermission => (ErrorIds.NoPermission, ErrorCategory.PermissionDenied, "Run as root, or allow iptables by sudo without a password."),
        HostFailure.ChainMissing => (ErrorIds.ChainMissing, ErrorCategory.ObjectNotFound, "Start Docker, or give Invoke-FirewallRule -CreateChain."),
        HostFailure.UnreadableRules => (ErrorIds.UnreadableRules, ErrorCategory.ReadError, "Run iptables-save on the host and see what it says."),
        HostFailure.RestoreFailed => (ErrorIds.RestoreFailed, ErrorCategory.WriteError, "Read what iptables-restore said; the host is as it was."),
        HostFailure.Contended => (ErrorIds.Contended, ErrorCategory.ResourceBusy, "Find out who else applies rules there, and try again."),
        HostFailure.NotVerified => (ErrorIds.NotVerified, ErrorCategory.InvalidResult, "Look at the host with Get-FirewallRule."),
        HostFailure.UndoFailed => (ErrorIds.UndoFailed, ErrorCategory.WriteError, "Look at the host with Get-FirewallRule, then apply again or Remove-FirewallRule -All."),
        HostFailure.UnresolvedOperand => (ErrorIds.UnresolvedOperand, ErrorCategory.ObjectNotFound, "Get-DockerNetwork lists the host's networks."),
        HostFailure.RootlessDocker => (ErrorIds.DockerRootless, ErrorCategory.NotImplemented, "Run the engine as root, or harden inside its own namespace."),
        HostFailure.NothingToDo => (ErrorIds.NothingToDo, ErrorCategory.InvalidArgument, "To remove all that is ours use Remove-FirewallRule -All."),
        HostFailure.NeedsForce => (ErrorIds.NeedsForce, ErrorCategory.SecurityError, "Change the rule, or give -Force if it is meant so."),
        HostFailure.UnknownHostKey => (ErrorIds.UnknownHostKey, ErrorCategory.SecurityError, "Compare the host's fingerprint and log in once by hand, or distribute known_hosts."),
        HostFailure.ChangedHostKey => (ErrorIds.ChangedHostKey, ErrorCategory.SecurityError, "Find out why the key changed before you forget the old one with ssh-keygen -R."),
        HostFailure.AuthenticationFailed => (ErrorIds.AuthenticationFailed, ErrorCategory.AuthenticationError, "Give -KeyFilePath, or load the key into ssh-agent."),
        HostFailure.Unreachable => (ErrorIds.HostUnreachable, ErrorCategory.ConnectionError, "See whether the host is up and sshd listens there."),
        HostFailure.CannotResolve => (ErrorIds.HostNotResolved, ErrorCategory.ObjectNotFound, "Correct the name, or give it an address."),
        HostFailure.RollbackPending => (ErrorIds.RollbackPending, ErrorCategory.ResourceBusy, "Confirm the change that waits with Confirm-FirewallChange, or wait until it is taken back."),
        HostFailure.RollbackUnknown => (ErrorIds.RollbackUnknown, ErrorCategory.ObjectNotFound, "Look at the host with Get-FirewallRule."),
        HostFailure.RolledBack => (ErrorIds.RolledBack, ErrorCategory.OperationStopped, "Apply again, and confirm sooner."),
        HostFailure.RollbackFailed => (ErrorIds.RollbackFailed, ErrorCategory.WriteError, "Look at the host with Get-FirewallRule."),
        HostFailure.CannotSave => (ErrorIds.CannotSave, ErrorCategory.NotInstalled, "Take another -Method, or install what this one needs."),
        HostFailure.SaveFailed => (ErrorIds.SaveFailed, ErrorCategory.WriteError, "Correct the reason and run the command again: it writes what is missing."),
        _ => throw new ArgumentOutOfRangeException(nameof(failure), failure, null),
    };

    internal static (string Id, ErrorCategory Category, string WayOut) Of(PlanFailure failure) => Of(failure switch
    {
        PlanFailure.UnresolvedOperand => HostFailure.UnresolvedOperand,
        PlanFailure.ChainMissing => HostFailure.ChainMissing,
        PlanFailure.FamilyMissing => HostFailure.IptablesMissing,
        PlanFailure.NeedsForce => HostFailure.NeedsForce,
        _ => HostFailure.NothingToDo,
    });

    internal static (string Id, ErrorCategory Category, string WayOut) Of(DockerFailure failure) => failure switch
    {
        DockerFailure.NotInstalled => (ErrorIds.DockerNotInstalled, ErrorCategory.NotInstalled, "Install Docker, or set DOCKER_HOST to its socket."),
        DockerFailure.DaemonDown => (ErrorIds.DockerDaemonDown, ErrorCategory.ResourceUnavailable, "Start Docker: systemctl start docker."),
        DockerFailure.NoPermission => (ErrorIds.DockerNoPermission, ErrorCategory.PermissionDenied, "Run as root or as a member of the group docker."),
        DockerFailure.Rootless => (ErrorIds.DockerRootless, ErrorCategory.NotImplemented, "Use an engine that runs as root: the host's tables do not decide a rootless engine's packets."),
        DockerFailure.UnusableEndpoint => (ErrorIds.DockerUnusableEndpoint, ErrorCategory.InvalidArgument, "Unset DOCKER_HOST, or set it to a socket of this machine."),
        DockerFailure.ApiTooOld => (ErrorIds.DockerApiTooOld, ErrorCategory.NotImplemented, "Upgrade the engine."),
        DockerFailure.NotFound => (ErrorIds.DockerNotFound, ErrorCategory.ObjectNotFound, "Get-DockerNetwork lists what there is."),
        DockerFailure.Conflict => (ErrorIds.DockerConflict, ErrorCategory.ResourceExists, "Take another name, bridge name or subnet."),
        DockerFailure.BadRequest => (ErrorIds.DockerBadRequest, ErrorCategory.InvalidArgument, "Correct what was asked for."),
        DockerFailure.EngineError => (ErrorIds.DockerEngineError, ErrorCategory.InvalidResult, "See the engine's log: journalctl -u docker."),
        DockerFailure.BadReply => (ErrorIds.DockerBadReply, ErrorCategory.ProtocolError, "See whether it is Docker's socket that answers."),
        DockerFailure.Timeout => (ErrorIds.DockerTimeout, ErrorCategory.OperationTimeout, "See whether the engine hangs: systemctl status docker."),
        _ => throw new ArgumentOutOfRangeException(nameof(failure), failure, null),
    };

    private static string IdOf(string part) => part switch
    {
        "Source" or "Destination" or "OriginalDestination" or "HostAddress" or "AllowAddress" or "Range" or "Subnet" or "Gateway" => ErrorIds.InvalidAddress,
        "Port" or "AllowPort" or "SourcePort" or "DestinationPort" or "OriginalDestinationPort" => ErrorIds.InvalidPort,
        "InInterface" or "OutInterface" => ErrorIds.InvalidInterface,
        "Limit" or "LimitBurst" or "HashLimit" or "HashLimitBurst" or "PerMinute" => ErrorIds.InvalidRate,
        "Network" or "ExceptNetwork" or "Name" or "Subject" => ErrorIds.InvalidName,
        "Provider" => ErrorIds.UnknownProvider,
        _ => ErrorIds.InvalidRule,
    };
}
