using System.Globalization;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>Processor time in milliseconds, which a busy machine changes least. Read before and after; the difference was spent.</summary>
/// <param name="Client">Of this process, and of the pwsh that runs the cmdlets.</param>
/// <param name="Children">Of their children: ssh, or the programs that it ran on the host itself.</param>
/// <param name="Hosts">Of the hosts' sshd, with everything that ran in the conversations, and of their dockerd.</param>
internal sealed record ProcessorTime(double Client, double Children, double Hosts)
{
    public double Total => Client + Children + Hosts;

    public static ProcessorTime Now(IReadOnlyList<LabHost> hosts, IReadOnlyList<LabSsh> servers, PwshSession pwsh)
    {
        double[][] clients = [Ticks(Environment.ProcessId), Ticks(pwsh.ProcessId)];
        return new ProcessorTime(
            clients.Sum(static ticks => ticks[0] + ticks[1]), clients.Sum(static ticks => ticks[2] + ticks[3]),
            servers.Sum(server => server.ProcessorTime().TotalMilliseconds) + hosts.Sum(host => host.DockerProcessorTime().TotalMilliseconds));
    }

    // Fields 14 to 17 of /proc/PID/stat (proc(5)), in ticks of 10 ms; the name before them can hold spaces.
    private static double[] Ticks(int process)
    {
        var text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/stat"));
        return [.. text[(text.LastIndexOf(')') + 2)..].Split(' ')[11..15].Select(static field => 10.0 * long.Parse(field, CultureInfo.InvariantCulture))];
    }

    public static ProcessorTime operator -(ProcessorTime after, ProcessorTime before) =>
        new(after.Client - before.Client, after.Children - before.Children, after.Hosts - before.Hosts);
}
