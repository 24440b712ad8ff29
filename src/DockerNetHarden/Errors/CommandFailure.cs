using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Hosts.Ssh;

namespace DockerNetHarden.Errors;

/// <summary>A failure of a command that the core knows nothing of: one factory each, with id, category, cause and remedy.</summary>
internal sealed class CommandFailure : Exception
{
    private const string HostNames = "Name hosts as ssh knows them: web1, admin@web1, admin@web1:2222, admin@[2001:db8::5]:2222; localhost is this machine.";
    private const string OptionNames = "Name options of ssh_config(5) with their values: -Options @{ ProxyJump = 'bastion'; ServerAliveInterval = 5 }.";

    private CommandFailure(string id, ErrorCategory category, string message, string remedy, object? target = null, Exception? inner = null)
        : base(message, inner) => (Id, Category, Remedy, Subject) = (id, category, remedy, target);

    public string Id { get; }

    public ErrorCategory Category { get; }

    public string Remedy { get; }

    public object? Subject { get; }

    public static CommandFailure InvalidRule(int position, string reason, object? target, Exception? inner = null) => new(
        ErrorIds.InvalidRule, ErrorCategory.InvalidArgument,
        $"Element {position} of the input is no firewall rule: {reason} Nothing was read or changed.",
        "Pipe what the Block- cmdlets, Set-SmtpRateLimit or New-FirewallRule emit, the same from JSON or CLIXML, rules as text, or objects with a property Rules.",
        target, inner);

    public static CommandFailure NoRule() => new(
        ErrorIds.NoRule, ErrorCategory.InvalidArgument,
        "No firewall rule arrived. Nothing was read or changed.",
        "See what the command before in the pipeline emits. To remove all that is ours use Remove-FirewallRule -All.");

    public static CommandFailure UpstreamError(object? error) => new(
        ErrorIds.UpstreamError, ErrorCategory.InvalidOperation,
        $"An error arose in this pipeline while the rules came in ({error}), so some may be missing. Nothing was read or changed.",
        "Mend the error. Or collect the rules first ($rules = ...), look at them, and apply what you collected ($rules | Invoke-FirewallRule).", error);

    public static CommandFailure ConflictingParameters(string one, string other, string? reason = null) => new(
        ErrorIds.ConflictingParameters, ErrorCategory.InvalidArgument,
        $"-{one} and -{other} contradict each other{(reason is null ? "" : ": " + reason)}.", $"Give one of them.", one);

    public static CommandFailure NothingToBlock() => new(
        ErrorIds.NothingToBlock, ErrorCategory.InvalidArgument,
        "These parameters come to no rule at all: nothing would be blocked.",
        "A provider may have no fixed address, and -AllowAddress may cover all there are; change the parameters or leave the command out.");

    public static CommandFailure NotOurs(string text) => new(
        ErrorIds.NotOurs, ErrorCategory.PermissionDenied,
        $"'{text}' has no mark of DockerNetHarden: it is somebody else's rule. Nothing was removed.",
        "Remove it with iptables -D, if it is yours.", text);

    public static CommandFailure NetworkDiffers(string name, IReadOnlyList<string> differences) => new(
        ErrorIds.NetworkDiffers, ErrorCategory.ResourceExists,
        $"A network '{name}' exists with other settings: {string.Join("; ", differences)}. It was not changed.",
        "Ask for what it is, take another name, or remove it first: docker network rm.", name);

    public static CommandFailure InvalidNetwork(string reason, object? target, Exception inner) => new(
        ErrorIds.InvalidNetwork, ErrorCategory.InvalidArgument, $"The network cannot be made: {reason}", "Correct the parameter. Docker was not asked.", target, inner);

    public static CommandFailure NetworkNotFound(string host, string name) => new(
        ErrorIds.NetworkNotFound, ErrorCategory.ObjectNotFound,
        $"{host} has no Docker network '{name}'.", "Get-DockerNetwork lists what there is; New-HardenedDockerNetwork makes one.", name);

