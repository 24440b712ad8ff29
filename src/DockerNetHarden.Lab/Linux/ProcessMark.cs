using System.Globalization;

namespace DockerNetHarden.Lab.Linux;

/// <summary>
/// One process, unmistakably: its number and its start time (field 22 of <c>/proc/PID/stat</c>, proc(5), in clock ticks since boot), so that a reused
/// number is not taken for it. Number 0 stands for nobody.
/// </summary>
public sealed record ProcessMark(int Pid, long StartTicks)
{
    public static ProcessMark Nobody { get; } = new(0, 0);

    public static ProcessMark Of(int pid) =>
        pid == 0 ? Nobody
        : Stat(pid) is { } stat ? new ProcessMark(pid, stat.Start)
        : throw new LabException($"There is no process {pid}. Name a running one, or 0 for a lab that stays until it is taken down.");

    /// <summary>Whether the process runs. A process that ended but was not waited for does not.</summary>
    public bool IsAlive() => Pid != 0 && Stat(Pid) is { } stat && stat.Start == StartTicks && stat.State is not ('Z' or 'X');

    public void Signal(int signal)
    {
        if (IsAlive())
            _ = Native.Kill(Pid, signal);
    }

    /// <summary>Waits until the process is gone; false if it still exists after the time.</summary>
    public async Task<bool> WaitAsync(TimeSpan atMost)
    {
        var until = Environment.TickCount64 + (long)atMost.TotalMilliseconds;
        while (IsAlive())
        {
            if (Environment.TickCount64 > until)
                return false;
            await Task.Delay(10).ConfigureAwait(false);
        }
        return true;
    }

    /// <summary>
    /// The processor time of the process and of its children that ended and were waited for: fields 14 to 17 of <c>/proc/PID/stat</c> (proc(5)), in ticks
    /// of 10 ms. Zero if it is gone.
    /// </summary>
    public TimeSpan ProcessorTime() => Stat(Pid) is { } stat && stat.Start == StartTicks ? TimeSpan.FromMilliseconds(10 * stat.Ticks) : TimeSpan.Zero;

    /// <summary>
    /// The process that this one started and waits for: what nsenter(1) and unshare(1) run when they enter or make a PID namespace. Null if this one ended first.
    /// </summary>
    public async Task<ProcessMark?> ChildAsync(CancellationToken stop)
    {
        while (IsAlive())
        {
            foreach (var (pid, stat) in All())
            {
                if (stat.Parent == Pid)
                    return new ProcessMark(pid, stat.Start);
            }
            await Task.Delay(5, stop).ConfigureAwait(false);
        }
        return null;
    }

    /// <summary>The process with a number inside the PID namespace of <paramref name="init"/>, its first process: the number that Docker gives for a container on such a host.</summary>
    public static ProcessMark? Inside(ProcessMark init, int pid)
    {
        // The first process's root shows the namespace's own /proc. A start time is the same in every view, so both together identify one process.
        if (Stat(Path.Combine("/proc", init.Pid.ToString(CultureInfo.InvariantCulture), "root", "proc", pid.ToString(CultureInfo.InvariantCulture))) is not { } inside)
            return null;
        foreach (var (outer, stat) in All())
        {
            if (stat.Start == inside.Start && NumbersOf(outer) is { Length: > 1 } numbers && numbers[1] == pid)
                return new ProcessMark(outer, stat.Start);
        }
        return null;
    }

    // NSpid of /proc/PID/status (proc(5)): the number in this namespace, then in each namespace below it.
    private static int[] NumbersOf(int pid)
    {
        try
        {
            var line = File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/status")).FirstOrDefault(line => line.StartsWith("NSpid:", StringComparison.Ordinal));
            return line is null ? [] : [.. line[6..].Split('\t', StringSplitOptions.RemoveEmptyEntries).Select(number => int.Parse(number, CultureInfo.InvariantCulture))];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    private static IEnumerable<(int Pid, (char State, int Parent, long Ticks, long Start) Stat)> All()
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && Stat(directory) is { } stat)
                yield return (pid, stat);
        }
    }

    /// <summary>Asks the process to end, waits, and ends it.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        Signal(Native.SigTerm);
        if (await WaitAsync(patience).ConfigureAwait(false))
            return;
        Signal(Native.SigKill);
        await WaitAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
    }

    internal static (char State, int Parent, long Ticks, long Start)? Stat(int pid) => Stat(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}"));

    private static (char State, int Parent, long Ticks, long Start)? Stat(string directory)
    {
        try
        {
            var text = File.ReadAllText(directory + "/stat");
            // The name is in brackets and may itself contain brackets and spaces: count from the last one.
            var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
            return (fields[0][0], int.Parse(fields[1], CultureInfo.InvariantCulture), fields[11..15].Sum(ticks => long.Parse(ticks, CultureInfo.InvariantCulture)),
                long.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
