using System.CommandLine;
using System.Runtime.InteropServices;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Cli.Commands;

/// <summary>Keeps this host at a policy: whenever a network or the daemon comes or goes, plans and applies the policy again. Runs as a service.</summary>
internal sealed class WatchCommand() : PolicyCommand("watch", "Keep this host at the policy: apply it now, and again whenever a network or the Docker daemon comes or goes. Ends at SIGTERM; SIGHUP reads the policy again.")
{
    private readonly PlanningOptions _options = new();
    private readonly Option<bool> _noNetworks = new("--no-networks") { Description = "Do not make networks that are missing." };

    protected override void Add(Command command)
    {
        _options.AddTo(command);
        command.Options.Add(_noNetworks);
    }

    protected override async Task<int> RunAsync(Request request, CancellationToken stop)
    {
        if (request.Hosts is not [{ Ssh: null }])
            throw new ArgumentException("watch works on the host that it runs on: Docker tells what happens only there. Run it as a service on each host, or run apply from time to time.", nameof(request));
        var docker = HostDocker.At(DockerEndpoint.FromEnvironment());
        await using var closing = docker.ConfigureAwait(false);
        var policy = new WatchedPolicy(request.Path!, request.Policy, request.Report);
        var watcher = new Watcher(
            token => DockerEvent.ListenAsync(docker, Watcher.TypesFor(request.Policy), token),
            async (cause, token) =>
            {
                var sink = new ReportSink(request.Report, cause, quietIfUnchanged: true);
                return await OnEachAsync(request, sink, async (host, working) =>
                {
                    var current = policy.Read();
                    if (!request.Given.GetValue(_noNetworks))
                        await PolicyRun.MakeNetworksAsync(current, host, _options.Of(request.Given), request.Report, sink, working).ConfigureAwait(false);
                    return await PolicyRun.ApplyAsync(current, host, _options.Of(request.Given), sink, null, working).ConfigureAwait(false);
                }, token).ConfigureAwait(false) == ExitCodes.Good;
            },
            request.Report);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true;
            watcher.Poke("SIGHUP");
        });
        await watcher.RunAsync(stop).ConfigureAwait(false);
        return ExitCodes.Good;
    }
}
