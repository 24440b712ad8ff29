using System.ComponentModel;
using System.Diagnostics;

namespace DockerNetHarden.Lab.Linux;

/// <summary>What a command wrote, and how it ended.</summary>
public sealed record CommandResult(IReadOnlyList<string> Arguments, int ExitCode, string Output, string Errors)
{
    /// <summary>The output, or the failure with the command's own words.</summary>
    public string OrThrow() => ExitCode == 0
        ? Output
        : throw new LabException($"'{string.Join(' ', Arguments)}' failed with exit code {ExitCode}: {(Errors.Length > 0 ? Errors : Output).Trim()}");
}

internal static class ProcessRun
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(2);

    public static async Task<CommandResult> RunAsync(
        IReadOnlyList<string> arguments, CancellationToken stop, string? input = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        using var process = Start(arguments, environment);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(Longest);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            await FeedAsync(process, input, limit.Token).ConfigureAwait(false);
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
            return new CommandResult(arguments, process.ExitCode, await output.ConfigureAwait(false), await errors.ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(2000);
            if (stop.IsCancellationRequested)
                throw;
            throw new LabException($"'{string.Join(' ', arguments)}' did not end within {Longest.TotalSeconds:0} s and was ended.");
        }
    }

    /// <summary>Runs a command on the caller's own terminal; returns its exit code.</summary>
    public static async Task<int> RunHereAsync(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, CancellationToken stop)
    {
        using var process = Start(arguments, environment, redirect: false);
        try
        {
            await process.WaitForExitAsync(stop).ConfigureAwait(false);
            return process.ExitCode;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit(2000);
            throw;
        }
    }

    /// <summary>
    /// Starts a process that outlives this one, in its own session, with its streams in a file. The shell code is constant: the arguments are its
    /// positional parameters, never its code. Without job control the shell's job leads no group, so setsid does not fork and the printed number is the process's.
    /// </summary>
    public static async Task<ProcessMark> StartDetachedAsync(
        IReadOnlyList<string> arguments, string log, IReadOnlyDictionary<string, string> environment, CancellationToken stop)
    {
        const string Launch = """exec 3>>"$0"; setsid "$@" >&3 2>&3 </dev/null 3>&- & echo $!""";
        var result = await RunAsync(["/bin/sh", "-c", Launch, log, .. arguments], stop, environment: environment).ConfigureAwait(false);
        return ProcessMark.Of(int.Parse(result.OrThrow().Trim(), System.Globalization.CultureInfo.InvariantCulture));
    }

    private static Process Start(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment, bool redirect = true)
    {
        var start = new ProcessStartInfo(arguments[0], arguments.Skip(1))
        {
            RedirectStandardInput = redirect,
            RedirectStandardOutput = redirect,
            RedirectStandardError = redirect,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>(StringComparer.Ordinal))
            start.Environment[name] = value;
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception error)
        {
            throw new LabException($"'{arguments[0]}' cannot be started: {error.Message}. The lab needs docker.io, iptables, iproute2 and util-linux (Debian's names).", error);
        }
    }

    private static async Task FeedAsync(Process process, string? input, CancellationToken stop)
    {
        try
        {
            if (input is not null)
                await process.StandardInput.WriteAsync(input.AsMemory(), stop).ConfigureAwait(false);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The command ended without reading all of it; its exit code says why.
        }
    }
}
