using System.Diagnostics;
using DockerNetHarden.Lab;

namespace DockerNetHarden.Benchmarks;

/// <summary>Programs that are compared with, and tools.</summary>
internal static class Commands
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    /// <summary>Runs a program to its end and returns what it printed. Any exit code but 0 is an error, because its time would mean nothing.</summary>
    public static async Task<string> RunAsync(IReadOnlyList<string> arguments, string? input = null, bool withErrors = false, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = Start(arguments, environment);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (input is not null)
            await process.StandardInput.WriteAsync(input).ConfigureAwait(false);
        process.StandardInput.Close();
        using var limit = new CancellationTokenSource(Longest);
        try
        {
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new LabException($"'{string.Join(' ', arguments)}' did not end within {Longest.TotalMinutes:0} minutes.");
        }
        var (said, complaint) = (await output.ConfigureAwait(false), await errors.ConfigureAwait(false));
        return process.ExitCode == 0
            ? withErrors ? said + complaint : said
            : throw new LabException($"'{string.Join(' ', arguments)}' ended with exit code {process.ExitCode}: {complaint.Trim()} {said.Trim()}");
    }

    public static Process Start(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(arguments[0], arguments.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Whether a program is on the PATH.</summary>
    public static bool Has(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, program)));
}
