using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>Makes networks on a host far away, in the conversation that reads and writes its tables.</summary>
/// <param name="shell">The conversation; its owner ends it.</param>
/// <param name="sudo">Whether Docker is asked by <c>sudo -n</c> where its socket is closed to the user.</param>
public sealed class ConversationDockerNetworks(IShell shell, bool sudo = false)
{
    /// <summary>How long creating a network may take; one minute unless set.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Creates a network. Where it is asked for IPv6 without a subnet and the engine has no IPv6 pool, it gets a unique local subnet.</summary>
    /// <param name="engine">The engine as it was read; it says which API to speak.</param>
    /// <param name="spec">The network.</param>
    /// <param name="stop">Looked at before the program begins: a request that was sent is waited for.</param>
    /// <returns>The network's id.</returns>
    /// <exception cref="DockerException"><see cref="DockerFailure.Conflict"/> where the name, the bridge or the subnet is taken; or the engine could not be
    /// asked.</exception>
    /// <exception cref="HostException">The conversation broke; whether the network was made is then unknown.</exception>
    public async Task<string> CreateAsync(DockerEngine engine, NetworkSpec spec, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(spec);
        var api = ApiVersion.Parse(engine.ApiVersion);
        var request = DockerApi.CreateNetwork(api, spec.LacksIPv6Subnet(api, engine.AddressPools) ? spec.WithUniqueLocalSubnet() : spec);
        var program = new ShellProgram();
        DockerProgram.AddChangeTo(program, request, sudo);
        stop.ThrowIfCancellationRequested();
        var reply = await shell.RunAsync(program.Build(Timeout), CancellationToken.None).ConfigureAwait(false);
        var response = DockerProgram.Read(reply, shell.HostName, [request])[0];
        return NetworkReader.ReadCreatedId(DockerErrors.ThrowIfFailed(request, response, shell.HostName).Body);
    }
}
