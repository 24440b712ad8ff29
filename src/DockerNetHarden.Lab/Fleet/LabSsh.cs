using System.Globalization;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab;

/// <summary>The options of a lab host's sshd.</summary>
public sealed record LabSshOptions
{
    /// <summary>The name that clients use for it: a Host of their ssh_config. The lab's name if null.</summary>
    public string? Alias { get; init; }

    /// <summary>Its address as the client sees it; the host's on the uplink if null.</summary>
    public string? Address { get; init; }

    public int Port { get; init; } = 22;

    /// <summary>Who may log in.</summary>
    public IReadOnlyList<LabUser> Users { get; init; } = LabUser.Usual;

    /// <summary>Its client; if null, a new one in the outside namespace.</summary>
    public LabSshClient? Client { get; init; }

    /// <summary>
    /// A pwsh for sessions over SSH (the subsystem <c>powershell</c>): its program, or dotnet and the pwsh.dll of one that runs as a .NET tool; none if empty.
    /// </summary>
    public IReadOnlyList<string> PowerShell { get; init; } = [];
}

/// <summary>The sshd of a lab's host.</summary>
public sealed class LabSsh
{
    private readonly ProcessMark daemon;

    internal LabSsh(string alias, string address, LabSshOptions options, LabSshClient client, ProcessMark daemon)
    {
        (Alias, Address, Port, Users, Client) = (alias, address, options.Port, options.Users, client);
        this.daemon = daemon;
    }

    /// <summary>The Host of the client's ssh_config that leads here.</summary>
    public string Alias { get; }

    public string Address { get; }

    public int Port { get; }

    public IReadOnlyList<LabUser> Users { get; }

    public LabSshClient Client { get; }

    /// <summary>The processor time of the listener and of the conversations that ended, with everything that ran in them.</summary>
    public TimeSpan ProcessorTime() => daemon.ProcessorTime();

    /// <summary>Hides programs from whoever logs in, or gives them back: an empty file that nobody may run takes their place.</summary>
    /// <param name="programs">Their names; those that the host does not have are skipped.</param>
    /// <param name="hidden">Whether they are hidden.</param>
    public async Task HideAsync(IReadOnlyList<string> programs, bool hidden)
    {
        // The mounts are in sshd's own mount namespace.
        const string Code = """
            hidden=$1
            shift
            for program; do
                path=$(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin command -v "$program") || [ "$hidden" = 0 ] || continue
                for place in ${path:-/usr/bin/$program /bin/$program}; do
                    if [ "$hidden" = 1 ]; then mount -n --bind /dev/null "$place"; else umount -n "$place" 2>/dev/null || :; fi
                done
            done
            """;
        string[] enter = ["nsenter", "--target", daemon.Pid.ToString(CultureInfo.InvariantCulture), "--mount", "--", "/bin/sh", "-c", Code, "sh"];
        (await ProcessRun.RunAsync([.. enter, hidden ? "1" : "0", .. programs], CancellationToken.None).ConfigureAwait(false)).OrThrow();
    }

    /// <summary>Stops listening; open conversations go on, as on a real host.</summary>
    public Task StopAsync() => daemon.StopAsync(TimeSpan.FromSeconds(5));

    /// <summary>Why no sshd can be started on this machine; null if one can.</summary>
    public static string? WhyUnavailable()
    {
        if (LabHost.WhyUnavailable() is { } reason)
            return reason;
        var missing = Array.FindAll(["sshd", "ssh", "ssh-keygen", "sudo", "unshare", "mount"], program => LabHost.FindProgram(program) is null);
        return missing.Length == 0 ? null : "needs " + string.Join(", ", missing);
    }
}
