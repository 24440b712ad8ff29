using System.Collections.Concurrent;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Demo;

/// <summary>Hardens through the core, if there is no pwsh: the same controls, the same plan, without the cmdlets.</summary>
public sealed class CoreHardener : IHardener
{
    public string Description => "The four controls through the core (there is no pwsh here): metadata, host access, internal access, mail";

    public async Task<string> HardenAsync(LabHost lab, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(lab);
        Control[] controls = [new MetadataAccess(), new HostAccess(), new InternalAccess(), new SmtpRate()];
        var rules = controls.SelectMany(control => control.Rules()).ToList();
        var sink = new Sink();
        var shell = new ProcessShell("localhost", lab.Shell[0], [.. lab.Shell.Skip(1), "/bin/sh"]);
        var host = DockerHost.Beside(shell, DockerEndpoint.Parse(lab.DockerHost));
        await Fleet.RunAsync(
            [host], static opened => opened.Name, static opened => opened,
            async (_, opened, token) => sink.Result(await opened!.ApplyAsync(snapshot => Plan.From(rules, snapshot), sink, token).ConfigureAwait(false)), 1, sink, stop).ConfigureAwait(false);
        return sink.Text;
    }

    public async Task<string> SaveAsync(LabHost lab, OwnFiles files, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(files);
        var shell = new ProcessShell("localhost", files.Shell[0], [.. files.Shell.Skip(1), "/bin/sh"]);
        await using (shell.ConfigureAwait(false))
        {
            var saved = await new RuleSaver(shell).SaveAsync(PersistenceMethod.Systemd, static (_, _) => Task.FromResult(true), stop).ConfigureAwait(false);
            return $"{saved.HostName}: {saved.Status} by {saved.Method}, {saved.Count} rules, {string.Join(", ", saved.Files)}";
        }
    }

    // The demo does not ask: the host is a throwaway one.
    private sealed class Sink : IFleetSink
    {
        private readonly ConcurrentQueue<string> _lines = new();

        public string Text => string.Join('\n', _lines);

        public void Result(InvocationResult result) =>
            _lines.Enqueue($"{result.HostName}: {result.Status}, verified: {result.Verified}, {result.Added.Count} lines added, {result.Iptables}");

        public void Failure(string host, Exception error) => throw new LabException($"{host} was not hardened: {error.Message}");

        public void Warning(string host, string message) => _lines.Enqueue($"{host}: {message}");

        public void Trace(string host, string message)
        {
        }

        public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => Task.FromResult(true);
    }
}
