using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Ssh;

namespace DockerNetHarden.Cli;

/// <summary>How to reach a host: by ssh, or null for this machine.</summary>
internal sealed record HostAddress(SshTarget? Ssh, bool Sudo)
{
    public string Name => Ssh?.HostName ?? "localhost";

    public OpenHost Open() => Ssh is null ? OpenHost.Local() : OpenHost.BySsh(Ssh, Sudo);
}
