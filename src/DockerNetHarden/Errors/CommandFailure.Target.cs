using System.Management.Automation;
using DockerNetHarden.Hosts.Ssh;

namespace DockerNetHarden.Commands;

/// <content>Failures of naming hosts: all of them before any host is touched.</content>
internal sealed partial class CommandFailure
{
    private const string HostNames = "Name hosts as ssh knows them: web1, admin@web1, admin@web1:2222, admin@[2001:db8::5]:2222; localhost is this machine.";
    private const string OptionNames = "Name options of ssh_config(5) with their values: -Options @{ ProxyJump = 'bastion'; ServerAliveInterval = 5 }.";

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
}
