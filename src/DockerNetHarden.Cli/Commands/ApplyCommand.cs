using System.CommandLine;
using DockerNetHarden.Hosts;

namespace DockerNetHarden.Cli.Commands;

/// <summary>Brings hosts to a policy: makes the missing networks, each after its own rules, then applies all rules and reads them back.</summary>
internal sealed class ApplyCommand() : PolicyCommand("apply", "Bring hosts to the policy: make missing networks, apply the rules, read them back. Applied twice, nothing is written.")
{
    private readonly PlanningOptions _options = new();
    private readonly Option<bool> _noNetworks = new("--no-networks") { Description = "Do not make networks that are missing." };
    private readonly Option<int?> _rollback = new("--rollback-after") { Description = "Seconds after which a host that ssh reaches puts back what was there, unless a new connection confirms the change.", HelpName = "seconds" };

    protected override void Add(Command command)
    {
        _options.AddTo(command);
        command.Options.Add(_noNetworks);
        command.Options.Add(_rollback);
        _rollback.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<int?>() is not (null or (>= 2 and <= 86400)))
                result.AddError("--rollback-after is from 2 to 86400 seconds.");
        });
    }

    protected override Task<int> RunAsync(Request request, CancellationToken stop)
    {
        var rollback = request.Given.GetValue(_rollback) is { } seconds ? new RollbackOptions(TimeSpan.FromSeconds(seconds)) : null;
        // Nobody could confirm here: the program would end, and the host would take everything back.
        if (rollback is not null && request.Hosts.Any(host => host.Ssh is null))
            throw new ArgumentException("--rollback-after is for hosts that ssh reaches: a new connection confirms the change. On this machine use Invoke-FirewallRule -RollbackAfter and Confirm-FirewallChange.", nameof(request));
        var sink = new ReportSink(request.Report);
        return OnEachAsync(request, sink, async (host, token) =>
        {
            if (!request.Given.GetValue(_noNetworks))
                await PolicyRun.MakeNetworksAsync(request.Policy, host, _options.Of(request.Given), request.Report, sink, token).ConfigureAwait(false);
            return await PolicyRun.ApplyAsync(request.Policy, host, _options.Of(request.Given), sink, rollback, token).ConfigureAwait(false);
        }, stop);
    }
}
