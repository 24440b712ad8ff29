using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Snapshots;

/// <summary>Leases as systemd-networkd 252, dhclient 4.4 and NetworkManager write them; the lines are cut after what is read.</summary>
public sealed class PlatformTextTests
{
    [Theory]
    [InlineData("/run/systemd/netif/leases/2:SERVER_ADDRESS=10.1.1.1", "10.1.1.1")]
    [InlineData("/var/lib/dhcp/dhclient.eth0.leases:  option dhcp-server-identifier 10.1.1.1;", "10.1.1.1")]
    [InlineData("/var/lib/dhclient/dhclient--eth0.lease:  option dhcp-server-identifier 10.1.1.1;", "10.1.1.1")]
    [InlineData("/var/lib/NetworkManager/internal-7a0e-eth0.lease:SERVER_ADDRESS=10.1.1.1", "10.1.1.1")]
    // The last lease of a file counts.
    [InlineData("/var/lib/dhcp/dhclient.leases:  option dhcp-server-identifier 10.9.9.9;\n/var/lib/dhcp/dhclient.leases:  option dhcp-server-identifier 10.1.1.1;", "10.1.1.1")]
    [InlineData("/run/systemd/netif/leases/2:SERVER_ADDRESS=10.1.1.1\n/run/systemd/netif/leases/3:SERVER_ADDRESS=10.2.2.1\n/run/systemd/netif/leases/4:SERVER_ADDRESS=10.1.1.1", "10.1.1.1 10.2.2.1")]
    [InlineData("/run/systemd/netif/leases/2:SERVER_ADDRESS=10.1.1.999", "")]
    [InlineData("/run/systemd/netif/leases/2:SERVER_ADDRESS=010.1.1.1", "")]
    [InlineData("/run/systemd/netif/leases/2:SERVER_ADDRESS=10.1.1.1 -j ACCEPT", "")]
    [InlineData("/etc/resolv.conf:SERVER_ADDRESS=10.1.1.1", "")]
    [InlineData("/etc/docker/daemon.json:# /leases/:SERVER_ADDRESS=10.1.1.1", "")]
    public void The_servers_of_leases_are_read(string lines, string servers) =>
        Assert.Equal(servers, string.Join(' ', PlatformText.Read(_ => "", lines.Split('\n')).DhcpServers.Select(server => server.ToShortString())));

    [Fact]
    public void Texts_are_trimmed_cut_and_made_fit_to_be_shown()
    {
        var read = PlatformText.Read(path => path switch
        {
            "/sys/class/dmi/id/sys_vendor" => "  QEMU \n",
            "/sys/class/dmi/id/product_name" => "a\u001b[2Jb\n",
            "/sys/class/dmi/id/bios_version" => new string('x', 5000),
            _ => "",
        }, []);
        Assert.Equal("QEMU", read.Vendor);
        Assert.DoesNotContain('\u001b', read.Product);
        Assert.True(read.BiosVersion.Length < 300);
        Assert.Equal("", read.ChassisVendor);
    }
}
