using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Snapshots;

/// <summary>A complete real host, read, written as a file and read back: each part holds what was made for it.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class WholeSnapshotTests
{
    [LabFact]
    public async Task A_real_host_is_read_completely_and_its_file_gives_the_same_snapshot()
    {
        await using var lab = await LabHost.RaiseAsync(new LabOptions { Backend = LabBackend.Nft });
        await PrepareAsync(lab);
        // Not --privileged: if the test itself lacks capabilities, runc refuses it.
        await lab.RunContainerAsync(new LabContainerOptions("mighty") { AddCapabilities = ["NET_ADMIN"], Arguments = ["--cap-drop", "NET_RAW", "--env", "TOKEN=a-secret"] });
        HostSnapshot? read = null;
        // Read while the connection is open, so that conntrack knows it.
        await lab.KeepAliveAsync("c0", "10.0.0.5", 80, async () => read = await ReadAsync(lab));
        var whole = read!;

        Assert.Empty(whole.Unread);
        Assert.Contains(whole.OtherRules[Family.IPv4]["filter", "FORWARD"], static rule => rule.Tokens.Contains("10.66.0.1/32", StringComparer.Ordinal));
        Assert.Contains(whole.Nft!.Chains, static chain => chain is { Family: "inet", Table: "dnhnative", Hook: "forward", Priority: -10, Policy: "accept" });
        Assert.Contains(whole.Nft.Rules, static rule => rule.Table is "dnhnative" && rule.Expressions.Count == 2);
        Assert.Contains(whole.Routes, static route => route is { Table: "77", Type: "blackhole", IsModelled: true } && route.Destination == Cidr.Parse("198.51.100.0/24"));
        Assert.Contains(whole.Routes, static route => route is { Table: "local", Type: "local", Links: ["docker0"] });
        Assert.Contains(whole.Routes, static route => route is { Table: "main", Destination.Length: 0, Links: [_] });
        Assert.Contains(whole.RoutingRules, static rule => rule is { Priority: 77, InLink: "docker0", Table: "77", IsModelled: true });
        Assert.Contains(whole.RoutingRules, static rule => rule is { Priority: 78, IsModelled: false });
        Assert.Contains(whole.LinkDetails, static link => link is { Name: "docker0", Kind: "bridge", HasTcFilter: true, HasXdp: false });
        Assert.Contains(whole.LinkDetails, static link => link is { Kind: "veth", Master: "docker0", HasTcFilter: false });
        var set = Assert.Single(whole.IpSets);
        Assert.Equal(("dnhset", "hash:net", Family.IPv4, "10.66.0.0/16"), (set.Name, set.Type, set.Family!.Value, set.Members.Single()));
        Assert.Equal("1", whole.Sysctls["net.ipv4.ip_forward"], StringComparer.Ordinal);
        Assert.Equal("2", whole.Sysctls["net.ipv4.conf.docker0.rp_filter"], StringComparer.Ordinal);
        Assert.Contains("data-root", whole.DaemonSettings.Keys);
        var mighty = whole.Containers.Single(static container => container.Name is "mighty");
        Assert.False(mighty.Privileged);
        Assert.Equal(["NET_ADMIN"], mighty.AddedCapabilities, StringComparer.Ordinal);
        Assert.Equal(["NET_RAW"], mighty.DroppedCapabilities, StringComparer.Ordinal);
        var address = whole.Containers.Single(static container => container.Name is "c0").Addresses[0].IPv4;
        Assert.Contains(whole.Connections!, connection => connection is { Protocol: "tcp", DestinationPort: 80 } && connection.Source == address && connection.Destination == Cidr.Parse("10.0.0.5"));

        await ComesBackAsync(whole);
    }

    private static async Task PrepareAsync(LabHost lab)
    {
        string[][] commands =
        [
            ["iptables-legacy", "-A", "FORWARD", "-d", "10.66.0.1", "-j", "DROP"],
            ["nft", "add table inet dnhnative; add chain inet dnhnative f { type filter hook forward priority -10; policy accept; }; add rule inet dnhnative f ip daddr { 10.66.0.2, 10.66.0.3 } drop"],
            ["ip", "route", "add", "blackhole", "198.51.100.0/24", "table", "77"],
            ["ip", "rule", "add", "iif", "docker0", "lookup", "77", "priority", "77"],
            ["ip", "rule", "add", "fwmark", "0x7", "lookup", "77", "priority", "78"],
            ["ipset", "create", "dnhset", "hash:net"],
            ["ipset", "add", "dnhset", "10.66.0.0/16"],
            // No rule names it, so it is not in the snapshot.
            ["ipset", "create", "dnhunused", "hash:net"],
            [lab.Iptables, "-I", "DOCKER-USER", "-m", "set", "--match-set", "dnhset", "src", "-j", "RETURN"],
            ["tc", "qdisc", "add", "dev", "docker0", "clsact"],
            ["tc", "filter", "add", "dev", "docker0", "egress", "protocol", "ip", "u32", "match", "ip", "dst", "10.66.0.4", "flowid", "1:1"],
            ["/bin/sh", "-c", "echo 2 >/proc/sys/net/ipv4/conf/docker0/rp_filter"],
        ];
        foreach (var command in commands)
            (await lab.ExecAsync(command)).OrThrow();
    }

    private static async Task<HostSnapshot> ReadAsync(LabHost lab)
    {
        await using var docker = HostDocker.At(DockerEndpoint.Parse(lab.DockerHost));
        await using var shell = new ProcessShell("lab", lab.Shell[0], [.. lab.Shell.Skip(1), "/bin/sh"]);
        return await new DockerHost(shell, docker).ReadWholeAsync(CancellationToken.None);
    }

    private static async Task ComesBackAsync(HostSnapshot whole)
    {
        var folder = Directory.CreateTempSubdirectory("dnh-snapshot-").FullName;
        try
        {
            var path = Path.Combine(folder, "lab.json");
            await SnapshotStore.WriteAsync(path, whole, overwrite: false, CancellationToken.None);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            Assert.DoesNotContain("a-secret", await File.ReadAllTextAsync(path), StringComparison.Ordinal);
            Assert.Equal(Text(whole), Text(await SnapshotStore.ReadAsync(path, CancellationToken.None)), StringComparer.Ordinal);
            await Assert.ThrowsAnyAsync<IOException>(() => SnapshotStore.WriteAsync(path, whole, overwrite: false, CancellationToken.None));
            await SnapshotStore.WriteAsync(path, whole, overwrite: true, CancellationToken.None);
            Assert.Single(Directory.GetFiles(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Text(HostSnapshot snapshot)
    {
        using var stream = new MemoryStream();
        SnapshotFile.Write(snapshot, stream);
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }
}
