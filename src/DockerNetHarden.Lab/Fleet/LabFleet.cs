using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab;

/// <summary>The options of a fleet.</summary>
public sealed record LabFleetOptions
{
    /// <summary>Its name; the hosts are called NAME-1, NAME-2 ... If none is given, one is made up.</summary>
    public string? Name { get; init; }

    /// <summary>Whether each host has a dockerd.</summary>
    public bool Docker { get; init; } = true;

    /// <summary>As for <see cref="LabOptions.Owner"/>.</summary>
    public int? Owner { get; init; }

    /// <summary>As for <see cref="LabSshOptions.PowerShell"/>.</summary>
    public IReadOnlyList<string> PowerShell { get; init; } = [];

    /// <summary>Who may log in to every host.</summary>
    public IReadOnlyList<LabUser> Users { get; init; } = LabUser.Usual;
}

/// <summary>
/// Several lab hosts, each with its own dockerd, bridges, pools and sshd, and one client that reaches them all by address. The client is the first
/// host's outside namespace, so there is no other namespace to remove.
/// </summary>
public sealed partial class LabFleet : IAsyncDisposable
{
    /// <summary>A Host of the client's ssh_config that never answers: everything sent to it is lost.</summary>
    public const string DeadHost = "dead";

    private LabFleet(string name, IReadOnlyList<LabHost> hosts, IReadOnlyList<LabSsh> servers, LabSshClient client) =>
        (Name, Hosts, Servers, Client) = (name, hosts, servers, client);

    public string Name { get; }

    public IReadOnlyList<LabHost> Hosts { get; }

    /// <summary>The sshd of each host, in the same order.</summary>
    public IReadOnlyList<LabSsh> Servers { get; }

    public LabSshClient Client { get; }

    public static async Task<LabFleet> RaiseAsync(int count, LabFleetOptions? options = null, CancellationToken stop = default)
    {
        if (count is < 1 or > 99)
            throw new LabException($"A fleet has 1 to 99 hosts, not {count}.");
        if (LabSsh.WhyUnavailable() is { } reason)
            throw new LabException($"A fleet cannot be raised here: it {reason}. Install Debian's docker.io, iptables, openssh-server, openssh-client and sudo, or their like.");
        options ??= new LabFleetOptions();
        var name = options.Name ?? "fleet" + RandomNumberGenerator.GetHexString(4, lowercase: true);
        if (name.Length > 17)
            throw new LabException($"'{name}' is too long for a fleet: 17 characters at most.");
        var raising = Enumerable.Range(1, count).Select(number => RaiseHostAsync(name, number, options, stop)).ToList();
        try
        {
            var hosts = await Task.WhenAll(raising).ConfigureAwait(false);
            var client = await LabSshClient.MakeAsync(Path.Combine(hosts[0].Folder, "client"), hosts[0].OutsideNamespace, stop).ConfigureAwait(false);
            var servers = new List<LabSsh>();
            await AddDeadHostAsync(hosts[0], client, stop).ConfigureAwait(false);
            for (var number = 1; number <= count; number++)
            {
                var host = hosts[number - 1];
                await ConnectAsync(host, hosts[0].OutsideNamespace, number, stop).ConfigureAwait(false);
                servers.Add(await host.StartSshAsync(new LabSshOptions { Alias = host.Name, Address = Address(number), Client = client, Users = options.Users, PowerShell = options.PowerShell }, stop).ConfigureAwait(false));
            }
            return new LabFleet(name, hosts, servers, client);
        }
        catch
        {
            foreach (var host in raising)
            {
                await Task.WhenAny(host).ConfigureAwait(false);
                if (host.IsCompletedSuccessfully)
                    await (await host.ConfigureAwait(false)).DisposeAsync().ConfigureAwait(false);
            }
            throw;
        }
    }

    /// <summary>Takes down a fleet, whoever raised it. Returns the names of its hosts.</summary>
    public static async Task<IReadOnlyList<string>> RemoveAsync(string name)
    {
        var hosts = HostsOf(name);
        foreach (var host in hosts.Reverse())
            await LabHost.RemoveAsync(host).ConfigureAwait(false);
        return hosts;
    }

    /// <summary>Runs a command where the client is, with its ssh first on PATH, on the caller's own terminal. The exit code is the command's.</summary>
    public static Task<int> ExecHereAsync(string name, IReadOnlyList<string> arguments, CancellationToken stop = default)
    {
        var first = LabHost.Open(HostsOf(name)[0]);
        var programs = Path.Combine(first.Folder, "client", "bin");
        Dictionary<string, string> environment = new(StringComparer.Ordinal) { ["PATH"] = programs + ":" + Environment.GetEnvironmentVariable("PATH") };
        return ProcessRun.RunHereAsync(["nsenter", "--net=/run/netns/" + first.OutsideNamespace, "--", .. arguments], environment, stop);
    }

