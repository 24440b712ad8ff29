using System.Diagnostics;
using System.Globalization;

namespace DockerNetHarden.Lab.Linux;

/// <summary>
/// A network namespace with its own /etc and /usr/share: nobody else sees what is written there, and it is gone at the end. A lab's host shares the
/// files of this machine, which must not change.
/// </summary>
public sealed class OwnFiles : IDisposable
{
    private const string Hold = """
        set -e
        mount -t tmpfs tmpfs "$1"
        for d in etc usr/share; do
        mkdir -p "$1/up/$d" "$1/scratch/$d"
        mount -t overlay overlay -o "lowerdir=/$d,upperdir=$1/up/$d,workdir=$1/scratch/$d" "/$d"
        done
        # No command is to ask the systemd of this machine.
        if [ -d /run/systemd ]; then mount -t tmpfs tmpfs /run/systemd; fi
        rm -rf /etc/docker-net-harden
        echo ready
        exec sleep 3600
        """;

    private readonly string folder = Directory.CreateTempSubdirectory("dnh-files-").FullName;
    private readonly Process holder;

    private OwnFiles(string networkNamespace)
    {
        holder = Process.Start(new ProcessStartInfo("unshare", ["--mount", "--propagation", "private", "/bin/sh", "-c", Hold, "sh", folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        })!;
        Shell = ["nsenter", "--net=/run/netns/" + networkNamespace, string.Create(CultureInfo.InvariantCulture, $"--mount=/proc/{holder.Id}/ns/mnt"), "--"];
    }

    /// <summary>The arguments that enter it; a command's arguments follow.</summary>
    public IReadOnlyList<string> Shell { get; }

    /// <summary>Makes it for a lab's host, or another network namespace.</summary>
    /// <exception cref="LabException">This machine cannot do it: the message is mount's.</exception>
    public static OwnFiles Of(string networkNamespace)
    {
        var files = new OwnFiles(networkNamespace);
        if (files.holder.StandardOutput.ReadLine() is "ready")
            return files;
        var reason = files.holder.StandardError.ReadToEnd().Trim();
        files.Dispose();
        throw new LabException($"An /etc of its own needs mount namespaces and overlayfs: {reason}");
    }

    public void Dispose()
    {
        if (!holder.HasExited)
            holder.Kill();
        holder.WaitForExit();
        holder.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
