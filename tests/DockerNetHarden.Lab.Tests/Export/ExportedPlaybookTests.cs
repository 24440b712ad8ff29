using System.Globalization;
using DockerNetHarden.Controls;
using DockerNetHarden.Export;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Fleets;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Export;

/// <summary>The playbook as somebody runs it who has nothing else: on three hosts, over their SSH.</summary>
[Collection(FleetCollection.Name)]
public sealed class ExportedPlaybookTests(FleetLab lab) : IAsyncLifetime
{
    private static readonly IReadOnlyList<FirewallRule> Rules =
        [.. new MetadataAccess().Rules(), FirewallRule.Parse("""-A DOCKER-USER -p tcp --dport 99 -m comment --comment "{{ lookup('pipe', 'id') }} 'y' \"z\" # a: b" -j DROP""")];

    private readonly string folder = Directory.CreateTempSubdirectory("dnh-playbook-").FullName;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await lab.ResetAsync();
        Directory.Delete(folder, recursive: true);
    }

    [SkippableFact]
    public async Task Three_hosts_would_be_changed_are_changed_and_are_unchanged()
    {
        Skip.IfNot(LabSsh.WhyUnavailable() is null, LabSsh.WhyUnavailable());
        Skip.IfNot(File.Exists("/usr/bin/ansible-playbook"), "needs Debian's package ansible-core");
        var own = Directory.Exists("/etc/docker-net-harden");
        await WriteAsync();
        var expected = await InvokedAsync();

        var (code, said) = await RunAsync("--check");
        Assert.True(code == 0, said);
        Assert.Contains("DNH-METADATA", said, StringComparison.Ordinal);
        Assert.All(lab.Fleet.Hosts, host => Assert.NotEqual(0, Count(said, host.Name, "changed")));
        foreach (var host in lab.Fleet.Hosts)
        {
            Assert.Empty(await HostState.OursAsync(host));
            Assert.False(Directory.Exists(Path.Combine(folder, host.Name)));
        }

        (code, said) = await RunAsync();
        Assert.True(code == 0, said);
        Assert.All(lab.Fleet.Hosts, host => Assert.NotEqual(0, Count(said, host.Name, "changed")));
        // No systemd here, or none that the test may touch: the playbook says so and does not fail.
        Assert.Contains("loader load before it", said, StringComparison.Ordinal);
        foreach (var host in lab.Fleet.Hosts)
        {
            Assert.Equal(expected, await HostState.OursAsync(host));
            // The inventory's setting counts: nothing is written into the folder that all of them would share.
            Assert.True(File.Exists(Path.Combine(folder, host.Name, "saved")));
        }
        Assert.Equal(own, Directory.Exists("/etc/docker-net-harden"));
        var first = lab.Fleet.Hosts[0];
        await first.RunContainerAsync(new LabContainerOptions("c0") { Network = "apps" });
        Assert.Equal(Reach.Refused, (await first.AskAsync("c0", LabAddresses.Metadata, 80)).Result);
        await first.RemoveContainerAsync("c0");

        foreach (var arguments in new string[][] { [], ["--check"] })
        {
            (code, said) = await RunAsync(arguments);
            Assert.True(code == 0, said);
            Assert.All(lab.Fleet.Hosts, host => Assert.True(Count(said, host.Name, "changed") == 0, said));
        }
    }

    // The result of the module itself on the first host, which is then restored.
    private async Task<SortedDictionary<string, string>> InvokedAsync()
    {
        await using var hardening = await Hardening.Hardening.OfAsync(lab.Fleet.Hosts[0]);
        await hardening.ApplyAsync(Rules);
        return await HostState.OursAsync(lab.Fleet.Hosts[0]);
    }

    private async Task WriteAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "playbook.yml"), Assert.Single(FirewallExport.Of(ExportFormat.Ansible, Rules).Texts).Text);
        // The hosts share this machine's files, so each gets its own folder, and this machine's systemd is left alone.
        await File.WriteAllTextAsync(Path.Combine(folder, "hosts"), string.Concat(lab.Fleet.Hosts.Select(host => $"{host.Name} docker_net_harden_dir={Path.Combine(folder, host.Name)}\n"))
            + $"[all:vars]\nansible_ssh_executable={lab.Fleet.Client.Program}\nansible_ssh_transfer_method=piped\nansible_remote_tmp={folder}/tmp\nansible_become=false\nansible_python_interpreter=/usr/bin/python3\n"
            + $"docker_net_harden_boot={(Directory.Exists("/run/systemd/system") ? "false" : "true")}\n");
    }

    private async Task<(int ExitCode, string Said)> RunAsync(params string[] arguments)
    {
        var result = await ProcessRun.RunAsync(
            ["ansible-playbook", "-i", Path.Combine(folder, "hosts"), Path.Combine(folder, "playbook.yml"), .. arguments], CancellationToken.None, "",
            new Dictionary<string, string>(StringComparer.Ordinal) { ["ANSIBLE_LOCALHOST_WARNING"] = "false", ["ANSIBLE_NOCOLOR"] = "1", ["ANSIBLE_HOME"] = folder, ["ANSIBLE_LOCAL_TEMP"] = folder, ["LC_ALL"] = "C.UTF-8" });
        return (result.ExitCode, result.Output + result.Errors);
    }

    // A line of the recap: lab-1 : ok=9 changed=4 ...
    private static int Count(string said, string host, string word)
    {
        var line = said.Split('\n').Last(each => each.StartsWith(host, StringComparison.Ordinal) && each.Contains(word + "=", StringComparison.Ordinal));
        var at = line.IndexOf(word + "=", StringComparison.Ordinal) + word.Length + 1;
        return int.Parse(line[at..].Split(' ')[0], CultureInfo.InvariantCulture);
    }
}
