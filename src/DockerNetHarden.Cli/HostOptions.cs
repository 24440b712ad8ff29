using System.CommandLine;
using DockerNetHarden.Hosts;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Cli;

/// <summary>Which hosts: this machine, or hosts reached by ssh. Whatever is not given is left to ssh_config.</summary>
internal sealed class HostOptions
{
    private readonly Option<string[]> _hosts = new("--host", "-H") { Description = "A host to reach by ssh: host, user@host or user@host:port; may be given several times. Without it, this machine.", HelpName = "user@host", AllowMultipleArgumentsPerToken = false };
    private readonly Option<string?> _identity = new("--identity", "-i") { Description = "The file of the private key.", HelpName = "file" };
    private readonly Option<string[]> _ssh = new("--ssh-option", "-o") { Description = "An option of ssh_config(5), as Key=Value.", HelpName = "Key=Value" };
    private readonly Option<bool> _sudo = new("--sudo") { Description = "Use sudo -n for Docker too, if the user is not root." };
    private readonly Option<int> _throttle = new("--throttle") { Description = "How many hosts to work on at once.", DefaultValueFactory = _ => 32 };

    public void AddTo(Command command)
    {
        command.Options.Add(_hosts);
        command.Options.Add(_identity);
        command.Options.Add(_ssh);
        command.Options.Add(_sudo);
        command.Options.Add(_throttle);
        _throttle.Validators.Add(static result =>
        {
            if (!result.Implicit && result.GetValueOrDefault<int>() < 1)
                result.AddError("--throttle is at least 1.");
        });
    }

    public int Throttle(ParseResult given) => given.GetValue(_throttle);

    /// <exception cref="SshTargetException">A host or an option is not valid.</exception>
    public IReadOnlyList<PolicyHost> Hosts(ParseResult given)
    {
        var options = (given.GetValue(_ssh) ?? []).Select(SshOption).ToList();
        var sudo = given.GetValue(_sudo);
        var names = given.GetValue(_hosts) ?? [];
        return names.Length == 0
            ? [new PolicyHost(null, sudo)]
            : [.. names.Distinct(StringComparer.Ordinal).Select(name => new PolicyHost(SshTarget.Parse(name, keyFilePath: given.GetValue(_identity), options: options), sudo))];
    }

    private static KeyValuePair<string, string> SshOption(string text) =>
        text.Split('=', 2) is [{ Length: > 0 } key, { Length: > 0 } value]
            ? new(key, value)
            : throw new ArgumentException($"'{text}' is not an ssh option: write Key=Value, for example -o ProxyJump=bastion.", nameof(text));
}

/// <summary>A host that is to have the policy: one that ssh reaches, or null for this machine.</summary>
internal sealed record PolicyHost(SshTarget? Ssh, bool Sudo)
{
    public string Name => Ssh?.HostName ?? "localhost";

    public DockerHost Open() => Ssh is null ? DockerHost.Local() : DockerHost.BySsh(Ssh, Sudo);
}
