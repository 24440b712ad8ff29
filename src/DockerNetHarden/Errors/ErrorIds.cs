namespace DockerNetHarden.Errors;

/// <summary>The error ids. Scripts match on them, so none changes its meaning. A user sees <c>Id,DockerNetHarden.Commands.InvokeFirewallRuleCommand</c>.</summary>
internal static class ErrorIds
{
    // Input.
    public const string InvalidRule = "InvalidRule";
    public const string InvalidAddress = "InvalidAddress";
    public const string InvalidPort = "InvalidPort";
    public const string InvalidInterface = "InvalidInterface";
    public const string InvalidRate = "InvalidRate";
    public const string InvalidName = "InvalidName";
    public const string InvalidArgument = "InvalidArgument";
    public const string InvalidPolicy = "InvalidPolicy";
    public const string InvalidNetwork = "InvalidNetwork";
    public const string UnknownProvider = "UnknownProvider";
    public const string UnknownCheck = "UnknownCheck";
    public const string NoFinding = "NoFinding";
    public const string ConflictingParameters = "ConflictingParameters";
    public const string NothingToBlock = "NothingToBlock";
    public const string ExportNeedsHost = "ExportNeedsHost";
    public const string InvalidImage = "InvalidImage";
    public const string NoRule = "NoRule";
    public const string UpstreamError = "UpstreamError";
    public const string NothingToReport = "NothingToReport";
    public const string CannotAsk = "CannotAsk";
    public const string AmbiguousTarget = "AmbiguousTarget";
    public const string MissingColumn = "MissingColumn";
    public const string InvalidHostName = "InvalidHostName";
    public const string InvalidOption = "InvalidOption";
    public const string UnusableSession = "UnusableSession";

    // Files.
    public const string SnapshotNotFound = "SnapshotNotFound";
    public const string InvalidSnapshot = "InvalidSnapshot";
    public const string UnreadableFile = "UnreadableFile";
    public const string UnwritableFile = "UnwritableFile";
    public const string InvalidPath = "InvalidPath";
    public const string AlreadyExists = "AlreadyExists";
    public const string InvalidReport = "InvalidReport";

    // What is on the host.
    public const string NotOurs = "NotOurs";
    public const string NetworkDiffers = "NetworkDiffers";
    public const string NetworkNotFound = "NetworkNotFound";
    public const string ContainerNotFound = "ContainerNotFound";
    public const string SourceNotFound = "SourceNotFound";
    public const string NotBridged = "NotBridged";
    public const string NotChecked = "NotChecked";

    // The host.
    public const string ShellNotStarted = "ShellNotStarted";
    public const string NoPosixShell = "NoPosixShell";
    public const string ConnectionLost = "ConnectionLost";
    public const string HostBadReply = "HostBadReply";
    public const string HostTimeout = "HostTimeout";
    public const string IptablesMissing = "IptablesMissing";
    public const string NoPermission = "NoPermission";
    public const string ChainMissing = "ChainMissing";
    public const string UnreadableRules = "UnreadableRules";
    public const string RestoreFailed = "RestoreFailed";
    public const string Contended = "Contended";
    public const string NotVerified = "NotVerified";
    public const string UndoFailed = "UndoFailed";
    public const string UnresolvedOperand = "UnresolvedOperand";
    public const string NothingToDo = "NothingToDo";
    public const string NotInNftables = "NotInNftables";
    public const string NeedsForce = "NeedsForce";
    public const string UnknownHostKey = "UnknownHostKey";
    public const string ChangedHostKey = "ChangedHostKey";
    public const string AuthenticationFailed = "AuthenticationFailed";
    public const string HostUnreachable = "HostUnreachable";
    public const string HostNotResolved = "HostNotResolved";
    public const string RollbackPending = "RollbackPending";
    public const string RollbackUnknown = "RollbackUnknown";
    public const string RolledBack = "RolledBack";
    public const string RollbackFailed = "RollbackFailed";
    public const string CannotSave = "CannotSave";
    public const string SaveFailed = "SaveFailed";

    // Docker.
    public const string DockerNotInstalled = "DockerNotInstalled";
    public const string DockerDaemonDown = "DockerDaemonDown";
    public const string DockerNoPermission = "DockerNoPermission";
    public const string DockerRootless = "DockerRootless";
    public const string DockerUnusableEndpoint = "DockerUnusableEndpoint";
    public const string DockerApiTooOld = "DockerApiTooOld";
    public const string DockerNotFound = "DockerNotFound";
    public const string DockerConflict = "DockerConflict";
    public const string DockerBadRequest = "DockerBadRequest";
    public const string DockerEngineError = "DockerEngineError";
    public const string DockerBadReply = "DockerBadReply";
    public const string DockerTimeout = "DockerTimeout";

    // A fault of this module.
    public const string Unexpected = "Unexpected";
}
