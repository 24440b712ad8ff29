
namespace DockerNetHarden.Shells;

/// <summary>
/// A conversation with the sh at the other end of a process: <c>/bin/sh</c> itself, or ssh with other arguments. The programs of one
/// conversation
/// go one after another to the same standard input. The next program starts a broken conversation again.
/// </summary>
/// <param name="hostName">The host as the user named it.</param>
/// <param name="executable">The program to start, looked up on PATH if it has no slash.</param>
/// <param name="arguments">Its arguments, one element each; no shell sees them.</param>
public sealed class ProcessShell(string hostName, string executable, IReadOnlyList<string> arguments) : IShell
{
    /// <summary>128 MiB: a rule set of a million rules has about 100 MB.</summary>
    public const int DefaultReplyLimit = 128 << 20;

    private readonly SemaphoreSlim turn = new(1, 1);
    private Func<HostException, HostException>? explain;
    private ShellConversation? conversation;
    private bool disposed;

    /// <inheritdoc/>
    public string HostName { get; } = hostName;

    /// <summary>
    /// How many bytes a program's whole reply may have on each of its two streams; <see cref="DefaultReplyLimit"/> unless set. A host that never stops
    /// sending must not fill this machine's memory.
    /// </summary>
    public long ReplyLimit { get; init; } = DefaultReplyLimit;

    /// <summary>How long it may take from the start of the process to the first frame of its first program; null for no limit other than the
    /// program's.</summary>
    public TimeSpan? StartTimeout { get; init; }

    /// <summary>How long its programs may take, and how long they may be silent.</summary>
    public ShellTimeouts Timeouts { get; init; } = ShellTimeouts.None;

    /// <summary>A conversation with <c>/bin/sh</c> of this machine.</summary>
    /// <param name="timeouts">How long its programs may take, and how long they may be silent.</param>
    /// <returns>The shell; nothing is started before its first program.</returns>
    public static ProcessShell Local(ShellTimeouts? timeouts = null) => new("localhost", "/bin/sh", []) { Timeouts = timeouts ?? ShellTimeouts.None };

    /// <summary>
    /// A conversation with a host's sh through the <c>ssh</c> of this machine: one process for the whole conversation, with the user's ssh_config, agent, jump hosts and
    /// known hosts. Nothing is asked: a question would be an error with its remedy.
    /// </summary>
    /// <param name="target">The host.</param>
    /// <param name="executable">The ssh to start, looked up on PATH if it has no slash.</param>
    /// <param name="newConnection">Whether to make a new TCP connection even if a ControlMaster has one: to confirm a change.</param>
    /// <param name="timeouts">How long its programs may take, and how long they may be silent.</param>
    /// <returns>The shell; nothing is started before its first program.</returns>
    public static ProcessShell BySsh(SshTarget target, string executable = "ssh", bool newConnection = false, ShellTimeouts? timeouts = null)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentException.ThrowIfNullOrEmpty(executable);
        return new ProcessShell(target.HostName, executable, newConnection ? target.NewConnectionArguments : target.Arguments)
        {
            Timeouts = timeouts ?? ShellTimeouts.None,
            // ssh's own ConnectTimeout, in whole seconds, ends with the key exchange; a host that is silent after that is covered by this one. ssh knows the reason better, so it
            // goes first.
            StartTimeout = TimeSpan.FromSeconds(Math.Ceiling(target.ConnectTimeout.TotalSeconds) + 1),
            // No information is lost: the message contains what ssh said.
            explain = error => SshErrors.Explain(target, executable, error),
        };
    }

    /// <inheritdoc/>
    public async Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(script);
        await turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            stop.ThrowIfCancellationRequested();
            conversation ??= ShellConversation.Start(HostName, executable, arguments, ReplyLimit, StartTimeout, Timeouts);
            try
            {
                return await conversation.RunAsync(script, stop).ConfigureAwait(false);
            }
            catch
            {
                var broken = conversation;
                conversation = null;
                await broken.KillAsync().ConfigureAwait(false);
                throw;
            }
        }
        catch (HostException error) when (explain is not null)
        {
            throw explain(error);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Ends the conversation: closes the shell's input, waits at most two seconds, then kills the process and its
    /// children.</summary>
    /// <returns>A task that ends when the process has.</returns>
    public async ValueTask DisposeAsync()
    {
        await turn.WaitAsync().ConfigureAwait(false);
        try
        {
            disposed = true;
            if (conversation is not null)
                await conversation.CloseAsync().ConfigureAwait(false);
            conversation = null;
        }
        finally
        {
            turn.Release();
        }
    }
}
