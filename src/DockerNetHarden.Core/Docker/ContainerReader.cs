using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>
/// Reads the replies about containers. The list has neither the DNS servers nor the process id: those come from inspecting one.
/// Source: https://docs.docker.com/reference/api/engine/, ContainerSummary and ContainerInspectResponse.
/// </summary>
public static class ContainerReader
{
    /// <summary>Reads the body of <c>GET /containers/json</c>.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>.</exception>
    public static IReadOnlyList<DockerContainer> ReadList(ReadOnlyMemory<byte> body) =>
        JsonShape.Read(body, "GET /containers/json", root => root.Items().Select(Summary).ToArray());

    /// <summary>Reads the body of <c>GET /containers/{id}/json</c>.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>.</exception>
    public static DockerContainer Read(ReadOnlyMemory<byte> body) => JsonShape.Read(body, "GET /containers/{id}/json", Inspected);

    private static DockerContainer Summary(JsonShape root)
    {
        var id = root.NeededText("Id");
        var names = root.Items("Names").Select(item => item.Text().TrimStart('/')).ToArray();
        return new DockerContainer
        {
            Id = id,
            // A link's alias stands beside the name as "/other/alias"; a container that is being removed has no name.
            Name = names.FirstOrDefault(text => text.Length > 0 && !text.Contains('/', StringComparison.Ordinal)) ?? Short(id),
            Image = root.Text("Image"),
            State = root.Text("State"),
            NetworkMode = Mode(root.Member("HostConfig")?.Text("NetworkMode")),
            Addresses = Addresses(root),
            Ports = Joined(root.Items("Ports").Select(Port).OfType<PublishedPort>()),
        };
    }

    private static DockerContainer Inspected(JsonShape root)
    {
        var id = root.NeededText("Id");
        var state = root.Needed("State");
        return new DockerContainer
        {
            Id = id,
            Name = root.Text("Name").TrimStart('/') is { Length: > 0 } name ? name : Short(id),
            Image = root.Member("Config")?.Text("Image") ?? "",
            State = state.Text("Status"),
            NetworkMode = Mode(root.Member("HostConfig")?.Text("NetworkMode")),
            Addresses = Addresses(root),
            Ports = Joined((root.Member("NetworkSettings")?.Pairs("Ports") ?? []).SelectMany(Ports)),
            // The API lets anything stand here; what is no address is skipped by every resolver too (resolv.conf(5)).
            Dns = [.. (root.Member("HostConfig")?.Items("Dns") ?? []).Select(item => JsonShape.TryAddress(item.Text(), out var server) ? server : (Cidr?)null).OfType<Cidr>().Distinct()],
            Pid = state.Number("Pid"),
            Privileged = root.Member("HostConfig")?.Flag("Privileged") ?? false,
            AddedCapabilities = Capabilities(root, "CapAdd"),
            DroppedCapabilities = Capabilities(root, "CapDrop"),
        };
    }

    // "NET_ADMIN", "CAP_NET_ADMIN", "net_admin", "ALL": as they were typed, in engines to 19.03.
    private static string[] Capabilities(JsonShape root, string name) =>
        [.. (root.Member("HostConfig")?.Items(name) ?? []).Select(static item => item.Text().ToUpperInvariant()).Select(static text => text.StartsWith("CAP_", StringComparison.Ordinal) ? text[4..] : text).Distinct(StringComparer.Ordinal)];

    // Engines to about 27 write "default" where nothing was asked for; newer ones write what it means.
    private static string Mode(string? mode) => mode switch
    {
        null => "",
        "default" => "bridge",
        _ => mode,
    };

    private static ContainerAddress[] Addresses(JsonShape root) =>
        [.. (root.Member("NetworkSettings")?.Pairs("Networks") ?? []).Select(pair =>
            new ContainerAddress(pair.Key, pair.Value.Address("IPAddress"), pair.Value.Address("GlobalIPv6Address")))];

    // A port that is exposed and not published has neither PublicPort nor IP; one that is published without a port of the host (gateway mode routed) has an IP.
    private static PublishedPort? Port(JsonShape root) =>
        root.Number("PublicPort") is > 0 || root.Text("IP").Length > 0
            ? new PublishedPort(Everywhere(root.Address("IP")), root.Number("PublicPort"), root.Number("PrivatePort"), root.Text("Type")) : null;

    // "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]; null where the port is only exposed.
    private static IEnumerable<PublishedPort> Ports(KeyValuePair<string, JsonShape> pair)
    {
        var slash = pair.Key.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0 || !TryPort(pair.Key.AsSpan(0, slash), out var inside))
            throw pair.Value.Bad($"a port such as 80/tcp instead of '{DockerNames.Printable(pair.Key)}'");
        foreach (var binding in pair.Value.Items())
        {
            // An empty or zero host port is one that is not bound (yet), or with an address none at all (gateway mode routed).
            var outside = 0;
            if (binding.Text("HostPort") is not { Length: > 0 } text || string.Equals(text, "0", StringComparison.Ordinal))
            {
                if (binding.Text("HostIp").Length == 0)
                    continue;
            }
            else if (!TryPort(text, out outside))
                throw binding.Needed("HostPort").Bad("a port from 1 to 65535");
            yield return new PublishedPort(Everywhere(binding.Address("HostIp")), outside, inside, pair.Key[(slash + 1)..]);
        }
    }

    private static bool TryPort(ReadOnlySpan<char> text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port is > 0 and <= 65535;

    // 0.0.0.0 and :: are all of the host's addresses of their family: docker-proxy listens for each on its own.
    private static Cidr? Everywhere(Cidr? address) => address is { } given && given.Bits == UInt128.Zero ? Cidr.From(given.Family, UInt128.Zero, 0) : address;

    // What is published on all addresses of both families is one port.
    private static PublishedPort[] Joined(IEnumerable<PublishedPort> ports)
    {
        var all = ports.ToHashSet();
        return [.. all.Select(port => Array.TrueForAll(Everything, address => all.Contains(port with { HostAddress = address })) && port.IsEverywhere ? port with { HostAddress = null } : port).Distinct()];
    }

    private static readonly Cidr?[] Everything = [Cidr.From(Family.IPv4, UInt128.Zero, 0), Cidr.From(Family.IPv6, UInt128.Zero, 0)];

    private static string Short(string id) => id[..Math.Min(12, id.Length)];
}
