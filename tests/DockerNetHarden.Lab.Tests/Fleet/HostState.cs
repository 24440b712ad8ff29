using System.Globalization;
using System.Text;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab.Tests.Fleets;

/// <summary>What a lab host's tables hold and which processes run, seen without SSH.</summary>
internal static class HostState
{
    /// <summary>Our lines by family and table: chains, rules, jumps. A table without any is left out.</summary>
    public static async Task<SortedDictionary<string, string>> OursAsync(LabHost lab)
    {
        var ours = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, line) in await LinesAsync(lab))
        {
            if (line.Contains("DNH-", StringComparison.Ordinal))
                ours[key] = ours.GetValueOrDefault(key, "") + line + "\n";
        }
        return ours;
    }

    /// <summary>All other rules, in order, without those that Docker itself writes when networks come and go.</summary>
    public static async Task<string> ForeignAsync(LabHost lab, Func<string, bool> isDockers)
    {
        var lines = (await LinesAsync(lab)).Where(line => line.Line.StartsWith("-A", StringComparison.Ordinal) && !line.Line.Contains("DNH-", StringComparison.Ordinal) && !isDockers(line.Line));
        return string.Join('\n', lines.Select(line => line.Key + " " + line.Line));
    }

    /// <summary>The processes of the client's ssh, found by their ssh_config, which nobody else has.</summary>
    public static IReadOnlyList<ProcessMark> SshOf(LabSshClient client) => Where(directory => Arguments(directory) is { Length: > 2 } arguments
        && Path.GetFileName(arguments[0]) == "ssh" && arguments[1] == "-F" && arguments[2].StartsWith(client.Folder + "/", StringComparison.Ordinal));

    /// <summary>The processes with a name in a lab host's network namespace.</summary>
    public static IReadOnlyList<ProcessMark> OnHost(LabHost lab, Func<string, string[], bool> which)
    {
        var space = NetNamespace.Named(lab.HostNamespace).Identity();
        return Where(directory => new FileInfo(directory + "/ns/net").LinkTarget == space && which(File.ReadAllText(directory + "/comm").Trim(), Arguments(directory)));
    }

    private static async Task<List<(string Key, string Line)>> LinesAsync(LabHost lab)
    {
        var lines = new List<(string, string)>();
        foreach (var family in new[] { "ip", "ip6" })
        {
            var table = "";
            foreach (var line in (await lab.ExecAsync([lab.Iptables.Replace("ip", family, StringComparison.Ordinal) + "-save"])).OrThrow().Split('\n'))
            {
                if (line.StartsWith('*'))
                    table = line[1..];
                else if (line.StartsWith("-A", StringComparison.Ordinal) || line.StartsWith(":DNH", StringComparison.Ordinal))
                    lines.Add((family + " " + table, line.Split(" [")[0]));
            }
        }
        return lines;
    }

    private static string[] Arguments(string directory) => Encoding.UTF8.GetString(File.ReadAllBytes(directory + "/cmdline")).Split('\0');

    private static List<ProcessMark> Where(Func<string, bool> matches)
    {
        var found = new List<ProcessMark>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var pid))
                continue;
            try
            {
                if (matches(directory) && ProcessMark.Stat(pid) is { State: not ('Z' or 'X') } stat)
                    found.Add(new ProcessMark(pid, stat.Start));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It ended in the meantime.
            }
        }
        return found;
    }
}
