using System.Globalization;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>One end of a load: the arguments that enter its namespace, and an address there.</summary>
internal sealed record LoadEnd(IReadOnlyList<string> Place, string Address);

/// <summary>A load from one namespace to another, through everything that lies between. Sender and receiver have a core each, if the machine has two.</summary>
internal static class Load
{
    /// <summary>Sends for some time; the result is what arrived each second.</summary>
    /// <param name="kind">udp or tcp.</param>
    /// <param name="from">The sender; its address may be 0.0.0.0:0.</param>
    /// <param name="target">Where it sends to: address and port.</param>
    /// <param name="to">The receiver, where it listens.</param>
    /// <param name="seconds">How long.</param>
    /// <param name="most">How many datagrams at most.</param>
    public static async Task<double> RunAsync(string kind, LoadEnd from, string target, LoadEnd to, double seconds, long most = long.MaxValue)
    {
        var last = System.Environment.ProcessorCount - 1;
        using var receiver = Commands.Start([.. to.Place, .. Core(0), .. Self(), "traffic", "receive", kind, to.Address], Environment());
        var errors = receiver.StandardError.ReadToEndAsync();
        try
        {
            if (await receiver.StandardOutput.ReadLineAsync().ConfigureAwait(false) is not "ready")
                throw new LabException($"The receiver at {to.Address} did not start: {(await errors.ConfigureAwait(false)).Trim()}");
            await Commands.RunAsync([.. from.Place, .. Core(last), .. Self(), "traffic", "send", kind, from.Address, target, Text(seconds), most.ToString(CultureInfo.InvariantCulture)], environment: Environment()).ConfigureAwait(false);
            // What is still in the receiver's queue is on its way to it.
            await Task.Delay(60).ConfigureAwait(false);
            receiver.StandardInput.Close();
            var said = await receiver.StandardOutput.ReadLineAsync().ConfigureAwait(false);
            await receiver.WaitForExitAsync().ConfigureAwait(false);
            var parts = (said ?? "").Split(' ');
            return parts.Length == 2 && double.Parse(parts[1], CultureInfo.InvariantCulture) is > 0 and var time
                ? double.Parse(parts[0], CultureInfo.InvariantCulture) / time
                : throw new LabException($"Nothing arrived at {to.Address} from {string.Join(' ', from.Place)}: {said} {(await errors.ConfigureAwait(false)).Trim()}");
        }
        finally
        {
            if (!receiver.HasExited)
                receiver.Kill(entireProcessTree: true);
        }
    }

    /// <summary>
    /// Makes a device send one segment at a time. Otherwise the kernel hands dozens of segments to the firewall as one packet, and a rule seems to cost nothing.
    /// </summary>
    public static Task SegmentsAsync(IReadOnlyList<string> place, string device) =>
        Commands.RunAsync([.. place, "ip", "link", "set", "dev", device, "gso_max_segs", "1"]);

    private static string[] Core(int number) => ["taskset", "-c", number.ToString(CultureInfo.InvariantCulture)];

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    private static Dictionary<string, string> Environment() => new(StringComparer.Ordinal) { ["DOTNET_TieredPGO"] = "0", ["DOTNET_gcServer"] = "0" };

    // Run by dotnet or by its own host.
    private static string[] Self() => System.Environment.ProcessPath is { } running && Path.GetFileNameWithoutExtension(running) is "dotnet"
        ? [running, "exec", typeof(Load).Assembly.Location]
        : [System.Environment.ProcessPath!];
}
