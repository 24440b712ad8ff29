using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Reports;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Errors;

/// <summary>Makes error records from the core's exceptions: each reason has its own id and category. The remedy is the exception's own; for Docker's failures it follows from the reason.</summary>
internal static class ErrorRecords
{
    public static ErrorRecord From(Exception error, object? target)
    {
        var (id, category, remedy) = Classify(error);
        var subject = error switch
        {
            CommandFailure failure => failure.Subject,
            RefusedValueException rule => rule.Value,
            _ => null,
        };
        return new ErrorRecord(error, id, category, subject ?? target)
        {
            ErrorDetails = new ErrorDetails(ShownText.Message(error.Message)) { RecommendedAction = remedy },
        };
    }

    internal static (string Id, ErrorCategory Category, string Remedy) Classify(Exception error) => error switch
    {
        CommandFailure failure => (failure.Id, failure.Category, failure.Remedy),
        HostException host => With(Of(host.Failure), host.Remedy),
        DockerException docker => With(Of(docker.Failure), docker.Remedy),
        PlanException plan => With(Of(plan.Failure), plan.Remedy),
        RefusedValueException rule => (IdOf(rule.Part), ErrorCategory.InvalidArgument, "Correct the value; nothing was read or changed."),
        SnapshotFormatException => (ErrorIds.InvalidSnapshot, ErrorCategory.InvalidData, "Use a file as Export-DockerHostSnapshot wrote it, or write it again."),
        ReportFormatException => (ErrorIds.InvalidReport, ErrorCategory.InvalidData, "Use a file as Export-HardeningReport -Format Json wrote it, or write it again. No host was touched."),
        FormatException or ArgumentException => (ErrorIds.InvalidArgument, ErrorCategory.InvalidArgument, "Correct the value; nothing was read or changed."),
        _ => (ErrorIds.Unexpected, ErrorCategory.NotSpecified, "This is a fault of DockerNetHarden: please report it with the output of Get-Error."),
    };

    internal static (string Id, ErrorCategory Category) Of(HostFailure failure) => failure switch
    {
        HostFailure.CannotStart => (ErrorIds.ShellNotStarted, ErrorCategory.ResourceUnavailable),
        HostFailure.NoPosixShell => (ErrorIds.NoPosixShell, ErrorCategory.ProtocolError),
        HostFailure.ConnectionLost => (ErrorIds.ConnectionLost, ErrorCategory.ConnectionError),
        HostFailure.BadReply => (ErrorIds.HostBadReply, ErrorCategory.ProtocolError),
        HostFailure.Timeout => (ErrorIds.HostTimeout, ErrorCategory.OperationTimeout),
        HostFailure.IptablesMissing => (ErrorIds.IptablesMissing, ErrorCategory.NotInstalled),
        HostFailure.NoPermission => (ErrorIds.NoPermission, ErrorCategory.PermissionDenied),
        HostFailure.ChainMissing => (ErrorIds.ChainMissing, ErrorCategory.ObjectNotFound),
        HostFailure.UnreadableRules => (ErrorIds.UnreadableRules, ErrorCategory.ReadError),
        HostFailure.RestoreFailed => (ErrorIds.RestoreFailed, ErrorCategory.WriteError),
        HostFailure.Contended => (ErrorIds.Contended, ErrorCategory.ResourceBusy),
        HostFailure.NotVerified => (ErrorIds.NotVerified, ErrorCategory.InvalidResult),
        HostFailure.UndoFailed => (ErrorIds.UndoFailed, ErrorCategory.WriteError),
        HostFailure.UnresolvedOperand => (ErrorIds.UnresolvedOperand, ErrorCategory.ObjectNotFound),
        HostFailure.RootlessDocker => (ErrorIds.DockerRootless, ErrorCategory.NotImplemented),
        HostFailure.NotInNftables => (ErrorIds.NotInNftables, ErrorCategory.InvalidArgument),
        HostFailure.NothingToDo => (ErrorIds.NothingToDo, ErrorCategory.InvalidArgument),
        HostFailure.NeedsForce => (ErrorIds.NeedsForce, ErrorCategory.SecurityError),
        HostFailure.UnknownHostKey => (ErrorIds.UnknownHostKey, ErrorCategory.SecurityError),
        HostFailure.ChangedHostKey => (ErrorIds.ChangedHostKey, ErrorCategory.SecurityError),
        HostFailure.AuthenticationFailed => (ErrorIds.AuthenticationFailed, ErrorCategory.AuthenticationError),
        HostFailure.Unreachable => (ErrorIds.HostUnreachable, ErrorCategory.ConnectionError),
        HostFailure.CannotResolve => (ErrorIds.HostNotResolved, ErrorCategory.ObjectNotFound),
        HostFailure.RollbackPending => (ErrorIds.RollbackPending, ErrorCategory.ResourceBusy),
        HostFailure.RollbackUnknown => (ErrorIds.RollbackUnknown, ErrorCategory.ObjectNotFound),
        HostFailure.RolledBack => (ErrorIds.RolledBack, ErrorCategory.OperationStopped),
        HostFailure.RollbackFailed => (ErrorIds.RollbackFailed, ErrorCategory.WriteError),
        HostFailure.CannotSave => (ErrorIds.CannotSave, ErrorCategory.NotInstalled),
        HostFailure.SaveFailed => (ErrorIds.SaveFailed, ErrorCategory.WriteError),
        _ => throw new ArgumentOutOfRangeException(nameof(failure), failure, null),
    };

