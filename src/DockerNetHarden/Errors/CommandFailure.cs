using System.Management.Automation;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Errors;

/// <summary>Failures of commands that the core knows nothing about: one factory for each, with id, category, cause and remedy.</summary>
internal sealed class CommandFailure : Exception
{
    private const string HostNames = "Name hosts as ssh knows them: web1, admin@web1, admin@web1:2222, admin@[2001:db8::5]:2222; localhost is this machine.";
    private const string OptionNames = "Name options of ssh_config(5) with their values: -Options @{ ProxyJump = 'bastion'; ServerAliveInterval = 5 }.";

    private const string RenameColumn = "Rename the column that names the hosts to HostName, in the file or with Select-Object *, @{ n = 'HostName'; e = 'Host' }.";

    private static readonly char[] Separators = [';', '\t', '|'];

    private CommandFailure(string id, ErrorCategory category, string message, string remedy, object? target = null, Exception? inner = null)
        : base(ShownText.Message(message), inner) => (Id, Category, Remedy, Subject) = (id, category, remedy, target);

    public string Id { get; }

    public ErrorCategory Category { get; }

    public string Remedy { get; }

    public object? Subject { get; }

    public static CommandFailure InvalidRule(int position, string reason, object? target, Exception? inner = null) => new(
        ErrorIds.InvalidRule, ErrorCategory.InvalidArgument,
        $"Element {position} of the input is not a firewall rule: {reason} Nothing was read or changed.",
        "Pipe the output of the Block- cmdlets, Set-SmtpRateLimit or New-FirewallRule, also from JSON or CLIXML, rules as text, or objects with a property Rules.",
        target, inner);

    public static CommandFailure NoRule() => new(
        ErrorIds.NoRule, ErrorCategory.InvalidArgument,
        "No firewall rule arrived. Nothing was read or changed.",
        "Check what the previous command in the pipeline emits. To remove all of this module's rules use Remove-FirewallRule -All.");

    public static CommandFailure UpstreamError(object? error) => new(
        ErrorIds.UpstreamError, ErrorCategory.InvalidOperation,
        $"An error occurred in this pipeline while the rules came in ({error}), so some may be missing. Nothing was read or changed.",
        "Correct the error. Or collect the rules first ($rules = ...), look at them, and apply what you collected ($rules | Invoke-FirewallRule).", error);

    public static CommandFailure ConflictingParameters(string one, string other, string? reason = null) => new(
        ErrorIds.ConflictingParameters, ErrorCategory.InvalidArgument,
        $"-{one} and -{other} contradict each other{(reason is null ? "" : ": " + reason)}.", $"Give one of them.", one);

    public static CommandFailure NothingToBlock() => new(
        ErrorIds.NothingToBlock, ErrorCategory.InvalidArgument,
        "These parameters give no rule at all: nothing would be blocked.",
        "A provider may have no fixed address, or -AllowAddress may cover every address; change the parameters or leave the command out.");

    public static CommandFailure NotOurs(string text) => new(
        ErrorIds.NotOurs, ErrorCategory.PermissionDenied,
        $"'{text}' has no mark of DockerNetHarden: it is somebody else's rule. Nothing was removed.",
        "If it is yours, remove it with iptables -D.", text);

    public static CommandFailure NetworkDiffers(string name, IReadOnlyList<string> differences, string? alternative) => new(
        ErrorIds.NetworkDiffers, ErrorCategory.ResourceExists,
        $"A network '{name}' exists with other settings: {string.Join("; ", differences)}. It was not changed.",
        $"Ask for the settings it has, use another name, or remove it first (docker network rm {name}).{(alternative is null ? "" : " " + alternative)}", name);

    public static CommandFailure InvalidNetwork(string reason, object? target, Exception inner) => new(
        ErrorIds.InvalidNetwork, ErrorCategory.InvalidArgument, $"The network cannot be made: {reason}", "Correct the parameter. Docker was not asked.", target, inner);

    public static CommandFailure NetworkNotFound(string host, string name, IReadOnlyCollection<string> known) => new(
        ErrorIds.NetworkNotFound, ErrorCategory.ObjectNotFound,
        $"{host} has no Docker network '{name}'. {KnownNames.Instead(name, known, "The networks there")}", "Get-DockerNetwork lists the networks; New-HardenedDockerNetwork makes one.", name);

    public static CommandFailure UnknownCheck(string id, IReadOnlyCollection<string> known) => new(
        ErrorIds.UnknownCheck, ErrorCategory.ObjectNotFound,
        $"There is no check '{id}'. {KnownNames.Instead(id, known, "The checks")} No host was touched.", "Correct the id, or use a pattern such as METADATA-*; docs/analysis.md lists the checks.", id);

