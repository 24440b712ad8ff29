using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Reads a host into a snapshot: its shell and its Docker, in one trip if both are asked through the shell, else side by side.</summary>
/// <param name="shell">The conversation with the host.</param>
/// <param name="docker">Where Docker is asked; null if it is not asked.</param>
/// <param name="clock">The clock for <see cref="HostSnapshot.TakenAt"/>.</param>
internal sealed class HostReader(IShell shell, HostDocker? docker, TimeProvider clock)
{
    /// <summary>How long one reading program may take.</summary>
    internal static readonly TimeSpan Timeout = TimeSpan.FromMinutes(1);

    /// <exception cref="HostException">The shell does not answer, or iptables is missing, may not be used or cannot be read.</exception>
    internal async Task<HostSnapshot> ReadAsync(bool whole, CancellationToken stop)
    {
        Func<ShellProgram, ShellProgram> parts = whole ? ReadingProgram.Whole : ReadingProgram.Lean;
        var (reading, asked) = await ReadPartsAsync(parts, stop).ConfigureAwait(false);
        var snapshot = Snapshot(reading, asked);
        return whole ? new WholeReading(reading).Complete(snapshot) : snapshot;
    }

    /// <summary>Reads a host and what its kernel log says about rules of this module.</summary>
    /// <exception cref="HostException">The shell does not answer, or iptables is missing, may not be used or cannot be read.</exception>
    internal async Task<(HostSnapshot Host, KernelLog Log)> ReadLoggedAsync(CancellationToken stop)
    {
        var (reading, asked) = await ReadPartsAsync(ReadingProgram.Logged, stop).ConfigureAwait(false);
        var host = Snapshot(reading, asked);
        return (host, reading.Reply.Find("kernel-log") is not { } log ? new KernelLog([], "the host has no command dmesg: install util-linux.")
            : log.Output.IsEmpty && log.Errors.Trim().Length > 0 ? new KernelLog([], FarText.Line(log.Errors))
            : KernelLog.Parse(log.Text, reading.Text("uptime"), host.TakenAt));
    }

    private Task<(HostReading, Asked)> ReadPartsAsync(Func<ShellProgram, ShellProgram> parts, CancellationToken stop) => docker is { SharesPrograms: true } conversation
        ? ReadInOneAsync(conversation, parts, stop)
        : ReadSideBySideAsync(parts(ReadingProgram.Begin()), stop);

    private HostSnapshot Snapshot(HostReading reading, Asked asked) => new()
    {
        HostName = shell.HostName,
        TakenAt = clock.GetUtcNow(),
        Iptables = reading.Iptables,
        Engine = asked.Engine,
        DockerError = asked.Error,
        Networks = asked.Networks,
        Containers = asked.Containers,
        Rules = reading.Rules,
        OwnTable = reading.OwnTable,
        OwnTableError = reading.OwnTableError,
        HasIpSet = reading.Text("ipset") is "1",
        IpSets = reading.IpSets,
        HasIPv6 = reading.HasIPv6,
        Links = reading.Links,
        Addresses = reading.Addresses,
        Resolvers = ResolverList.Merge(reading.DaemonDns, [.. asked.Containers.SelectMany(static container => container.Dns)], reading.HostDns),
        Platform = reading.Platform,
        Session = reading.Session,
        DaemonSettings = reading.DaemonSettings,
        Warnings = reading.Warnings,
    };

    /// <summary>Reads the whole host and its open connections. Docker is not asked again.</summary>
    /// <param name="known">What is known of the host, its networks and containers.</param>
    /// <param name="stop">Stops reading.</param>
    /// <returns>The host, and its connections; null with the reason if they could not be read.</returns>
    /// <exception cref="HostException">The shell does not answer, or the rules cannot be read.</exception>
    internal async Task<(HostSnapshot Host, IReadOnlyList<TrackedConnection>? Connections, string Why)> ReadConnectionsAsync(HostSnapshot known, CancellationToken stop)
    {
        var (reading, _) = await ReadShellAsync(ReadingProgram.Whole(ReadingProgram.Begin()), stop).ConfigureAwait(false);
        var whole = new WholeReading(reading);
        var host = whole.Complete(known with { TakenAt = clock.GetUtcNow(), Iptables = reading.Iptables, Rules = reading.Rules, OwnTable = reading.OwnTable, OwnTableError = reading.OwnTableError, Links = reading.Links, Addresses = reading.Addresses });
        return (host, whole.ConnectionsText is { } text ? TrackedConnection.Parse(text) : null, host.Unread.GetValueOrDefault("Connections", "the connections could not be read."));
    }

    /// <summary>Whether an output could not be read because its form is wrong, as when a table changes while it is printed.</summary>
    internal static bool IsTorn(Exception? error) => error is FormatException || (error is not null && IsTorn(error.InnerException));

    // The first questions to Docker travel with the reading program: one trip. The engine answers while the rest is read.
    private async Task<(HostReading, Asked)> ReadInOneAsync(HostDocker conversation, Func<ShellProgram, ShellProgram> parts, CancellationToken stop)
    {
        var program = ReadingProgram.Begin();
        conversation.AddOverview(program, rest => parts(rest));
        var (reading, reply) = await ReadShellAsync(program, stop).ConfigureAwait(false);
        return (reading, await AskDockerAsync(token => conversation.ReadAsync(reply, token), stop).ConfigureAwait(false));
    }

    private async Task<(HostReading, Asked)> ReadSideBySideAsync(ShellProgram program, CancellationToken stop)
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
            // Docker's answer no longer matters, but the request must not outlive the call.
            await Task.WhenAny(asked).ConfigureAwait(false);
            throw;
        }
        return (reading, await asked.ConfigureAwait(false));
    }

    // iptables-nft-save asks the kernel table by table and chain by chain: while another program writes it can print a chain twice, or a rule without its
    // chain. Such an output is torn, not wrong: it is read again.
    private async Task<(HostReading Reading, ShellReply Reply)> ReadShellAsync(ShellProgram program, CancellationToken stop)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var reply = await shell.RunAsync(program.Build(Timeout), stop).ConfigureAwait(false);
                return (new HostReading(shell.HostName, reply), reply);
            }
            catch (HostException error) when (attempt < 5 && IsTorn(error))
            {
                await Task.Delay(Random.Shared.Next(10, 50 * attempt), stop).ConfigureAwait(false);
            }
        }
    }

    private static async Task<Asked> AskDockerAsync(Func<CancellationToken, Task<(DockerEngine, IReadOnlyList<DockerNetwork>, IReadOnlyList<DockerContainer>)>>? read, CancellationToken stop)
    {
        if (read is null)
            return new Asked(null, [], [], null);
        try
        {
            var (engine, networks, containers) = await read(stop).ConfigureAwait(false);
            return new Asked(engine, networks, containers, null);
        }
        catch (DockerException error)
        {
            return new Asked(null, [], [], error);
        }
    }

    private sealed record Asked(DockerEngine? Engine, IReadOnlyList<DockerNetwork> Networks, IReadOnlyList<DockerContainer> Containers, DockerException? Error);
}