    public async ValueTask DisposeAsync()
    {
        // The first host last: the others' cables end in its outside namespace.
        foreach (var host in Hosts.Reverse())
            await host.DisposeAsync().ConfigureAwait(false);
    }

    internal FleetDescription Describe() => new(
        Name, Client.Folder, Client.Programs, Client.Program, Client.Prefix, Client.NetworkNamespace, Client.KeyFile, Client.KnownHosts, Client.ConfigFile, DeadHost,
        [.. Hosts.Zip(Servers, (host, server) => new FleetHostDescription(host.Name, server.Address, server.Port, host.Folder, host.HostNamespace, host.DockerHost, host.Iptables, server.Users))]);

    private static IReadOnlyList<string> HostsOf(string name)
    {
        var hosts = LabFolder.All().Where(lab => lab.StartsWith(name + "-", StringComparison.Ordinal) && Number().IsMatch(lab[(name.Length + 1)..]))
            .OrderBy(lab => int.Parse(lab.AsSpan(name.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture)).ToList();
        return hosts.Count > 0 ? hosts : throw new LabException($"There is no fleet '{name}'. Raise one: dnh-lab fleet up --name {name}.");
    }

    // 198.18.0.0/15 is the range for networks of devices under test (RFC 2544): it is in no pool of Docker's and in no outside network.
    private static string Address(int number) => string.Create(CultureInfo.InvariantCulture, $"198.18.{number}.2");

    private static async Task<LabHost> RaiseHostAsync(string fleet, int number, LabFleetOptions options, CancellationToken stop)
    {
        var host = await LabHost.RaiseAsync(new LabOptions
        {
            Name = string.Create(CultureInfo.InvariantCulture, $"{fleet}-{number}"),
            Owner = options.Owner,
            Docker = options.Docker,
            Containers = false,
            AddressPools = [string.Create(CultureInfo.InvariantCulture, $"10.{100 + number}.0.0/16")],
        }, stop).ConfigureAwait(false);
        if (options.Docker)
            await host.CreateNetworkAsync("apps", string.Create(CultureInfo.InvariantCulture, $"apps{number}"), null, stop).ConfigureAwait(false);
        return host;
    }

    private static async Task ConnectAsync(LabHost host, string client, int number, CancellationToken stop)
    {
        var cable = string.Create(CultureInfo.InvariantCulture, $"to{number}");
        await IpAsync(host.HostNamespace, $"link add adm0 type veth peer name {cable} netns {client}\naddr add {Address(number)}/24 dev adm0\nlink set adm0 up\n", stop).ConfigureAwait(false);
        await IpAsync(client, string.Create(CultureInfo.InvariantCulture, $"addr add 198.18.{number}.1/24 dev {cable}\nlink set {cable} up\n"), stop).ConfigureAwait(false);
    }

    // A neighbour that is known but absent: packets leave and are lost, as with a switched-off host behind a router.
    private static async Task AddDeadHostAsync(LabHost first, LabSshClient client, CancellationToken stop)
    {
        await IpAsync(first.OutsideNamespace, "link add dead0 type veth peer name dead1\naddr add 198.18.0.1/24 dev dead0\nlink set dead0 up\nlink set dead1 up\nneigh add 198.18.0.2 lladdr 02:00:00:00:00:02 dev dead0 nud permanent\n", stop).ConfigureAwait(false);
        client.AddHost($"Host {DeadHost}\n    HostName 198.18.0.2\n");
    }

    private static async Task IpAsync(string networkNamespace, string batch, CancellationToken stop) =>
        (await ProcessRun.RunAsync(["ip", "-n", networkNamespace, "-batch", "-"], stop, batch).ConfigureAwait(false)).OrThrow();

    [GeneratedRegex("^[0-9]{1,2}$", RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex Number();
}

// What `fleet up --json` prints.
internal sealed record FleetDescription(
    string Name, string Folder, string Programs, string Ssh, IReadOnlyList<string> Prefix, string ClientNamespace, string KeyFile, string KnownHosts, string SshConfig,
    string DeadHost, IReadOnlyList<FleetHostDescription> Hosts);

internal sealed record FleetHostDescription(
    string Name, string Address, int Port, string Folder, string Namespace, string DockerHost, string Iptables, IReadOnlyList<LabUser> Users);
