namespace DockerNetHarden.Hosts.Ssh;

/// <summary>
/// A conversation with a host's sh through the <c>ssh</c> of this machine: one process for the whole conversation, with the user's
/// ssh_config, agent, jump hosts and known hosts. Nothing is asked: what would be a question is an error with the way out.
/// </summary>
public sealed class SshShell : IShell
{
    private readonly SshTarget target;
    private readonly string executable;
    private readonly ProcessShell shell;

    private SshShell(SshTarget target, bool sudo, string executable, bool newConnection, ShellTimeouts timeouts)
    {
        (this.target, this.executable, Sudo) = (target, executable, sudo);
        shell = new ProcessShell(target.HostName, executable, newConnection ? target.NewConnectionArguments : target.Arguments)
        {
            Timeouts = timeouts,
            // ssh's own ConnectTimeout, in whole seconds, ends with the key exchange; a host that then says nothing is this one's. ssh knows
            // the reason better, so it goes first.
            StartTimeout = TimeSpan.FromSeconds(Math.Ceiling(target.ConnectTimeout.TotalSeconds) + 1),
        };
    }

    /// <inheritdoc/>
    public string HostName => target.HostName;

    /// <summary>Whether Docker is asked by <c>sudo -n</c> where its socket is closed to the user.</summary>
    public bool Sudo { get; }

    /// <summary>A conversation with a host. Nothing is started before its first program.</summary>
    /// <param name="target">The host.</param>
    /// <param name="sudo">Whether Docker is asked by <c>sudo -n</c> where its socket is closed to the user.</param>
    /// <param name="executable">The ssh to start, looked up on PATH where it has no slash.</param>
    /// <param name="newConnection">Whether a TCP connection of its own is made although a ControlMaster has one: to confirm a change.</param>
    /// <param name="timeouts">How long its programs may take and be silent.</param>
    /// <returns>The shell.</returns>
    public static SshShell Open(SshTarget target, bool sudo = false, string executable = "ssh", bool newConnection = false, ShellTimeouts? timeouts = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentException.ThrowIfNullOrEmpty(executable);
        return new SshShell(target, sudo, executable, newConnection, timeouts ?? ShellTimeouts.None);
    }

    /// <inheritdoc/>
    public async Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
    {
        try
        {
            return await shell.RunAsync(script, stop).ConfigureAwait(false);
        }
        catch (HostException error)
        {
            // Nothing is thrown away: the reply of ssh stands in the message.
            throw SshErrors.Explain(target, executable, error);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => shell.DisposeAsync();
}
