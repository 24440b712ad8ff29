using System.Diagnostics;
using System.Text.Json;
using System.Threading.Channels;

namespace DockerNetHarden.Lab.Tests.Cli;

/// <summary>A running <c>docker-net-harden watch --json</c> on a lab host, and its output.</summary>
internal sealed class WatchProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<JsonElement> _lines = Channel.CreateUnbounded<JsonElement>();
    private readonly List<string> _said = [];

    private WatchProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Take(line.Data);
        process.ErrorDataReceived += (_, line) => Remember(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public static string Program { get; } = typeof(DockerNetHarden.Cli.Report).Assembly.Location;

    public static WatchProcess Start(LabHost lab, string policy)
    {
        // nsenter becomes the program, so a signal to the process reaches it.
        var start = new ProcessStartInfo(lab.Shell[0], [.. lab.Shell.Skip(1), "dotnet", Program, "watch", policy, "--json"]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["DOCKER_HOST"] = lab.DockerHost;
        return new WatchProcess(Process.Start(start)!);
    }

    public async Task<JsonElement> WaitForAsync(Func<JsonElement, bool> wanted, TimeSpan patience)
    {
        using var timer = new CancellationTokenSource(patience);
        try
        {
            await foreach (var line in _lines.Reader.ReadAllAsync(timer.Token))
            {
                if (wanted(line))
                    return line;
            }
        }
        catch (OperationCanceledException)
        {
        }
        lock (_said)
            throw new InvalidOperationException("It was not said within the time. What was said:\n" + string.Join('\n', _said));
    }

    /// <summary>Ends it as systemd does, and returns its exit code.</summary>
    public async Task<int> TerminateAsync(TimeSpan patience)
    {
        using var kill = Process.Start("kill", ["-TERM", _process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        using var timer = new CancellationTokenSource(patience);
        await _process.WaitForExitAsync(timer.Token);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Take(string? line)
    {
        Remember(line);
        if (line is null)
            _lines.Writer.TryComplete();
        else
            _lines.Writer.TryWrite(JsonDocument.Parse(line).RootElement.Clone());
    }

    private void Remember(string? line)
    {
        lock (_said)
            _said.Add(line ?? "(end)");
    }
}
