using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>
/// Where this machine's engine is asked. Another machine's engine is refused: the firewall that goes with it would still be
/// this machine's. Source: https://docs.docker.com/reference/cli/dockerd/#daemon-socket-option.
/// </summary>
public sealed record DockerEndpoint
{
    /// <summary>Where the engine listens by default.</summary>
    public const string DefaultSocket = "/var/run/docker.sock";

    // sockaddr_un.sun_path holds 108 bytes, the last one zero: unix(7).
    private const int LongestSocketPath = 107;

    private DockerEndpoint(string text, string? socketPath, IReadOnlyList<EndPoint> targets, bool isDefault) =>
        (Text, SocketPath, Targets, IsDefault) = (text, socketPath, targets, isDefault);

    /// <summary>The endpoint if nothing is configured: <c>unix:///var/run/docker.sock</c>.</summary>
    public static DockerEndpoint Default => OfSocket(DefaultSocket, isDefault: true);

    /// <summary>The endpoint as Docker writes it: <c>unix:///var/run/docker.sock</c>, <c>tcp://127.0.0.1:2375</c>.</summary>
    public string Text { get; }

    /// <summary>The socket's path; null if the endpoint is TCP.</summary>
    public string? SocketPath { get; }

    /// <summary>Whether it is the engine's default.</summary>
    public bool IsDefault { get; }

    /// <summary>What to connect to, in this order, until one answers.</summary>
    internal IReadOnlyList<EndPoint> Targets { get; }

    /// <summary>
    /// The endpoint in <c>DOCKER_HOST</c>, else the default one. Contexts (<c>docker context</c>) belong to the docker command and are not read.
    /// </summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.UnusableEndpoint"/>.</exception>
    public static DockerEndpoint FromEnvironment() => FromEnvironment(Environment.GetEnvironmentVariable);

    /// <summary>Reads an endpoint; an empty text is the default one.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.UnusableEndpoint"/>: another machine's, or an unsupported scheme.</exception>
    public static DockerEndpoint Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = text.Trim();
        if (text.Length == 0)
            return Default;
        var colon = text.IndexOf("://", StringComparison.Ordinal);
        // Without a scheme it is TCP, as for the docker command.
        var scheme = colon < 0 ? "tcp" : text[..colon];
        var rest = colon < 0 ? text : text[(colon + 3)..];
        return scheme switch
        {
            "unix" => OfSocket(rest, isDefault: false),
            "tcp" => OfTcp(text, rest),
            "ssh" => throw Unusable(text, "it is another machine with another firewall: run DockerNetHarden on that machine, or unset DOCKER_HOST for the engine of this one"),
            "npipe" => throw Unusable(text, "it is a Windows pipe, but the firewall is a Linux host's: run DockerNetHarden on the Linux host that runs the containers"),
            _ => throw Unusable(text, "only unix:///path and tcp://127.0.0.1:port are supported: use one of them, or unset DOCKER_HOST for " + DefaultSocket),
        };
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    internal static DockerEndpoint FromEnvironment(Func<string, string?> variable)
    {
        var endpoint = Parse(variable("DOCKER_HOST") ?? "");
        // Any text that is not empty switches it on, even "0": https://docs.docker.com/reference/cli/docker/#environment-variables.
        if (endpoint.SocketPath is null && !string.IsNullOrEmpty(variable("DOCKER_TLS_VERIFY")))
            throw Unusable(endpoint.Text, "DOCKER_TLS_VERIFY asks for TLS, which is not supported for this machine's engine: use its unix socket (unset DOCKER_HOST and DOCKER_TLS_VERIFY)");
        return endpoint;
    }

    private static DockerEndpoint OfSocket(string path, bool isDefault)
    {
        var text = "unix://" + path;
        if (path.Length == 0 || path[0] != '/')
            throw Unusable(text, $"the socket's path must be absolute, for example unix://{DefaultSocket}");
        if (path.Any(char.IsControl))
            throw Unusable(text, "the socket's path holds a control character");
        var length = Encoding.UTF8.GetByteCount(path);
        if (length > LongestSocketPath)
            throw Unusable(text, $"the socket's path is {length} bytes long and the kernel allows {LongestSocketPath}: use a shorter one, for example through a symbolic link to its folder");
        return new DockerEndpoint(text, path, [new UnixDomainSocketEndPoint(path)], isDefault || string.Equals(path, DefaultSocket, StringComparison.Ordinal));
    }

    private static DockerEndpoint OfTcp(string text, string rest)
    {
        var colon = rest.LastIndexOf(':');
        var host = colon < 0 ? rest : rest[..colon];
        if (colon < 0 || !int.TryParse(rest.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port is < 1 or > 65535)
            throw Unusable(text, "a host and a port from 1 to 65535 are needed, for example tcp://127.0.0.1:2375");

        IPAddress[] addresses;
        if (string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase))
            addresses = [IPAddress.Loopback, IPAddress.IPv6Loopback];
        else if (Cidr.TryParse(host.StartsWith('[') && host.EndsWith(']') ? host[1..^1] : host, out var address) && address is { IsSingleAddress: true, IsLoopback: true })
            addresses = [ToIPAddress(address)];
        else
            throw Unusable(text, $"'{ShownText.Value(host)}' is not this machine's loopback address, and another machine has another firewall: run DockerNetHarden on that machine, or unset DOCKER_HOST for the engine of this one");
        return new DockerEndpoint($"tcp://{host}:{port.ToString(CultureInfo.InvariantCulture)}", null, [.. addresses.Select(one => new IPEndPoint(one, port))], isDefault: false);
    }

    private static IPAddress ToIPAddress(Cidr address)
    {
        var octets = new byte[Cidr.Width(address.Family) / 8];
        var rest = address.Bits;
        for (var i = octets.Length - 1; i >= 0; i--, rest >>= 8)
            octets[i] = (byte)(rest & 0xff);
        return new IPAddress(octets);
    }

    private static DockerException Unusable(string text, string why) =>
        new(DockerFailure.UnusableEndpoint, $"'{ShownText.Value(text)}' cannot be used to ask Docker: {why}.", text);
}