    internal static (string Id, ErrorCategory Category) Of(PlanFailure failure) => Of(failure switch
    {
        PlanFailure.UnresolvedOperand => HostFailure.UnresolvedOperand,
        PlanFailure.ChainMissing => HostFailure.ChainMissing,
        PlanFailure.FamilyMissing => HostFailure.IptablesMissing,
        PlanFailure.NeedsForce => HostFailure.NeedsForce,
        PlanFailure.SetUnread => HostFailure.UnreadableRules,
        PlanFailure.NotInNftables => HostFailure.NotInNftables,
        _ => HostFailure.NothingToDo,
    });

    internal static (string Id, ErrorCategory Category) Of(DockerFailure failure) => failure switch
    {
        DockerFailure.NotInstalled => (ErrorIds.DockerNotInstalled, ErrorCategory.NotInstalled),
        DockerFailure.DaemonDown => (ErrorIds.DockerDaemonDown, ErrorCategory.ResourceUnavailable),
        DockerFailure.NoPermission => (ErrorIds.DockerNoPermission, ErrorCategory.PermissionDenied),
        DockerFailure.Rootless => (ErrorIds.DockerRootless, ErrorCategory.NotImplemented),
        DockerFailure.UnusableEndpoint => (ErrorIds.DockerUnusableEndpoint, ErrorCategory.InvalidArgument),
        DockerFailure.ApiTooOld => (ErrorIds.DockerApiTooOld, ErrorCategory.NotImplemented),
        DockerFailure.NotFound => (ErrorIds.DockerNotFound, ErrorCategory.ObjectNotFound),
        DockerFailure.Conflict => (ErrorIds.DockerConflict, ErrorCategory.ResourceExists),
        DockerFailure.BadRequest => (ErrorIds.DockerBadRequest, ErrorCategory.InvalidArgument),
        DockerFailure.EngineError => (ErrorIds.DockerEngineError, ErrorCategory.InvalidResult),
        DockerFailure.BadReply => (ErrorIds.DockerBadReply, ErrorCategory.ProtocolError),
        DockerFailure.Timeout => (ErrorIds.DockerTimeout, ErrorCategory.OperationTimeout),
        _ => throw new ArgumentOutOfRangeException(nameof(failure), failure, null),
    };

    private static (string Id, ErrorCategory Category, string Remedy) With((string Id, ErrorCategory Category) kind, string remedy) => (kind.Id, kind.Category, remedy);

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
