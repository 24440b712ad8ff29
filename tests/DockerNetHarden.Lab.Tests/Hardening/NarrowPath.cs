using System.Globalization;
using System.Net;
using System.Net.Sockets;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests.Hardening;

/// <summary>
/// A network behind a container, which routes to it by a link with an MTU of 1300. A client there has 1500 and says so to the other side; only packet-too-big, which the container sends, makes the
/// other side's packets smaller (RFC 8201).
/// </summary>
internal sealed class NarrowPath : IAsyncDisposable
{
    public const int Size = 300_000;
    public const int Port = 8088;

    private const string Subnet = "fd00:d0a9::/64";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    private readonly LabHost _lab;
    private readonly int _container;
    private readonly string _inner;

    private NarrowPath(LabHost lab, int container) => (_lab, _container, _inner) = (lab, container, lab.Name + "-narrow");

    public static async Task<NarrowPath> BehindAsync(LabHost lab, string container, string bridge)
    {
        var path = new NarrowPath(lab, (await lab.ContainerAsync(container)).Pid);
        var address = (await lab.ExecAsync(["docker", "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.GlobalIPv6Address}}{{end}}", container])).OrThrow().Trim();
        await RunAsync("ip", "netns", "add", path._inner);
        await RunAsync("ip", "link", "add", "narrow0", "mtu", "1300", "netns", path._container.ToString(CultureInfo.InvariantCulture), "type", "veth", "peer", "name", "wide0", "netns", path._inner);
        NetNamespace.Of(path._container).Write("/proc/sys/net/ipv6/conf/narrow0/disable_ipv6", "0");
        await InContainerAsync(path._container, "addr", "add", "fd00:d0a9::1/64", "dev", "narrow0", "nodad");
        await InContainerAsync(path._container, "link", "set", "narrow0", "up");
        NetNamespace.Of(path._container).Write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
        await RunAsync("ip", "-n", path._inner, "addr", "add", "fd00:d0a9::2/64", "dev", "wide0", "nodad");
        await RunAsync("ip", "-n", path._inner, "link", "set", "wide0", "mtu", "1500", "up");
        await RunAsync("ip", "-n", path._inner, "-6", "route", "add", "default", "via", "fd00:d0a9::1");
        await RunAsync("ip", "-n", lab.HostNamespace, "-6", "route", "replace", Subnet, "via", address, "dev", bridge);
        await lab.RouteAsync(Subnet);
        return path;
    }

    /// <summary>How much of what an internal host sends arrives within the time.</summary>
    public async Task<int> DownloadAsync()
    {
        var from = new IPEndPoint(LabAddress.Parse(LabAddresses.InternalV6), Port);
        using var listener = NetNamespace.Named(_lab.OutsideNamespace).OpenSocket(AddressFamily.InterNetworkV6, SocketType.Stream, 6);
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(from);
        listener.Listen(1);
        using var client = NetNamespace.Named(_inner).OpenSocket(AddressFamily.InterNetworkV6, SocketType.Stream, 6);
        using var limit = new CancellationTokenSource(Patience);
        var received = 0;
        try
        {
            var accepting = listener.AcceptAsync(limit.Token).AsTask();
            await client.ConnectAsync(from, limit.Token);
            using var server = await accepting;
            var sending = SendAsync(server, limit.Token);
            var buffer = new byte[65_536];
            while (received < Size && await client.ReceiveAsync(buffer, limit.Token) is > 0 and var length)
                received += length;
            await sending;
        }
        catch (OperationCanceledException)
        {
            // What has arrived by now is the answer.
        }
        return received;
    }

    /// <summary>Forgets the path's MTU wherever it was learned.</summary>
    public async Task ForgetAsync()
    {
        foreach (var space in new[] { _lab.OutsideNamespace, _lab.HostNamespace })
            await RunAsync("ip", "-n", space, "-6", "route", "flush", "cache");
    }

    public async ValueTask DisposeAsync()
    {
        NetNamespace.Of(_container).Write("/proc/sys/net/ipv6/conf/all/forwarding", "0");
        await RunAsync("ip", "-n", _lab.HostNamespace, "-6", "route", "del", Subnet);
        // Its link ends with it.
        await RunAsync("ip", "netns", "delete", _inner);
    }

    private static async Task SendAsync(Socket server, CancellationToken stop)
    {
        var rest = new ReadOnlyMemory<byte>(new byte[Size]);
        while (!rest.IsEmpty)
            rest = rest[await server.SendAsync(rest, stop)..];
    }

    /// <summary>Runs ip in a container's network namespace.</summary>
    public static Task InContainerAsync(int container, params string[] arguments) =>
        RunAsync(["nsenter", string.Create(CultureInfo.InvariantCulture, $"--net=/proc/{container}/ns/net"), "--", "ip", .. arguments]);

    private static async Task RunAsync(params string[] command) => (await ProcessRun.RunAsync(command, CancellationToken.None)).OrThrow();
}
