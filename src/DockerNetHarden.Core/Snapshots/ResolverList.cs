using System.Text.Json;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>The DNS servers that containers ask.</summary>
public static class ResolverList
{
    private static readonly Cidr Stub = Cidr.Parse("127.0.0.53");

    /// <summary>Reads the <c>nameserver</c> lines of a resolv.conf. Source: resolv.conf(5).</summary>
    /// <param name="text">The file.</param>
    /// <returns>The servers in order; a zone (<c>fe80::1%eth0</c>) is removed, and a server that is not an address is left out.</returns>
    public static IReadOnlyList<Cidr> ParseResolvConf(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var servers = new List<Cidr>();
        foreach (var line in text.Split('\n'))
        {
            var words = line.Split((char[])[' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (words is ["nameserver", var server, ..] && Cidr.TryParse(server.Split('%')[0], out var address))
                servers.Add(address);
        }
        return servers;
    }

    /// <summary>
    /// Those of the host's servers that Docker hands out: the ones in its resolv.conf; if that names systemd-resolved's stub, which no container can reach, those
    /// behind it. Source: Docker's "Networking overview", DNS services; systemd-resolved.service(8).
    /// </summary>
    /// <param name="resolvConf"><c>/etc/resolv.conf</c>.</param>
    /// <param name="behindStub"><c>/run/systemd/resolve/resolv.conf</c>; empty if there is none.</param>
    /// <returns>The servers in order.</returns>
    public static IReadOnlyList<Cidr> ParseHost(string resolvConf, string behindStub)
    {
        var servers = ParseResolvConf(resolvConf);
        return servers.Contains(Stub) ? [.. servers, .. ParseResolvConf(behindStub)] : servers;
    }

    /// <summary>Reads the key <c>dns</c> of dockerd's configuration file, <c>/etc/docker/daemon.json</c> by default. Source: dockerd's configuration file reference.</summary>
    /// <param name="json">The file.</param>
    /// <returns>The servers in order; empty if the file has no such key.</returns>
    /// <exception cref="FormatException">The file is not a JSON object, or <c>dns</c> is not a list of addresses.</exception>
    public static IReadOnlyList<Cidr> ParseDaemon(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        // dockerd also starts with an empty file.
        if (string.IsNullOrWhiteSpace(json))
            return [];
        try
        {
            using var document = JsonText.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new FormatException("daemon.json is not a JSON object; dockerd itself would not start with it.");
            if (!document.RootElement.TryGetProperty("dns", out var dns) || dns.ValueKind == JsonValueKind.Null)
                return [];
            if (dns.ValueKind != JsonValueKind.Array || dns.EnumerateArray().Any(static server => server.ValueKind != JsonValueKind.String))
                throw new FormatException("'dns' in daemon.json is not a list of addresses; write it as [\"10.0.0.2\"].");
            return [.. dns.EnumerateArray().Select(static server => Cidr.Parse(server.GetString()!.Split('%')[0]))];
        }
        catch (JsonException error)
        {
            throw new FormatException($"daemon.json is not JSON: {error.Message}", error);
        }
    }

    /// <summary>Reads <c>--dns</c> from dockerd's own arguments. Source: dockerd(8).</summary>
    /// <param name="arguments">The arguments, one per line.</param>
    /// <returns>The servers in order; anything that is not an address is left out: dockerd would not have started with it.</returns>
    public static IReadOnlyList<Cidr> ParseArguments(string arguments)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        var lines = arguments.Split('\n');
        var values = lines.Select((line, index) =>
            line.StartsWith("--dns=", StringComparison.Ordinal) ? line["--dns=".Length..]
            : line is "--dns" && index + 1 < lines.Length ? lines[index + 1] : "");
        return [.. values.SelectMany(static value => value.Split(',')).Select(static value => Cidr.TryParse(value.Split('%')[0], out var server) ? server : (Cidr?)null).OfType<Cidr>()];
    }

    /// <summary>Joins the sources, without loopback addresses, which a container cannot reach, and without
    /// duplicates.</summary>
    /// <param name="sources">The servers of each source: the daemon's, the containers', the host's.</param>
    /// <returns>The servers, in the order of the sources.</returns>
    public static IReadOnlyList<Cidr> Merge(params IReadOnlyList<Cidr>[] sources)
    {
        ArgumentNullException.ThrowIfNull(sources);
        return [.. sources.SelectMany(static source => source).Where(static server => !server.IsLoopback).Distinct()];
    }
}