    public static CommandFailure NoFinding(string id) => new(
        ErrorIds.NoFinding, ErrorCategory.ObjectNotFound,
        $"The check '{id}' has nothing to say about these hosts: what it is about is not there (a network, a container, a cloud), or -Network and -Severity leave it out.",
        "Leave out -Id to see what was checked: Get-DockerNetworkHardening -All.", id);

    public static CommandFailure CannotAsk(string query, Exception inner) => new(
        ErrorIds.CannotAsk, ErrorCategory.InvalidOperation,
        $"A question must be answered, but nobody can be asked here ({inner.Message.TrimEnd('.')}): {query}",
        "Answer beforehand: -Confirm:$false for the change itself, -Force if it needs force.", null, inner);

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
        $"-{one} and -{other} are two different ways to reach a host. No host was touched.",
        one is "Snapshot" ? "A snapshot is a file, so no host is asked: leave one of the two out." : "Name hosts for ssh with -HostName, or sessions with -Session, not both.", one);

    public static CommandFailure NoHostFor(string parameter) => new(
        ErrorIds.AmbiguousTarget, ErrorCategory.InvalidArgument,
        $"-{parameter} is for hosts that ssh reaches, and no such host was named: the command would have worked on this machine. No host was touched.",
        "Name the hosts with -HostName (even user@localhost is reached by ssh), or leave the parameter out.", parameter);

    public static CommandFailure MixedTargets(string named) => new(
        ErrorIds.AmbiguousTarget, ErrorCategory.InvalidArgument,
        $"Some of the objects name a host ('{named}' for one) and some do not, so it is not clear where the latter belong. No host was touched.",
        "Name the hosts for all of them with -HostName, or apply the two kinds one after the other.", named);

    /// <summary>What a row of a table lacks to name a host; null if it is not a row, or lacks nothing.</summary>
    public static CommandFailure? MissingColumn(object? item)
    {
        if (item is not PSObject { BaseObject: PSCustomObject } row || row.Properties["HostName"] is not null)
            return null;
        var columns = row.Properties.Select(static property => property.Name).ToList();
        return new(
            ErrorIds.MissingColumn, ErrorCategory.InvalidData, $"The row has no column HostName; it has {string.Join(", ", columns.Select(static column => $"'{string.Concat(column.Select(static letter => char.IsControl(letter) ? ' ' : letter))}'"))}. No host was touched for it.",
            columns is [var only] && only.IndexOfAny(Separators) is >= 0 and var at
                ? $"The file's separator is not a comma: Import-Csv -Delimiter {(only[at] is '\t' ? "\"`t\"" : $"'{only[at]}'")}."
                : RenameColumn,
            row);
    }

    public static CommandFailure MissingColumn(string present) => new(
        ErrorIds.MissingColumn, ErrorCategory.InvalidData,
        $"The row has no column HostName, although it has {present}: the command would have worked on this machine. No host was touched.", RenameColumn, present);

    public static CommandFailure NoSessionFor(string host) => new(
        ErrorIds.AmbiguousTarget, ErrorCategory.InvalidArgument,
        $"An object belongs to '{host}', but none of the sessions goes there. No host was touched.",
        "Add a session to that host, or filter the objects by HostName.", host);

    public static CommandFailure UnusableSession(string name, string reason, Exception? inner = null) => new(
        ErrorIds.UnusableSession, ErrorCategory.InvalidArgument,
        name.Length == 0 ? $"-Session cannot be used: {reason}" : $"The session to '{name}' cannot be used: {reason}",
        "Open a session to a Linux host with PowerShell 7 and the full language (New-PSSession -HostName ...), or let this command use ssh itself: -HostName.", name, inner);

    public static CommandFailure SnapshotNotFound(string path, Exception? inner = null) => new(
        ErrorIds.SnapshotNotFound, ErrorCategory.ObjectNotFound,
        path.Length == 0 ? "-Snapshot is empty and names no file. Nothing was read." : $"-Snapshot: there is no file '{path}'. Nothing was read.",
        "Name files that Export-DockerHostSnapshot wrote, or leave -Snapshot out to read this machine.", path, inner);

    public static CommandFailure UnreadableFile(string path, Exception inner) => new(
        ErrorIds.UnreadableFile, ErrorCategory.ReadError, $"'{path}' cannot be read: {inner.Message}", "Check that it exists and that you may read it: only a snapshot's owner can read it.", path, inner);

    public static CommandFailure UnwritableFile(string path, Exception inner) => new(
        ErrorIds.UnwritableFile, ErrorCategory.WriteError, $"'{path}' cannot be written: {inner.Message}", "Name a file in a folder that exists and that you may write to.", path, inner);

    public static CommandFailure InvalidPath(string path, string reason, Exception? inner = null) => new(
        ErrorIds.InvalidPath, ErrorCategory.InvalidArgument, $"'{path}' cannot be written to: {reason} No host was touched.",
        "Name a file for one host, or an existing folder for several: each gets a file with its name there.", path, inner);

    public static CommandFailure NothingToReport() => new(
        ErrorIds.NothingToReport, ErrorCategory.InvalidArgument,
        "No finding and no host arrived, and a report about nothing would look like one in which all is well. Nothing was written.",
        "Name the hosts (Export-HardeningReport -HostName web1, web2), or pipe all findings (Get-DockerNetworkHardening -All), not only those that fail.");

    public static CommandFailure NotReportable(object? element) => new(
        ErrorIds.NothingToReport, ErrorCategory.InvalidArgument,
        $"An element of the input is neither a finding nor a host nor the file of a snapshot: {(element is null ? "it is null" : $"it is a {element.GetType().Name} ({element})")}. Nothing was written.",
        "Pipe what Get-DockerNetworkHardening emits, names of hosts, objects with a HostName, or files from Export-DockerHostSnapshot.", element);

    public static CommandFailure UnknownReportFormat(string path, string ends) => new(
        ErrorIds.InvalidArgument, ErrorCategory.InvalidArgument,
        $"The name '{path}' does not say which form the report is to have: it ends in none of {ends}. No host was touched.",
        "Give -Format Html, JUnit, Sarif, Json or Markdown, or a name with one of these ends.", path);

    public static CommandFailure AlreadyExists(string path) => new(
        ErrorIds.AlreadyExists, ErrorCategory.ResourceExists, $"'{path}' exists already. It was not changed.", "Name another file, or replace this one with -Force.", path);

    public static CommandFailure UnusablePolicy(string path, Exception error) => error is FormatException
        ? new(ErrorIds.InvalidPolicy, ErrorCategory.InvalidData, $"The policy is refused: {error.Message} Nothing was emitted.", "Correct that line; docs/hardening-policy.schema.json describes the file, and an editor that knows JSON Schema checks it.", path, error)
        : new(ErrorIds.UnreadableFile, ErrorCategory.ReadError, $"The policy '{path}' cannot be read: {error.Message}", "Name a file that exists and that you may read.", path, error);

    public static CommandFailure ExportNeedsHost(string operand) => new(
        ErrorIds.ExportNeedsHost, ErrorCategory.ObjectNotFound,
        $"The rules name '{operand}', which only has a meaning on a host, but this machine could not be read or has no such thing. Nothing was written.",
        "Give -HostName or -Snapshot for the host, or bind the rules to a network with a fixed bridge name, as New-HardenedDockerNetwork makes them.", operand);

    public static CommandFailure InvalidImage(string image) => new(
        ErrorIds.InvalidImage, ErrorCategory.InvalidArgument,
        $"'{image}' is not an image name for Cortex XSOAR's keys: use letters, digits and '.', '_', '-', '/', without a tag.",
        "Write the name without the colon and what follows it: demisto/boto3py3.", image);

    public static CommandFailure InvalidXsoarValue(string part, string value, string reason) => new(
        ErrorIds.InvalidArgument, ErrorCategory.InvalidArgument, $"-{part} '{value}' cannot be used in a server key: {reason}", "Correct the value.", value);

    public static CommandFailure CannotTrace(TraceProblem problem)
    {
        var (id, category, remedy) = problem.Kind switch
        {
            TraceProblemKind.NetworkUnknown => (ErrorIds.NetworkNotFound, ErrorCategory.ObjectNotFound, "Get-DockerNetwork lists the networks."),
            TraceProblemKind.ContainerUnknown => (ErrorIds.ContainerNotFound, ErrorCategory.ObjectNotFound, "Name a container as docker ps -a does, or by the beginning of its id."),
            TraceProblemKind.SourceUnknown => (ErrorIds.SourceNotFound, ErrorCategory.ObjectNotFound, "Get-DockerNetwork lists the networks with their subnets; -Network with -Source asks about any source."),
            TraceProblemKind.NoBridge => (ErrorIds.NotBridged, ErrorCategory.InvalidOperation, "Get-DockerNetworkHardening says what such containers can reach; on a bridge network the firewall decides their packets."),
            _ => throw new ArgumentOutOfRangeException(nameof(problem), problem.Kind, null),
        };
        return new CommandFailure(id, category, problem.Message, remedy, problem.Name);
    }

    public static CommandFailure NotChecked(HardeningFinding finding) => new(
        ErrorIds.NotChecked, ErrorCategory.ReadError,
        $"{finding.HostName}: {finding.Id}{(finding.Network is { } network ? $" of the network '{network}'" : "")} could not be checked: {string.Join("; ", finding.Evidence)}",
        finding.Remedy ?? "Correct what keeps it from being read, or leave the check out with -Exclude.", finding);
}
