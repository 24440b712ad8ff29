using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>Whatever a host's sh, ip and iptables are, the same is read of it.</summary>
public sealed class ReadingShellTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("dnh-reading-");

    public void Dispose() => folder.Delete(recursive: true);

    public static TheoryData<string, string> Hosts()
    {
        var hosts = new TheoryData<string, string>();
        foreach (var shell in new[] { "dash", "bash --posix", "busybox sh" })
        {
            foreach (var layout in new[] { "Debian", "busybox's ip", "legacy", "no ip6tables", "odd files", "a cloud" })
                hosts.Add(shell, layout);
            // busybox's sh has an ip of its own.
            if (shell is not "busybox sh")
                hosts.Add(shell, "no ip");
        }
        return hosts;
    }

    [SkippableTheory]
    [MemberData(nameof(Hosts))]
    public async Task Every_shell_reads_the_same(string shell, string layout)
    {
        using var space = HostNamespace.Make();
        Skip.IfNot(File.Exists("/bin/" + shell.Split(' ')[0]) && File.Exists("/bin/busybox"), $"needs {shell} and busybox");
        space.Run("ip", "link", "set", "lo", "up");
        space.Run("ip", "link", "add", "adm0", "type", "bridge");
        space.Run("ip", "link", "set", "adm0", "up");
        space.Run("ip", "address", "add", "192.0.2.5/24", "dev", "adm0");
        space.Run("ip", "link", "add", "idle0", "type", "bridge");
        var tool = layout is "legacy" ? "iptables-legacy" : "iptables-nft";
        space.Restore(tool, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n-A FORWARD -j DOCKER-USER\nCOMMIT\n");
        var (names, program) = layout switch
        {
            "busybox's ip" => (["ip"], "/bin/busybox"),
            "legacy" => (["iptables", "iptables-save", "ip6tables", "ip6tables-save"], "/usr/sbin/xtables-legacy-multi"),
            "no ip6tables" => (["ip6tables"], "/bin/false"),
            _ => (Array.Empty<string>(), ""),
        };
        foreach (var name in names)
            File.CreateSymbolicLink(Path.Combine(folder.FullName, name), program);
        var path = folder.FullName + ":/usr/sbin:/usr/bin:/sbin:/bin";
        // The machine's own firmware is hidden too: most of these hosts have none, as where the kernel shows none.
        // The program appends /usr/sbin and /sbin to any PATH, so ip is hidden by a file that is not a program.
        var hide = layout switch
        {
            "no ip" => "mount --bind /dev/null /usr/sbin/ip && mount --bind /dev/null /usr/bin/ip",
            "odd files" => $"cp -a /etc/alternatives {folder.FullName} && mount -t tmpfs none /etc && cp -a {folder.FullName}/alternatives /etc && mkdir -p /etc/docker/daemon.json && printf 'nameserver 192.0.2.53\\n#\\000\\n' >/etc/resolv.conf",
            "a cloud" => "mkdir -p /sys/class/dmi/id && printf 'Amazon EC2\\n' >/sys/class/dmi/id/sys_vendor && printf 'm7i.large\\n' >/sys/class/dmi/id/product_name && chmod 0 /sys/class/dmi/id/product_name"
                + " && mount -t tmpfs none /run && mkdir -p /run/systemd/netif/leases && printf 'ADDRESS=10.1.1.7\\nSERVER_ADDRESS=10.1.1.1\\n' >/run/systemd/netif/leases/2",
            _ => "true",
        };
        string[] hidden = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs none /sys && " + hide + " && exec \"$@\"", "sh"];
        await using var opened = new ProcessShell(space.Name, "ip", ["netns", "exec", space.Name, .. hidden, "env", "PATH=" + path, "SSH_CONNECTION=192.0.2.9 50000 192.0.2.5 22", .. shell.Split(' ')]);
        var snapshot = await new DockerHost(opened).ReadAsync(CancellationToken.None);

        var version = space.Run(tool, "--version").Trim();
        Assert.Equal(new IptablesTool(layout is "legacy" ? IptablesBackend.Legacy : IptablesBackend.Nft, version, "iptables", layout is "no ip6tables" ? null : "ip6tables"), snapshot.Iptables);
        Assert.True(snapshot.Rules[Family.IPv4].HasChain("filter", "DOCKER-USER"));
        Assert.Equal(layout is not "no ip6tables", snapshot.Rules.ContainsKey(Family.IPv6));
        Assert.True(snapshot.HasIPv6);
        Assert.Equal(["adm0", "idle0", "lo"], snapshot.Links.Order(StringComparer.Ordinal));
        Assert.Equal(Cidr.Parse("192.0.2.9"), snapshot.Session!.Client);
        Assert.Equal(22, snapshot.Session.ServerPort);
        Assert.Equal(layout is "a cloud" ? "Amazon EC2" : "", snapshot.Platform!.Vendor);
        Assert.Equal(layout is "a cloud" ? ["10.1.1.1"] : [], snapshot.Platform.DhcpServers.Select(static server => server.ToShortString()));
        if (layout is "odd files")
        {
            Assert.Contains("configuration file could not be read", Assert.Single(snapshot.Warnings), StringComparison.Ordinal);
            Assert.Equal([Cidr.Parse("192.0.2.53")], snapshot.Resolvers);
        }
        else
        {
            Assert.Empty(snapshot.Warnings);
        }
        if (layout is "no ip")
        {
            Assert.Empty(snapshot.Addresses);
            Assert.Null(snapshot.Session.Link);
            return;
        }
        Assert.Contains(new HostAddress("adm0", Cidr.Parse("192.0.2.5")), snapshot.Addresses);
        Assert.Equal("adm0", snapshot.Session.Link);
    }
}
