using System.Diagnostics;

namespace DockerNetHarden.Benchmarks;

internal static class Commands
{
    /// <summary>Runs a program to its end; any exit code but 0 is an error, for its time would mean nothing.</summary>
    public static async Task RunAsync(IReadOnlyList<string> arguments, string? input = null)
    {
        using var process = Process.Start(new ProcessStartInfo(arguments[0], arguments.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (input is not null)
            await process.StandardInput.WriteAsync(input).ConfigureAwait(false);
        process.StandardInput.Close();
        await process.WaitForExitAsync().ConfigureAwait(false);
        await output.ConfigureAwait(false);
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', arguments)}: {await errors.ConfigureAwait(false)}");
    }
}