    public static CommandFailure CannotAsk(string query, Exception inner) => new(
        ErrorIds.CannotAsk, ErrorCategory.InvalidOperation,
        $"A question has to be answered and nobody can be asked here ({inner.Message.TrimEnd('.')}): {query}",
        "Answer beforehand: -Confirm:$false for the change itself, -Force where it needs force.", null, inner);

    public static CommandFailure InvalidHostName(string name, string reason) => new(
        ErrorIds.InvalidHostName, ErrorCategory.InvalidArgument, $"'{name}' cannot be a host: {reason} No host was touched.", HostNames, name);

    public static CommandFailure InvalidOption() => new(
        ErrorIds.InvalidOption, ErrorCategory.InvalidArgument, "An entry of -Options has no name or no value. No host was touched.", OptionNames);

    public static CommandFailure InvalidTarget(string name, SshTargetException error) => error.Part switch
    {
        "Options" => new(ErrorIds.InvalidOption, ErrorCategory.InvalidArgument, $"{error.Message} No host was touched.", OptionNames, error.Value, error),
        _ => new(ErrorIds.InvalidHostName, ErrorCategory.InvalidArgument, $"{error.Message} No host was touched.", HostNames, name, error),
    };

    public static CommandFailure ConflictingTargets(string one, string other) => new(
        ErrorIds.AmbiguousTarget, ErrorCategory.InvalidArgument,
        $"-{one} and -{other} name different ways to a host. No host was touched.",
        one is "Snapshot" ? "A snapshot is a file and no host is asked: leave one of the two out." : "Name hosts for ssh by -HostName, or sessions by -Session, not both.", one);

    public static CommandFailure NoHostFor(string parameter) => new(
        ErrorIds.AmbiguousTarget, ErrorCategory.InvalidArgument,
        $"-{parameter} is for hosts that ssh reaches, and no such host was named: the command would have worked on this machine. No host was touched.",
        "Name the hosts by -HostName (user@localhost, too, is reached by ssh), or leave the parameter out.", parameter);

    public static CommandFailure MixedTargets(string named) => new(
        ErrorIds.AmbiguousTarget, ErrorCategory.InvalidArgument,
        $"Some of the objects name a host ('{named}' for one) and some do not, so it is not clear where the latter belong. No host was touched.",
        "Name the hosts for all of them by -HostName, or apply the two kinds one after the other.", named);

    public static CommandFailure NoSessionFor(string host) => new(
        ErrorIds.AmbiguousTarget, ErrorCategory.InvalidArgument,
        $"An object belongs to '{host}', and none of the sessions goes there. No host was touched.",
        "Add a session to that host, or filter the objects by HostName.", host);

    public static CommandFailure UnusableSession(string name, string reason, Exception? inner = null) => new(
        ErrorIds.UnusableSession, ErrorCategory.InvalidArgument,
        name.Length == 0 ? $"-Session cannot be used: {reason}" : $"The session to '{name}' cannot be used: {reason}",
        "Make a session to a Linux host with PowerShell 7 and the full language (New-PSSession -HostName ...), or let this command use ssh itself: -HostName.", name, inner);

    public static CommandFailure SnapshotNotFound(string path, Exception? inner = null) => new(
        ErrorIds.SnapshotNotFound, ErrorCategory.ObjectNotFound,
        path.Length == 0 ? "-Snapshot names no file: it is empty. Nothing was looked at." : $"-Snapshot: there is no file '{path}'. Nothing was looked at.",
        "Name files that Export-DockerHostSnapshot wrote, or leave -Snapshot out to look at this machine.", path, inner);

    public static CommandFailure UnreadableFile(string path, Exception inner) => new(
        ErrorIds.UnreadableFile, ErrorCategory.ReadError, $"'{path}' cannot be read: {inner.Message}", "See whether it exists and whether you may read it: snapshots are written for their owner alone.", path, inner);

