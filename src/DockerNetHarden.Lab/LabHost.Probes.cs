using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab;

// `from` names who asks: a container, "host" (the Docker host itself) or "net" (outside; with `source`, one of its addresses).
public sealed partial class LabHost
{
    private readonly ConcurrentDictionary<string, ProcessMark> known = new(StringComparer.Ordinal);

    /// <summary>Half as long again as the kernel waits before it resends a SYN: a lost packet is not a verdict, a dropped one is.</summary>
    public static readonly TimeSpan DefaultPatience = TimeSpan.FromSeconds(1.5);

    /// <summary>One probe. <paramref name="to"/> is an address, <c>fe80::1%eth0</c> included.</summary>
    public async Task<ProbeResult> AskAsync(
        string from, string to, int port, ProbeProtocol protocol = ProbeProtocol.Tcp, string? source = null, TimeSpan? patience = null, CancellationToken stop = default)
    {
        var (prober, address) = await ProberAsync(from, to, source, patience, stop).ConfigureAwait(false);
        return await prober.AskAsync(address, port, protocol, stop).ConfigureAwait(false);
    }

    /// <summary>Many probes, a bounded number of them at once.</summary>
    public async Task<BurstResult> BurstAsync(
        string from, string to, int port, int count, int parallel = 20, ProbeProtocol protocol = ProbeProtocol.Tcp, TimeSpan? patience = null, CancellationToken stop = default)
    {
        var (prober, address) = await ProberAsync(from, to, null, patience, stop).ConfigureAwait(false);
        return await prober.BurstAsync(address, port, protocol, count, parallel, stop).ConfigureAwait(false);
    }

    /// <summary>Probes at an even rate until the token stops them, each over its own connection. The container has to live that long.</summary>
    public async Task<BurstResult> StreamAsync(
        string from, string to, int port, int perSecond, CancellationToken until, ProbeProtocol protocol = ProbeProtocol.Http, TimeSpan? patience = null)
    {
        var (prober, address) = await ProberAsync(from, to, null, patience, CancellationToken.None).ConfigureAwait(false);
        return await prober.StreamAsync(address, port, protocol, perSecond, until).ConfigureAwait(false);
    }

    /// <summary>An HTTP request, then what the caller does, then a second request over the same connection.</summary>
    public async Task<KeepAliveResult> KeepAliveAsync(string from, string to, int port, Func<Task> between, TimeSpan? patience = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(between);
        var (prober, address) = await ProberAsync(from, to, null, patience, stop).ConfigureAwait(false);
        return await prober.KeepAliveAsync(address, port, between, stop).ConfigureAwait(false);
    }

    /// <summary>
    /// Whether a packet with a false source, sent by a container, arrives at the host's service: a datagram at the UDP echo, or a TCP SYN, which then is half open
    /// in the host's table of connections, or has already been ended by a reset from the true owner of the address.
    /// </summary>
    public async Task<bool> SpoofedAsync(string from, string source, string to, ProbeProtocol protocol = ProbeProtocol.Udp, CancellationToken stop = default)
    {
        var place = await PlaceAsync(from, stop).ConfigureAwait(false);
        var (spoofed, target) = (LabAddress.Parse(source), LabAddress.Parse(to));
        var port = Random.Shared.Next(20000, 60000);
        using var socket = place.OpenSocket(AddressFamily.InterNetwork, SocketType.Raw, 255);
        if (protocol == ProbeProtocol.Tcp)
        {
            var failed = FailedAttempts();
            var packet = SpoofedPacket.TcpSyn(spoofed, target, port, LabAddresses.HostHttpPort);
            await socket.SendToAsync(packet, SocketFlags.None, new IPEndPoint(target, 0), stop).ConfigureAwait(false);
            return await SeenAsync(() => Task.FromResult(IsHalfOpen(spoofed, port) || FailedAttempts() > failed), stop).ConfigureAwait(false);
        }
        if (protocol != ProbeProtocol.Udp)
            throw new LabException($"A packet with a false source can be a UDP datagram or a TCP SYN, but not {protocol}.");
        var before = (await CountAsync("host-echo", stop).ConfigureAwait(false)).Connections;
        var datagram = SpoofedPacket.Udp(spoofed, target, port, LabAddresses.HostEchoPort, "spoofed!"u8);
        await socket.SendToAsync(datagram, SocketFlags.None, new IPEndPoint(target, 0), stop).ConfigureAwait(false);
        return await SeenAsync(async () => (await CountAsync("host-echo", stop).ConfigureAwait(false)).Connections > before, stop).ConfigureAwait(false);
    }

