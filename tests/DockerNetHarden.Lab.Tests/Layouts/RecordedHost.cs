using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Shells;
using static DockerNetHarden.Lab.Tests.Hosts.HostNamespace;

namespace DockerNetHarden.Lab.Tests.Layouts;

/// <summary>
/// The tables that Docker 29.7.2 wrote with nftables, in a namespace with two of its bridges: a container on docker0 and one on the user's network <c>plain</c>, and somebody outside who is the metadata service,
/// an internal server and the internet.
/// </summary>
internal sealed class RecordedHost : IDisposable
{
    public const string Plain = "br-2645a64046ef";

    private static int count;
    private readonly string _name;
    private readonly List<Process> _servers = [];

    private RecordedHost(string name) => _name = name;

    /// <summary>Makes one, or skips the test with the reason.</summary>
    public static RecordedHost Make()
    {
        Skip.IfNot(OperatingSystem.IsLinux() && string.Equals(Environment.UserName, "root", StringComparison.Ordinal), "needs root on Linux");
        Skip.IfNot(new[] { "/usr/sbin/nft", "/usr/bin/busybox", "/usr/bin/curl" }.All(path => File.Exists(path) || File.Exists(path.Replace("/usr", "", StringComparison.Ordinal))), "needs nft, busybox and curl");
        var host = new RecordedHost(string.Create(CultureInfo.InvariantCulture, $"dnhrec{Environment.ProcessId}x{Interlocked.Increment(ref count)}"));
        host.Raise();
        return host;
    }

    /// <summary>A conversation with a sh on the host.</summary>
    public ProcessShell Open() => new("recorded", "nsenter", ["--net=/run/netns/" + _name, "/bin/sh"]);

    /// <summary>A command on the host.</summary>
    public string Run(params string[] command) => Exec("ip", ["netns", "exec", _name, .. command]);

    /// <summary>What a connection from somewhere (<c>c0</c>, <c>plain</c>, <c>out</c>, <c>host</c>) to a web server comes to.</summary>
    public string Ask(string from, string address)
    {
        using var process = Process.Start(new ProcessStartInfo("ip", ["netns", "exec", from == "host" ? _name : _name + from, "curl", "-s", "-o", "/dev/null", "--noproxy", "*", "-m", "2", $"http://{address}/"]) { UseShellExecute = false })!;
        process.WaitForExit();
        return process.ExitCode switch
        {
            0 or 22 => "open",
            7 => "refused",
            28 => "dropped",
            var other => string.Create(CultureInfo.InvariantCulture, $"curl {other}"),
        };
    }

    public void Dispose()
    {
        foreach (var server in _servers)
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
            server.Dispose();
        }
        foreach (var part in new[] { "c0", "plain", "out", "" })
            Exec("ip", "netns", "del", _name + part);
    }

    private void Raise()
    {
        foreach (var part in new[] { "", "c0", "plain", "out" })
        {
            Exec("ip", "netns", "add", _name + part);
            Exec("ip", "-n", _name + part, "link", "set", "lo", "up");
        }
        // While the kernel looks for a duplicate of an address, there is no route to it.
        Run("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad");
        Bridge("docker0", "172.17.0.1/16");
        Bridge(Plain, "172.18.0.1/16");
        Join("c0", "docker0", "172.17.0.2/16", "172.17.0.1");
        Join("plain", Plain, "172.18.0.2/16", "172.18.0.1");
        Exec("ip", "link", "add", _name[^8..] + "u", "netns", _name, "type", "veth", "peer", "name", "eth0", "netns", _name + "out");
        Exec("ip", "-n", _name, "link", "set", _name[^8..] + "u", "name", "up0");
        Address(_name, "up0", "203.0.113.1/24");
        Address(_name + "out", "eth0", "203.0.113.25/24");
        foreach (var address in new[] { "169.254.169.254/32", "10.0.0.5/32" })
            Exec("ip", "-n", _name + "out", "addr", "add", address, "dev", "lo");
        Exec("ip", "-n", _name, "route", "add", "default", "via", "203.0.113.25");
        Run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward");
        Run("nft", "-f", Path.Combine(DockerNetHarden.Tests.ProjectRoot.Path, "tests", "DockerNetHarden.Lab.Tests", "Layouts", "docker-29.7.2.nft"));
        Serve("", "8000");
        foreach (var part in new[] { "c0", "plain", "out" })
            Serve(part, "80");
    }

    private void Bridge(string name, string address)
    {
        Exec("ip", "-n", _name, "link", "add", name, "type", "bridge");
        Address(_name, name, address);
    }

    private void Join(string part, string bridge, string address, string gateway)
    {
        var link = _name[^8..] + part[..1];
        Exec("ip", "link", "add", link, "netns", _name, "type", "veth", "peer", "name", "eth0", "netns", _name + part);
        Exec("ip", "-n", _name, "link", "set", link, "master", bridge, "up");
        Address(_name + part, "eth0", address);
        Exec("ip", "-n", _name + part, "route", "add", "default", "via", gateway);
    }

    private static void Address(string space, string link, string address)
    {
        Exec("ip", "-n", space, "addr", "add", address, "dev", link);
        Exec("ip", "-n", space, "link", "set", link, "up");
    }

    private void Serve(string part, string port) =>
        _servers.Add(Process.Start(new ProcessStartInfo("ip", ["netns", "exec", _name + part, "busybox", "httpd", "-f", "-p", port, "-h", Path.GetTempPath()]) { UseShellExecute = false })!);
}