    public static CommandFailure UnwritableFile(string path, Exception inner) => new(
        ErrorIds.UnwritableFile, ErrorCategory.WriteError, $"'{path}' cannot be written: {inner.Message}", "Name a file in a folder that exists and that you may write to.", path, inner);

    public static CommandFailure InvalidPath(string path, string reason, Exception? inner = null) => new(
        ErrorIds.InvalidPath, ErrorCategory.InvalidArgument, $"'{path}' cannot be written to: {reason} No host was touched.",
        "Name a file for one host, or a folder that exists for several: each gets a file of its name there.", path, inner);

    public static CommandFailure AlreadyExists(string path) => new(
        ErrorIds.AlreadyExists, ErrorCategory.ResourceExists, $"'{path}' exists already. It was not changed.", "Name another file, or replace this one with -Force.", path);

    public static CommandFailure UnusablePolicy(string path, Exception error) => error is FormatException
        ? new(ErrorIds.InvalidPolicy, ErrorCategory.InvalidData, $"The policy is refused: {error.Message} Nothing was emitted.", "Mend that line; docs/hardening-policy.schema.json describes the file, and an editor that knows JSON Schema checks it.", path, error)
        : new(ErrorIds.UnreadableFile, ErrorCategory.ReadError, $"The policy '{path}' cannot be read: {error.Message}", "Name a file that exists and that you may read.", path, error);

    public static CommandFailure ExportNeedsHost(string operand) => new(
        ErrorIds.ExportNeedsHost, ErrorCategory.ObjectNotFound,
        $"The rules name '{operand}', which means something on a host only, and this machine could not be read or has no such thing. Nothing was written.",
        "Give -HostName or -Snapshot for the host that is meant; or bind the rules to a network with a fixed bridge name, as New-HardenedDockerNetwork makes them.", operand);

    public static CommandFailure InvalidImage(string image) => new(
        ErrorIds.InvalidImage, ErrorCategory.InvalidArgument,
        $"'{image}' is no image's name as Cortex XSOAR's keys take it: letters, digits and '.', '_', '-', '/', without a tag.",
        "Write the name without what follows the colon: demisto/boto3py3.", image);

    public static CommandFailure InvalidXsoarValue(string part, string value, string reason) => new(
        ErrorIds.InvalidArgument, ErrorCategory.InvalidArgument, $"-{part} '{value}' cannot stand in a server key: {reason}", "Correct the value.", value);

    public static CommandFailure CannotTrace(TraceProblem problem)
    {
        var (id, category, remedy) = problem.Kind switch
        {
            TraceProblemKind.NetworkUnknown => (ErrorIds.NetworkNotFound, ErrorCategory.ObjectNotFound, "Get-DockerNetwork lists the networks."),
            TraceProblemKind.ContainerUnknown => (ErrorIds.ContainerNotFound, ErrorCategory.ObjectNotFound, "Name a container as docker ps -a does, or by the beginning of its id."),
            TraceProblemKind.SourceUnknown => (ErrorIds.SourceNotFound, ErrorCategory.ObjectNotFound, "Get-DockerNetwork lists the networks with their subnets; -Network with -Source asks about any source."),
            TraceProblemKind.NoBridge => (ErrorIds.NotBridged, ErrorCategory.InvalidOperation, "Get-DockerNetworkHardening says what such containers can reach; move them to a bridge network to have their packets decided."),
            _ => throw new ArgumentOutOfRangeException(nameof(problem), problem.Kind, null),
        };
        return new CommandFailure(id, category, problem.Message, remedy, problem.Name);
    }

    public static CommandFailure NotChecked(HardeningFinding finding) => new(
        ErrorIds.NotChecked, ErrorCategory.ReadError,
        $"{finding.HostName}: {finding.Id}{(finding.Network is { } network ? $" of the network '{network}'" : "")} could not be checked: {string.Join("; ", finding.Evidence)}",
        finding.Remedy ?? "Mend what keeps it from being read, or leave the check out: -Exclude.", finding);
}
