using System.Net.Sockets;

namespace DockerNetHarden.Core.Tests.Docker;

/// <summary>A server on a unix socket in a temporary folder; derived classes decide what it says on each connection.</summary>
internal abstract class SocketServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("dnh-engine-").FullName;
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private Task _loop = Task.CompletedTask;

    public string SocketPath => Path.Combine(_folder, "docker.sock");

    /// <summary>Cancelled when the test is over.</summary>
    protected CancellationToken Over => _stop.Token;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _loop;
        _stop.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Starts listening; called when the derived server is ready.</summary>
    protected void Listen()
    {
        _listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        _listener.Listen(64);
        _loop = AcceptAsync();
    }

    /// <summary>One connection, which the method owns. It ends when <see cref="Over"/> is cancelled.</summary>
    protected abstract Task ConverseAsync(Socket socket);

    private async Task AcceptAsync()
    {
        var conversations = new List<Task>();
        try
        {
            while (true)
                conversations.Add(ConverseAsync(await _listener.AcceptAsync(_stop.Token)));
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(conversations);
        }
    }
}
