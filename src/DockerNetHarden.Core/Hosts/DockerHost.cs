using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>A Docker host over any shell: the only class that both reads and writes one.</summary>
/// <param name="shell">The conversation with the host; its owner ends it.</param>
/// <param name="docker">Where Docker is asked; null where it is not.</param>
/// <param name="clock">The clock for <see cref="HostSnapshot.TakenAt"/>; the system's where null.</param>
public sealed class DockerHost(IShell shell, HostDocker? docker = null, TimeProvider? clock = null)
{
    /// <summary>How long reading may take; one minute unless set.</summary>
    public TimeSpan ReadTimeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long one step of a write may take, its wait of ten seconds for the lock of xtables included; thirty seconds unless
    /// set.</summary>
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Reads the host: its rules in the implementation that Docker uses, links, addresses, resolvers, and Docker, side by
    /// side.</summary>
    /// <param name="stop">Stops reading; nothing is changed by then or later.</param>
    /// <returns>The snapshot. Docker that cannot be asked is no failure: <see cref="HostSnapshot.DockerError"/> says why.</returns>
    /// <exception cref="HostException">The shell does not answer, iptables is missing, may not be used or cannot be read.</exception>
    public Task<HostSnapshot> ReadAsync(CancellationToken stop) => ReadAsync(whole: false, stop);

    /// <summary>Reads the host wholly: beside what <see cref="ReadAsync(CancellationToken)"/> reads, all that decides a packet's way.</summary>
    /// <param name="stop">Stops reading.</param>
    /// <returns>The snapshot. A part that could not be read is no failure: <see cref="HostSnapshot.Unread"/> says why.</returns>
    /// <exception cref="HostException">The shell does not answer, iptables is missing, may not be used or cannot be read.</exception>
    public Task<HostSnapshot> ReadWholeAsync(CancellationToken stop) => ReadAsync(whole: true, stop);

    private async Task<HostSnapshot> ReadAsync(bool whole, CancellationToken stop)
    {
        var (reading, engine, networks, containers, error) = docker is { SharesPrograms: true } conversation
            ? await ReadInOneAsync(conversation, Program(whole), stop).ConfigureAwait(false)
            : await ReadSideBySideAsync(Program(whole), stop).ConfigureAwait(false);
        var snapshot = new HostSnapshot
        {
            HostName = shell.HostName,
            TakenAt = (clock ?? TimeProvider.System).GetUtcNow(),
            Iptables = reading.Iptables,
            Engine = engine,
            DockerError = error,
            Networks = networks,
            Containers = containers,
            Rules = reading.Rules,
            HasIPv6 = reading.HasIPv6,
            Links = reading.Links,
            Addresses = reading.Addresses,
            Resolvers = ResolverList.Merge(reading.DaemonDns, [.. containers.SelectMany(static container => container.Dns)], reading.HostDns),
            Session = reading.Session,
            Warnings = reading.Warnings,
        };
        return whole ? reading.Complete(snapshot) : snapshot;
    }

    /// <summary>
    /// Writes: compares the premises, creates chains, runs the steps, takes them back where a later one fails, reads back. One program; a
    /// token that
    /// is cancelled after it began is not looked at, so that a host that was written is always reported.
    /// </summary>
    /// <param name="request">What to write.</param>
    /// <param name="stop">Looked at before the program begins.</param>
    /// <returns>How it ended, and the rule sets as read back.</returns>
    /// <exception cref="HostException">The conversation broke (what is written is then unknown: read the host), there is no right to
    /// write, or the rules
    /// could not be read back.</exception>
    public async Task<WriteOutcome> ApplyAsync(WriteRequest request, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(request);
        var script = HostPrograms.Write(request, ReadTimeout + (StepTimeout * ((2 * request.Steps.Count) + request.NewChains.Count + (2 * request.NewTables.Count) + request.EmptiedTables.Count)));
        stop.ThrowIfCancellationRequested();
        return WriteReading.Read(shell.HostName, request, await shell.RunAsync(script, CancellationToken.None).ConfigureAwait(false));
    }

    /// <summary>The host as the user named it.</summary>
    /// <returns>The name.</returns>
    public override string ToString() => shell.HostName;

    private static ShellProgram Program(bool whole) => whole ? HostPrograms.ReadWhole() : HostPrograms.Read();

    // The first questions to Docker travel with the reading program: one trip.
    private async Task<Read> ReadInOneAsync(HostDocker conversation, ShellProgram program, CancellationToken stop)
    {
        conversation.AddOverview(program);
        var (reading, reply) = await ReadShellAsync(program, stop).ConfigureAwait(false);
        var (engine, networks, containers, error) = await AskDockerAsync(token => conversation.ReadAsync(reply, token), stop).ConfigureAwait(false);
        return new Read(reading, engine, networks, containers, error);
    }

    private async Task<Read> ReadSideBySideAsync(ShellProgram program, CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var asked = AskDockerAsync(docker is null ? null : docker.ReadAsync, either.Token);
        HostReading reading;
        try
        {
            (reading, _) = await ReadShellAsync(program, stop).ConfigureAwait(false);
        }
        catch
        {
            await either.CancelAsync().ConfigureAwait(false);
            // What Docker would have said matters no more; the request must not outlive the call.
            await Task.WhenAny(asked).ConfigureAwait(false);
            throw;
        }
        var (engine, networks, containers, error) = await asked.ConfigureAwait(false);
        return new Read(reading, engine, networks, containers, error);
    }

    // iptables-nft-save asks the kernel table by table and chain by chain: while another program writes it can print a chain twice, or a rule without its
    // chain. Such an output is torn, not wrong: it is read again.
    private async Task<(HostReading Reading, ShellReply Reply)> ReadShellAsync(ShellProgram program, CancellationToken stop)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var reply = await shell.RunAsync(program.Build(ReadTimeout), stop).ConfigureAwait(false);
                return (new HostReading(shell.HostName, reply), reply);
            }
            catch (HostException error) when (attempt < 5 && IsTorn(error))
            {
                await Task.Delay(Random.Shared.Next(10, 50 * attempt), stop).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Whether an output could not be read because its form is wrong, as that of a table that changes while it is printed.</summary>
    internal static bool IsTorn(Exception? error) => error is FormatException || (error is not null && IsTorn(error.InnerException));

    private static async Task<(DockerEngine?, IReadOnlyList<DockerNetwork>, IReadOnlyList<DockerContainer>, DockerException?)> AskDockerAsync(
        Func<CancellationToken, Task<(DockerEngine, IReadOnlyList<DockerNetwork>, IReadOnlyList<DockerContainer>)>>? read, CancellationToken stop)
    {
        if (read is null)
            return (null, [], [], null);
        try
        {
            var (engine, networks, containers) = await read(stop).ConfigureAwait(false);
            return (engine, networks, containers, null);
        }
        catch (DockerException error)
        {
            return (null, [], [], error);
        }
    }

    private sealed record Read(
        HostReading Reading, DockerEngine? Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers, DockerException? Error);
}
