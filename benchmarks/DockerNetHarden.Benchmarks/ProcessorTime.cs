using System.Globalization;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>Processor time, in milliseconds: what a busy machine changes least. Read before and after; the difference is what was spent.</summary>
/// <param name="Client">Of this process.</param>
/// <param name="Children">Of its children: ssh, or what it called on a host itself.</param>
/// <param name="Hosts">Of the hosts' sshd, with all that ran in the conversations, and of their dockerd.</param>
internal sealed record ProcessorTime(double Client, double Children, double Hosts)
{
    public double Total => Client + Children + Hosts;

    public static ProcessorTime Now(LabFleet fleet)
    {
        // Fields 14 to 17 of /proc/PID/stat (proc(5)), in ticks of 10 ms; the name before them can hold spaces.
        var text = File.ReadAllText("/proc/self/stat");
        var ticks = text[(text.LastIndexOf(')') + 2)..].Split(' ')[11..15].Select(field => 10.0 * long.Parse(field, CultureInfo.InvariantCulture)).ToArray();
        return new ProcessorTime(
            ticks[0] + ticks[1], ticks[2] + ticks[3],
            fleet.Servers.Sum(server => server.ProcessorTime().TotalMilliseconds) + fleet.Hosts.Sum(host => host.DockerProcessorTime().TotalMilliseconds));
    }

    public static ProcessorTime operator -(ProcessorTime after, ProcessorTime before) =>
        new(after.Client - before.Client, after.Children - before.Children, after.Hosts - before.Hosts);
}
