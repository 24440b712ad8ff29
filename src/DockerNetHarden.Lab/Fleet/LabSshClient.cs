using System.Globalization;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab;

/// <summary>
/// A client with its own key, ssh_config and known_hosts file, in a namespace that reaches the hosts. <see cref="Program"/> is its
/// <c>ssh</c>: the machine's, started in the namespace with that ssh_config. It replaces itself with ssh, so that a signal reaches ssh.
/// </summary>
public sealed class LabSshClient
{
    private const string KeyName = "id_ed25519";

    private readonly object gate = new();
    private readonly List<string> hosts = [];
    private readonly List<string> known = [];

    private LabSshClient(string folder, string networkNamespace) => (Folder, NetworkNamespace) = (folder, networkNamespace);

    public string Folder { get; }

    /// <summary>The name of the namespace that the client's connections come from.</summary>
    public string NetworkNamespace { get; }

    /// <summary>The arguments that enter the namespace; a command's arguments follow.</summary>
    public IReadOnlyList<string> Prefix => ["nsenter", "--net=/run/netns/" + NetworkNamespace, "--"];

    public string KeyFile => Path.Combine(Folder, KeyName);

    public string KnownHosts => Path.Combine(Folder, "known_hosts");

    public string ConfigFile => Path.Combine(Folder, "ssh_config");

    /// <summary>The folder with <see cref="Program"/>; as the first on PATH, it makes <c>ssh</c> this client's.</summary>
    public string Programs => Path.Combine(Folder, "bin");

    public string Program => Path.Combine(Programs, "ssh");

    internal string PublicKey => File.ReadAllText(KeyFile + ".pub").Trim();

    internal static async Task<LabSshClient> MakeAsync(string folder, string networkNamespace, CancellationToken stop)
    {
        var client = new LabSshClient(folder, networkNamespace);
        Directory.CreateDirectory(client.Programs, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await KeygenAsync(client.KeyFile, stop).ConfigureAwait(false);
        await client.WriteProgramAsync(client.Program, client.ConfigFile, stop).ConfigureAwait(false);
        client.Write();
        return client;
    }

    internal static async Task KeygenAsync(string file, CancellationToken stop)
    {
        if (!File.Exists(file))
            (await ProcessRun.RunAsync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", file], stop).ConfigureAwait(false)).OrThrow();
    }

    /// <summary>
    /// Makes the hosts known: <c>alias</c>, and for failures <c>alias-unknown</c> (no key is known) and <c>alias-changed</c> (another key is known).
    /// </summary>
    internal void Add(string alias, string address, int port, string hostKey)
    {
        lock (gate)
        {
            var at = string.Create(CultureInfo.InvariantCulture, $"    HostName {address}\n    Port {port}\n");
            hosts.Add($"Host {alias}\n{at}    HostKeyAlias {alias}\n");
            hosts.Add($"Host {alias}-unknown\n{at}    HostKeyAlias {alias}-unknown\n");
            hosts.Add($"Host {alias}-changed\n{at}    HostKeyAlias {alias}-changed\n");
            known.Add($"{alias},{address},[{address}]:{port.ToString(CultureInfo.InvariantCulture)} {hostKey}");
            // Any key that the host does not have will do, so it is the client's own.
            known.Add($"{alias}-changed {PublicKey}");
            Write();
        }
    }

    /// <summary>Adds a Host to the ssh_config as given.</summary>
    internal void AddHost(string lines)
    {
        lock (gate)
        {
            hosts.Add(lines);
            Write();
        }
    }

    /// <summary>The same client with other settings: its ssh_config begins with these lines, which win (ssh_config(5): the first value counts).</summary>
    /// <returns>The program to run instead of ssh.</returns>
    public async Task<string> VariantAsync(string name, string configLines, CancellationToken stop)
    {
        var config = Path.Combine(Folder, "ssh_config." + name);
        await File.WriteAllTextAsync(config, $"Host *\n{configLines.TrimEnd()}\n{await File.ReadAllTextAsync(ConfigFile, stop).ConfigureAwait(false)}", stop).ConfigureAwait(false);
        var folder = Directory.CreateDirectory(Path.Combine(Folder, "bin." + name));
        var program = Path.Combine(folder.FullName, "ssh");
        await WriteProgramAsync(program, config, stop).ConfigureAwait(false);
        return program;
    }

    // A child writes it: a file that this process wrote would be open for writing in whatever another thread starts at that moment, and the kernel does not run such a
    // file (ETXTBSY, execve(2)).
    private async Task WriteProgramAsync(string program, string config, CancellationToken stop)
    {
        var ssh = LabHost.FindProgram("ssh") ?? throw new LabException("ssh is missing; Debian's package openssh-client has it.");
        var text = $"#!/bin/sh\nexec nsenter --net=/run/netns/{NetworkNamespace} -- {ssh} -F {config} \"$@\"\n";
        (await ProcessRun.RunAsync(["install", "-m", "700", "/dev/stdin", program], stop, text).ConfigureAwait(false)).OrThrow();
    }

    private void Write()
    {
        File.WriteAllText(KnownHosts, string.Concat(known.Select(line => line + "\n")));
        File.WriteAllText(ConfigFile, string.Concat(hosts) + $"""
            Host *
                User root
                IdentityFile {KeyFile}
                IdentitiesOnly yes
                IdentityAgent none
                UserKnownHostsFile {KnownHosts}
                GlobalKnownHostsFile none
                HashKnownHosts no
            """.ReplaceLineEndings("\n") + "\n");
    }
}
