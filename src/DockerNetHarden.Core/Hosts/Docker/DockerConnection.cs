using System.Net.Sockets;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>Opens the socket to an engine, or says in plain words why that failed.</summary>
internal static class DockerConnection
{
    /// <summary>Where systemd keeps each user's folder, which holds the socket of a rootless engine: https://docs.docker.com/engine/security/rootless/.</summary>
    public const string UserFolders = "/run/user";

    /// <summary>Connects to the first target that answers.</summary>
    /// <exception cref="DockerException">NotInstalled, Rootless, DaemonDown, NoPermission, UnusableEndpoint.</exception>
    public static async Task<Stream> OpenAsync(DockerEndpoint endpoint, string userFolders, CancellationToken stop)
    {
        SocketException? failure = null;
        foreach (var target in endpoint.Targets)
        {
            var socket = new Socket(target.AddressFamily, SocketType.Stream, target.AddressFamily == AddressFamily.Unix ? ProtocolType.Unspecified : ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(target, stop).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException error)
            {
                socket.Dispose();
                failure ??= error;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }
        throw Explain(endpoint, failure!, userFolders);
    }

    /// <summary>Turns a failed connection into an error with its way out.</summary>
    public static DockerException Explain(DockerEndpoint endpoint, SocketException error, string userFolders)
    {
        var (failure, cause, remedy) = error.SocketErrorCode switch
        {
            // connect(2): ENOENT and ENOTDIR; .NET gives both as AddressNotAvailable.
            SocketError.AddressNotAvailable when endpoint.SocketPath is not null => Absent(endpoint, userFolders),
            SocketError.ConnectionRefused => (DockerFailure.DaemonDown, $"Nobody answers at {endpoint}: the engine is not running.", "Start it with `systemctl start docker`; `journalctl -u docker` shows why it stopped."),
            SocketError.AccessDenied => (DockerFailure.NoPermission, $"The user '{Environment.UserName}' may not open {endpoint}.", $"Run as root or with sudo, or have the user added to the group docker (`usermod -aG docker {Environment.UserName}`, then log in again; the group is as powerful as root)."),
            _ => (DockerFailure.DaemonDown, $"{endpoint} could not be opened: {error.Message}.", "`systemctl status docker` shows how the engine is; DOCKER_HOST sets where it is asked."),
        };
        return new DockerException(failure, cause, endpoint.Text, inner: error, remedy: remedy);
    }

    private static (DockerFailure Failure, string Cause, string Remedy) Absent(DockerEndpoint endpoint, string userFolders)
    {
        if (!endpoint.IsDefault)
            return (DockerFailure.NotInstalled, $"The socket {endpoint.SocketPath} does not exist: DOCKER_HOST names it.", $"Correct it, or unset it for {DockerEndpoint.DefaultSocket}; to install Docker Engine see https://docs.docker.com/engine/install/.");
        if (RootlessSocket(userFolders) is { } rootless)
            return (DockerFailure.Rootless, $"{endpoint.SocketPath} does not exist, and {rootless} does: Docker runs rootless here, in its own network namespace, so this host's firewall does not decide what containers reach.", "Run the engine as root (`systemctl enable --now docker`), or harden within that namespace.");
        return (DockerFailure.NotInstalled, $"The socket {endpoint.SocketPath} does not exist: Docker Engine is not installed or does not run.", "Start it (`systemctl start docker`), install it (https://docs.docker.com/engine/install/), or name its socket in DOCKER_HOST.");
    }

    private static string? RootlessSocket(string userFolders)
    {
        try
        {
            // Only root can look into other users' folders; for anyone else those users count as having no rootless engine.
            return Directory.EnumerateDirectories(userFolders).Select(folder => Path.Combine(folder, "docker.sock")).FirstOrDefault(File.Exists);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
