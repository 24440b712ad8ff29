using System.Management.Automation;

namespace DockerNetHarden.Commands;

/// <summary>A failure of a command that the engine knows nothing of: one factory each, with id, category, cause and way out.</summary>
internal sealed partial class CommandFailure : Exception
{
    private CommandFailure(string id, ErrorCategory category, string message, string wayOut, object? target = null, Exception? inner = null)
        : base(message, inner) => (Id, Category, WayOut, Subject) = (id, category, wayOut, target);

    public string Id { get; }

    public ErrorCategory Category { get; }

    public string WayOut { get; }

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
}
