namespace DockerNetHarden.Hosts;

/// <summary>A host of a fleet.</summary>
/// <param name="Host">The host.</param>
/// <param name="Reconnect">
/// Opens a new connection to it, which confirms a change that would be rolled back; the fleet disposes the shell. Null where there is none
/// to open (this machine, a session that the user opened): there a person confirms.
/// </param>
public sealed record FleetHost(DockerHost Host, Func<CancellationToken, Task<IShell>>? Reconnect = null);
