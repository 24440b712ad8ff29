using System.Globalization;

namespace DockerNetHarden.Benchmarks;

/// <summary>The most memory that a process had in RAM at one time (proc(5), VmHWM).</summary>
internal static class ProcessMemory
{
    /// <summary>In MB.</summary>
    public static double Peak(int process) => File.ReadLines(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/status"))
        .Where(static line => line.StartsWith("VmHWM:", StringComparison.Ordinal))
        .Select(static line => double.Parse(line["VmHWM:".Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) / 1024).First();

    public static void ForgetPeak(int process) => File.WriteAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/clear_refs"), "5");
}
