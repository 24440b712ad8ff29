using System.Globalization;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab;

public sealed partial class LabHost
{
    /// <summary>
    /// Starts sshd on the lab's host. It runs in its own mount namespace, in which passwd, shadow, sudoers and /run belong to this lab: users, homes and
    /// locks of the machine are neither seen nor changed, and everything is gone when sshd is.
    /// </summary>
    public async Task<LabSsh> StartSshAsync(LabSshOptions? options = null, CancellationToken stop = default)
    {
        if (LabSsh.WhyUnavailable() is { } reason)
            throw new LabException($"sshd cannot be started here: it {reason}. Install Debian's openssh-server, openssh-client and sudo, or their like.");
        options ??= new LabSshOptions();
        var (alias, address) = (options.Alias ?? Name, options.Address ?? LabAddresses.Host);
        var files = folder.In("ssh");
        Directory.CreateDirectory(Path.Combine(files, "run"));
        var client = options.Client ?? await LabSshClient.MakeAsync(folder.In("client"), OutsideNamespace, stop).ConfigureAwait(false);
        var hostKey = Path.Combine(files, "host_ed25519");
        await LabSshClient.KeygenAsync(hostKey, stop).ConfigureAwait(false);
        await new LabAccounts(options.Users, files, Engine.Root).WriteAsync(alias, client.PublicKey, stop).ConfigureAwait(false);

        var pid = Path.Combine(files, "sshd.pid");
        File.Delete(pid);
        var config = Path.Combine(files, "sshd_config");
        await File.WriteAllTextAsync(config, Configuration(options, hostKey, pid), stop).ConfigureAwait(false);
        var script = Path.Combine(files, "sshd.sh");
        await WriteResourceAsync("sshd.sh", script, stop).ConfigureAwait(false);
        var log = folder.In("sshd.log");
        string[] arguments = ["unshare", "--mount", "--uts", "--", "/bin/sh", script, Folder, alias, config, .. options.PowerShell];
        var daemon = await StartOnHostAsync(arguments, log, NoVariables, stop).ConfigureAwait(false);
        // sshd writes its process id when it listens.
        await WaitAsync("sshd", _ => Task.FromResult(File.Exists(pid)), log, () => daemon, stop).ConfigureAwait(false);
        client.Add(alias, address, options.Port, string.Join(' ', (await File.ReadAllTextAsync(hostKey + ".pub", stop).ConfigureAwait(false)).Split(' ').Take(2)));
        return new LabSsh(alias, address, options, client, daemon);
    }

    // As sshd.sh mounts them. A login over SSH has almost no environment, so PATH or DOTNET_ROOT cannot help to find them.
    private static string PowerShell(IReadOnlyList<string> words) =>
        string.Join(' ', words.Select((word, number) => string.Create(CultureInfo.InvariantCulture, $"/run/pwsh/{number}/{Path.GetFileName(Target(word))}")));

    private static string Target(string path) => File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;

    private static string Configuration(LabSshOptions options, string hostKey, string pid) => string.Create(CultureInfo.InvariantCulture, $"""
        Port {options.Port}
        HostKey {hostKey}
        PidFile {pid}
        AuthorizedKeysFile .ssh/authorized_keys
        StrictModes no
        PermitRootLogin prohibit-password
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        UsePAM no
        AcceptEnv DOCKER_HOST
        UseDNS no
        PrintMotd no
        MaxStartups 200
        LogLevel VERBOSE
        Subsystem sftp internal-sftp
        {(options.PowerShell.Count > 0 ? $"Subsystem powershell {PowerShell(options.PowerShell)} -sshs -NoLogo" : "")}
        """).ReplaceLineEndings("\n") + "\n";
}
