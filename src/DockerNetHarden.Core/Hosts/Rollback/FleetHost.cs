namespace DockerNetHarden.Hosts;

/// <summary>A host of a fleet, which is opened when its turn comes and closed when it ends: a limit of hosts at once is one of connections too.</summary>
/// <param name="Name">The host as the user named it.</param>
/// <param name="Open">Opens the host; called once in each turn. What it opened is disposed of at the turn's end.</param>
/// <param name="Reconnect">
/// Opens a new connection to it, which confirms a change that would be rolled back; the fleet disposes the shell. Null where there is none
/// to open (this machine, a session that the user opened): there a person confirms.
/// </param>
public sealed record FleetHost(string Name, Func<CancellationToken, Task<FleetTurn>> Open, Func<CancellationToken, Task<IShell>>? Reconnect = null)
{
    /// <summary>A host that is open already, and that the caller closes.</summary>
    /// <param name="host">The host.</param>
    /// <param name="reconnect">As <see cref="Reconnect"/>.</param>
    public FleetHost(DockerHost host, Func<CancellationToken, Task<IShell>>? reconnect = null)
        : this((host ?? throw new ArgumentNullException(nameof(host))).ToString(), _ => Task.FromResult(new FleetTurn(host)), reconnect)
    {
    }
}

/// <summary>A host of a fleet in its turn.</summary>
/// <param name="host">The host.</param>
/// <param name="owned">What ends with the turn: its shell, and what else was opened for it.</param>
public sealed class FleetTurn(DockerHost host, params IReadOnlyList<IAsyncDisposable> owned) : IAsyncDisposable
{
    /// <summary>The host.</summary>
    public DockerHost Host { get; } = host;

    /// <summary>Ends what was opened for the turn, the last one first.</summary>
    /// <returns>A task that ends when all of it is closed.</returns>
    public async ValueTask DisposeAsync()
    {
        foreach (var one in owned.Reverse())
            await one.DisposeAsync().ConfigureAwait(false);
    }
}
