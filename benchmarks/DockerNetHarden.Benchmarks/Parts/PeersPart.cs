using DockerNetHarden.Lab;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Benchmarks;

/// <summary>Fifteen rules of the hardening guide, written as the guide does, with Ansible's iptables module, and with this module: first, and once more.</summary>
internal sealed class PeersPart : IPart
{
    private const string Metadata = "-d 169.254.169.254/32";

    // The guide's commands: the host's addresses and its gateways, metadata with GCP's DNS kept, the network for pages that nobody trusts, mail.
    private static readonly string[] Rules =
    [
        $"INPUT -s 172.16.0.0/12 -d {LabAddresses.Host}/32 -j DROP",
        $"INPUT -s 172.16.0.0/12 -d {LabAddresses.HostSecond}/32 -j DROP",
        "INPUT -i docker0 -d 172.17.0.1/32 -j DROP",
        "INPUT -i docker-metadata -d 172.18.0.1/32 -j DROP",
        "INPUT -i docker-external -d 172.19.0.1/32 -j DROP",
        $"DOCKER-USER -i docker0 {Metadata} -j DROP",
        $"DOCKER-USER -i docker0 {Metadata} -p udp --dport 53 -j ACCEPT",
        $"DOCKER-USER -i docker0 {Metadata} -p tcp --dport 53 -j ACCEPT",
        $"DOCKER-USER -i docker-external {Metadata} -j DROP",
        "DOCKER-USER -i docker-external -d 10.0.0.0/8 -j DROP",
        "DOCKER-USER -i docker-external -d 172.16.0.0/12 -j DROP",
        "DOCKER-USER -i docker-external -d 192.168.0.0/16 -j DROP",
        "DOCKER-USER -p tcp --syn -m multiport --dports 25,465,587 -j DROP",
        "DOCKER-USER -p tcp --syn -m multiport --dports 25,465,587 -m limit --limit 5/minute --limit-burst 5 -j RETURN",
        $"DOCKER-USER {Metadata} -j REJECT",
    ];

    public string Name => "peers";

    public string? WhyUnavailable() => LabHost.WhyUnavailable();

    public async Task RunAsync(Run run)
    {
        var host = await LabHost.RaiseAsync(new LabOptions { Containers = false }).ConfigureAwait(false);
        await using (host.ConfigureAwait(false))
        {
            var bare = await Firewall.SaveAsync(host).ConfigureAwait(false);
            var folder = Directory.CreateTempSubdirectory("dnh-bench");
            var pwsh = await PwshSession.StartAsync(host.Shell, ("DOCKER_HOST", host.DockerHost)).ConfigureAwait(false);
            await using (pwsh.ConfigureAwait(false))
            {
                try
                {
                    await MeasureAsync(run, host, bare, folder.FullName, pwsh).ConfigureAwait(false);
                }
                finally
                {
                    folder.Delete(recursive: true);
                }
            }
        }
    }

    private static async Task MeasureAsync(Run run, LabHost host, Firewall bare, string folder, PwshSession pwsh)
    {
        Task Clean() => bare.RestoreAsync(host);
        var restore = $"*filter\n{string.Concat(Rules.Select(static rule => $"-I {rule}\n"))}COMMIT\n";
        await pwsh.RunAsync($"$own = New-FirewallRule -Name guide -Rule {string.Join(',', Rules.Select(static rule => $"'-A {rule}'"))}").ConfigureAwait(false);
        List<(string Name, Func<Task> Run)> peers =
        [
            ("one iptables-restore of the same text", () => Commands.RunAsync([.. host.Shell, "iptables-restore", "--noflush", "--wait", "10"], restore)),
            ("the guide's shell commands", () => Commands.RunAsync([.. host.Shell, "/bin/sh", "-e"], string.Concat(Rules.Select(static rule => $"iptables -I {rule}\n")))),
            ("Invoke-FirewallRule", () => pwsh.RunAsync("$own | Invoke-FirewallRule -Force")),
        ];
        if (Commands.Has("ansible-playbook"))
            peers.Add(("Ansible's iptables module", await AnsibleAsync(host, folder).ConfigureAwait(false)));
        else
            Run.Say("*** Ansible is NOT MEASURED: there is no ansible-playbook. Install Debian's ansible-core. ***");
        foreach (var (name, apply) in peers)
        {
            // Ansible takes seconds, and what takes seconds varies little.
            await new InTurn(run, "peers", "ms") { Rounds = run.Quick ? 1 : name.StartsWith("Ansible", StringComparison.Ordinal) ? Math.Min(5, run.Rounds) : run.Rounds }.MeasureAsync(
                Measured.Timed(name + ", first", apply) with { Before = Clean },
                Measured.Timed(name + ", again", apply)).ConfigureAwait(false);
        }
    }

    private static async Task<Func<Task>> AnsibleAsync(LabHost host, string folder)
    {
        var play = Path.Combine(folder, "play.yml");
        await File.WriteAllTextAsync(play, "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n" + string.Concat(Rules.Select(static (rule, number) => Task(rule, number)))).ConfigureAwait(false);
        // The module lists the chain without -n, so iptables asks for the name of every address. The lab has no such names and nobody who says so: each would wait for seconds.
        var names = Path.Combine(folder, "nsswitch.conf");
        await File.WriteAllTextAsync(names, "passwd: files\ngroup: files\nhosts: files\n").ConfigureAwait(false);
        string[] alone = ["unshare", "--mount", "/bin/sh", "-c", "mount --bind \"$0\" /etc/nsswitch.conf && exec \"$@\"", names];
        // At its best: pipelining saves a copy for each task, and the named interpreter saves the search for one.
        var environment = new Dictionary<string, string>(StringComparer.Ordinal) { ["ANSIBLE_PIPELINING"] = "true", ["ANSIBLE_HOME"] = folder, ["ANSIBLE_LOCAL_TEMP"] = folder, ["ANSIBLE_REMOTE_TEMP"] = folder };
        return () => Commands.RunAsync([.. host.Shell, .. alone, "ansible-playbook", "-i", "localhost,", "-e", "ansible_python_interpreter=/usr/bin/python3", play], environment: environment);
    }

    // A rule in the module's own words.
    private static string Task(string rule, int number)
    {
        var words = rule.Split(' ');
        var (task, after) = ($"    - name: rule {number}\n      ansible.builtin.iptables:\n        action: insert\n        chain: {words[0]}\n", 0);
        for (var place = 1; place < words.Length; place += after)
        {
            after = words[place] is "--syn" ? 1 : 2;
            task += words[place] switch
            {
                "-s" => $"        source: {words[place + 1]}\n",
                "-d" => $"        destination: {words[place + 1]}\n",
                "-i" => $"        in_interface: {words[place + 1]}\n",
                "-p" => $"        protocol: {words[place + 1]}\n",
                "-j" => $"        jump: {words[place + 1]}\n",
                "--dport" => $"        destination_port: \"{words[place + 1]}\"\n",
                "--dports" => $"        destination_ports: [{words[place + 1]}]\n",
                "--limit" => $"        limit: {words[place + 1]}\n",
                "--limit-burst" => $"        limit_burst: \"{words[place + 1]}\"\n",
                "--syn" => "        syn: match\n",
                // The matches that these options belong to are found by the module.
                "-m" => "",
                var option => throw new NotSupportedException($"'{option}' is not translated for Ansible."),
            };
        }
        return task;
    }
}
