using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text.Json;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab.Services;

/// <summary>
/// The process behind the hidden verb <c>serve</c>: every service of one lab, inside both namespaces and inside containers, and a control socket that
/// returns the counters. It outlives the command that raised the lab.
/// </summary>
internal sealed class ServiceProcess(string hostNamespace, string outsideNamespace, string controlSocket, bool ipv6)
{
    private readonly ServiceCounters counters = new();
    private readonly ConcurrentBag<Listener> listeners = [];

    public async Task RunAsync(CancellationToken stop)
    {
        var host = NetNamespace.Named(hostNamespace);
        var outside = NetNamespace.Named(outsideNamespace);
        foreach (var service in ipv6 ? [.. LabAddresses.Services, .. LabAddresses.ServicesV6] : LabAddresses.Services)
        {
            var place = service.Place == ServicePlace.Host ? host : outside;
            listeners.Add(Listener.Open(place, service.Name, LabAddress.Parse(service.Address), service.Port, service.Kind, counters, stop));
        }

        // Bound last: if it answers, so does everything else.
        using var control = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        control.Bind(new UnixDomainSocketEndPoint(controlSocket));
        control.Listen(64);
        try
        {
            while (true)
                _ = AnswerAsync(await control.AcceptAsync(stop).ConfigureAwait(false), stop);
        }
        catch (OperationCanceledException)
        {
            foreach (var listener in listeners)
                listener.Dispose();
        }
    }

    private async Task AnswerAsync(Socket client, CancellationToken stop)
    {
        using var stream = new NetworkStream(client, ownsSocket: true);
        using var reader = new StreamReader(stream);
        try
        {
            var line = await reader.ReadLineAsync(stop).ConfigureAwait(false);
            if (line is null)
                return;
            var reply = Answer(JsonSerializer.Deserialize(line, ControlJson.Default.ControlRequest)!, stop);
            await stream.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(reply, ControlJson.Default.ControlReply), (byte)'\n'], stop).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or JsonException or OperationCanceledException)
        {
            // The asker is gone or sent no request, so there is nobody to tell.
        }
    }

    private ControlReply Answer(ControlRequest request, CancellationToken stop)
    {
        try
        {
            switch (request.Operation)
            {
                case "counts":
                    return new ControlReply(null, counters.Read());
                case "listen":
                    listeners.Add(Listener.Open(
                        new NetNamespace(request.Namespace!), request.Name!, LabAddress.Parse(request.Address!), request.Port, request.Kind, counters, stop));
                    return new ControlReply(null);
                default:
                    return new ControlReply($"'{request.Operation}' is not an operation of the lab's services, which are counts and listen.");
            }
        }
        catch (Exception error) when (error is SocketException or IOException or FormatException or LabException or System.ComponentModel.Win32Exception)
        {
            return new ControlReply($"{request.Name} cannot listen on {request.Address} port {request.Port}: {error.Message}");
        }
    }
}
