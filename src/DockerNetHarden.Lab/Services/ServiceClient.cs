using System.Net.Sockets;
using System.Text.Json;

namespace DockerNetHarden.Lab.Services;

internal sealed class ServiceClient(string controlSocket)
{
    public async Task<ControlReply> AskAsync(ControlRequest request, CancellationToken stop)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(controlSocket), stop).ConfigureAwait(false);
        using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        await stream.WriteAsync((byte[])[.. JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Default.ControlRequest), (byte)'\n'], stop).ConfigureAwait(false);
        var line = await reader.ReadLineAsync(stop).ConfigureAwait(false)
            ?? throw new LabException("The lab's services ended while they were asked; see services.log in the lab's folder.");
        var reply = JsonSerializer.Deserialize(line, ControlJson.Default.ControlReply)!;
        return reply.Error is null ? reply : throw new LabException(reply.Error);
    }

    /// <summary>Whether the services answer yet.</summary>
    public async Task<bool> IsReadyAsync(CancellationToken stop)
    {
        try
        {
            await AskAsync(new ControlRequest("counts"), stop).ConfigureAwait(false);
            return true;
        }
        catch (Exception error) when (error is SocketException or IOException)
        {
            return false;
        }
    }
}
