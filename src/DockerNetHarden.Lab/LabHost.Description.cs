using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab;

public sealed partial class LabHost
{
    /// <summary>The host's own addresses, including those of its bridges but not loopback and link-local ones.</summary>
    public async Task<IReadOnlyList<string>> HostAddressesAsync(CancellationToken stop = default)
    {
        var lines = (await ExecAsync(["ip", "-o", "-4", "addr", "show", "scope", "global"], stop: stop).ConfigureAwait(false)).OrThrow().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        // 2: up0    inet 172.31.5.4/20 scope global up0
        return [.. lines.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3].Split('/')[0])];
    }

    internal async Task<LabDescription> DescribeAsync(CancellationToken stop) => new(
        Name, Engine.Name, Backend, Iptables, Folder, new LabNamespaces(HostNamespace, OutsideNamespace), DockerSocket, DockerHost, new LabPids(state.Dockerd.Pid, state.Services.Pid),
        Shell, Image, await HostAddressesAsync(stop).ConfigureAwait(false), await ContainersAsync(stop).ConfigureAwait(false), LabAddresses.Services,
        RaisedIn.TotalMilliseconds);
}
