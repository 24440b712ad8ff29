using System.CommandLine;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Cli.Commands;

/// <summary>Shows what apply would change. Changes nothing.</summary>
internal sealed class PlanCommand() : PolicyCommand("plan", "Show what would change to make hosts as the policy says. Changes nothing; exit code 2 if something would change.")
{
    private readonly PlanningOptions _options = new();

    protected override void Add(Command command) => _options.AddTo(command);

    protected override Task<int> RunAsync(Request request, CancellationToken stop) => OnEachAsync(request, new ReportSink(request.Report), async (host, token) =>
    {
        var snapshot = await host.ReadAsync(token).ConfigureAwait(false);
        foreach (var warning in snapshot.Warnings)
            request.Report.Warning(host.Name, warning);
        if (snapshot.DockerError is { } unasked)
            request.Report.Warning(host.Name, unasked.Message);
        var missing = request.Policy.Networks.Where(network => !snapshot.Networks.Any(found => string.Equals(found.Name, network.Name, StringComparison.Ordinal))).ToList();
        foreach (var network in missing)
            request.Report.Network(host.Name, network.Name, "would be created");
        var plan = request.Policy.PlanOn(snapshot, _options.Of(request.Given));
        foreach (var warning in plan.Warnings)
            request.Report.Warning(host.Name, warning);
        request.Report.Plan(host.Name, plan, plan.IsEmpty ? null : await host.EffectAsync(plan, token).ConfigureAwait(false));
        return plan.IsEmpty && missing.Count == 0 ? ExitCodes.Good : ExitCodes.Differs;
    }, stop);
}

/// <summary>How a plan is made: the same for plan, apply and watch.</summary>
internal sealed class PlanningOptions
{
    private readonly Option<bool> _prune = new("--prune") { Description = "The policy is all that is ours on the host: rules with other marks are removed." };
    private readonly Option<bool> _createChain = new("--create-chain") { Description = "Make DOCKER-USER and the jump to it where Docker has not made them." };
    private readonly Option<bool> _force = new("--force") { Description = "Write what could lock somebody out, and let --prune remove a whole control." };

    private readonly Option<FirewallBackend> _backend = new("--backend") { Description = "Where the rules go: Auto (where Docker writes its own), Iptables or Nftables." };

    public void AddTo(Command command)
    {
        command.Options.Add(_backend);
        command.Options.Add(_prune);
        command.Options.Add(_createChain);
        command.Options.Add(_force);
    }

    public PlanOptions Of(ParseResult given) => new() { Prune = given.GetValue(_prune), CreateChain = given.GetValue(_createChain), Force = given.GetValue(_force), Backend = given.GetValue(_backend) };
}