    /// <summary>How often a service has been reached since the lab was raised: what arrived, whatever the asker saw of it.</summary>
    public async Task<ServiceCount> CountAsync(string service, CancellationToken stop = default)
    {
        var counts = await CountsAsync(stop).ConfigureAwait(false);
        return counts.TryGetValue(service, out var count)
            ? count
            : throw new LabException($"The lab has no service '{service}'. It has: {string.Join(", ", counts.Keys.Order(StringComparer.Ordinal))}.");
    }

    public async Task<IReadOnlyDictionary<string, ServiceCount>> CountsAsync(CancellationToken stop = default) =>
        (await new ServiceClient(folder.ServiceSocket).AskAsync(new ControlRequest("counts"), stop).ConfigureAwait(false)).Counts!;

    /// <summary>Opens a service: in a container, on the host ("host") or outside ("net"). Its name is used for counting.</summary>
    public async Task ServeAsync(string place, string name, int port, ServiceKind kind = ServiceKind.Http, string address = "0.0.0.0", CancellationToken stop = default)
    {
        var space = await PlaceAsync(place, stop).ConfigureAwait(false);
        await new ServiceClient(folder.ServiceSocket).AskAsync(new ControlRequest("listen", space.Path, name, address, port, kind), stop).ConfigureAwait(false);
    }

    /// <summary>The link-local IPv6 address of an interface of the host (a bridge), in the form that a container's probe takes.</summary>
    public string LinkLocal(string hostInterface, string containerInterface = "eth0")
    {
        var host = NetNamespace.Named(HostNamespace);
        // /proc/thread-self/net/if_inet6 (proc(5)): 32 digits, number, length, scope (20 is link-local), flags, name.
        var line = host.Read("/proc/thread-self/net/if_inet6").Split('\n').Select(text => text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(fields => fields.Length == 6 && fields[3] == "20" && fields[5] == hostInterface)
            ?? throw new LabException($"The host's interface '{hostInterface}' has no link-local IPv6 address.");
        return new IPAddress(Convert.FromHexString(line[0])) + "%" + containerInterface;
    }

    private async Task<(Prober Prober, IPAddress Address)> ProberAsync(string from, string to, string? source, TimeSpan? patience, CancellationToken stop)
    {
        var place = await PlaceAsync(from, stop).ConfigureAwait(false);
        return (new Prober(place, source is null ? null : LabAddress.Parse(source, place), patience ?? DefaultPatience), LabAddress.Parse(to, place));
    }

    private async Task<NetNamespace> PlaceAsync(string from, CancellationToken stop)
    {
        if (from is "host" or "net")
            return NetNamespace.Named(from == "host" ? HostNamespace : OutsideNamespace);
        // A container stays where it is while its process lives, so there is no need to ask, even while dockerd is not there to answer.
        if (!known.TryGetValue(from, out var process) || !process.IsAlive())
        {
            var container = await ContainerAsync(from, stop).ConfigureAwait(false);
            if (container.Pid == 0)
                throw new LabException($"The container '{from}' does not run; start it first (dnh-lab exec -- docker start {from}).");
            known[from] = process = ProcessMark.Of(container.Pid);
        }
        return NetNamespace.Of(process.Pid);
    }

    // /proc/net/tcp (proc(5)): the remote address in the machine's byte order, state 03 for SYN_RECV.
    private bool IsHalfOpen(IPAddress remote, int port)
    {
        var address = Convert.ToHexString([.. Enumerable.Reverse(remote.GetAddressBytes())]);
        var wanted = string.Create(CultureInfo.InvariantCulture, $" {address}:{port:X4} 03 ");
        return NetNamespace.Named(HostNamespace).Read("/proc/thread-self/net/tcp").Contains(wanted, StringComparison.Ordinal);
    }

    // AttemptFails of /proc/net/snmp (RFC 4022, tcpAttemptFails): connections that went from SYN_RECV back to nothing, in the host's namespace.
    private long FailedAttempts()
    {
        var lines = NetNamespace.Named(HostNamespace).Read("/proc/thread-self/net/snmp").Split('\n').Where(line => line.StartsWith("Tcp:", StringComparison.Ordinal))
            .Select(line => line.Split(' ')).ToArray();
        return long.Parse(lines[1][Array.IndexOf(lines[0], "AttemptFails")], CultureInfo.InvariantCulture);
    }

    private static async Task<bool> SeenAsync(Func<Task<bool>> seen, CancellationToken stop)
    {
        // Local delivery takes microseconds; if half a second passes without it, the packet was dropped.
        for (var i = 0; i < 25; i++)
        {
            if (await seen().ConfigureAwait(false))
                return true;
            await Task.Delay(20, stop).ConfigureAwait(false);
        }
        return false;
    }
}
