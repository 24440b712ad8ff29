using System.Globalization;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Demo;

/// <summary>The end of the demo: the rules are saved, the host's tables are emptied as by a power cut, and then the programs of its next start run.</summary>
internal sealed class LabReboot(IHardener hardener, TextWriter output, Style style)
{
    private const string Asker = "c0";

    /// <summary>Runs it; true if metadata was out of reach as soon as dockerd started.</summary>
    public async Task<bool> RunAsync(LabHost lab, CancellationToken stop)
    {
        OwnFiles files;
        try
        {
            files = OwnFiles.Of(lab.HostNamespace);
        }
        catch (LabException error)
        {
            await SayAsync("\n" + style.Quiet($"The rules are not saved here: {error.Message}")).ConfigureAwait(false);
            return true;
        }
        using (files)
        {
            await SayAsync("\n" + style.Heading("Saved, and the host starts again")).ConfigureAwait(false);
            await SayAsync(style.Quiet(await hardener.SaveAsync(lab, files, stop).ConfigureAwait(false))).ConfigureAwait(false);
            await lab.StopDockerAsync().ConfigureAwait(false);
            await FlushAsync(lab, stop).ConfigureAwait(false);
            await SayAsync("dockerd is stopped and every table is empty; now what systemd runs before docker.service:").ConfigureAwait(false);
            var loaded = await ProcessRun.RunAsync([.. files.Shell, "/bin/sh", "/etc/docker-net-harden/loader", "load"], stop).ConfigureAwait(false);
            await SayAsync(style.Quiet((loaded.Output + loaded.Errors).Trim())).ConfigureAwait(false);

            var before = (await lab.CountAsync("metadata", stop).ConfigureAwait(false)).Connections;
            using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var asking = lab.StreamAsync(Asker, LabAddresses.Metadata, 80, 200, end.Token);
            await lab.StartDockerAsync(stop).ConfigureAwait(false);
            await Task.Delay(500, stop).ConfigureAwait(false);
            await end.CancelAsync().ConfigureAwait(false);
            var asked = await asking.ConfigureAwait(false);
            var through = (await lab.CountAsync("metadata", stop).ConfigureAwait(false)).Connections - before;
            var text = string.Create(CultureInfo.InvariantCulture, $"{through} of {asked.Count} requests for metadata got through while dockerd started");
            await SayAsync((through == 0 ? style.Good(text) : style.Bad("! " + text)) + ".").ConfigureAwait(false);
            var web = await lab.AskAsync(Asker, LabAddresses.Web, 80, ProbeProtocol.Http, stop: stop).ConfigureAwait(false);
            await SayAsync($"The web outside: {(web.IsOpen ? style.Good(web.Result.ToString()) : style.Bad(web.Result.ToString()))}").ConfigureAwait(false);
            return through == 0 && web.IsOpen;
        }
    }

    private static async Task FlushAsync(LabHost lab, CancellationToken stop)
    {
        foreach (var command in (string[])[lab.Iptables, lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal)])
        {
            // iptables-restore without --noflush empties a table and deletes its chains at once.
            const string Empty = "*mangle\nCOMMIT\n*nat\nCOMMIT\n*raw\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
            (await lab.ExecAsync([command + "-restore"], Empty, stop).ConfigureAwait(false)).OrThrow();
        }
    }

    private Task SayAsync(string line) => output.WriteLineAsync(line);
}
