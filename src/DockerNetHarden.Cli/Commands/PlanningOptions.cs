using System.CommandLine;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Cli.Commands;

/// <summary>How a plan is made: the same for plan, apply and watch.</summary>
internal sealed class PlanningOptions
{
    private readonly Option<bool> _prune = new("--prune") { Description = "The policy is all that is ours on the host: rules with other marks are removed." };
    private readonly Option<bool> _createChain = new("--create-chain") { Description = "Make DOCKER-USER if it is missing, before Docker's first start." };
    private readonly Option<bool> _force = new("--force") { Description = "Write what could lock somebody out, and let --prune remove a whole control." };

    public void AddTo(Command command)
    {
        command.Options.Add(_prune);
        command.Options.Add(_createChain);
        command.Options.Add(_force);
    }

    public PlanOptions Of(ParseResult given) => new() { Prune = given.GetValue(_prune), CreateChain = given.GetValue(_createChain), Force = given.GetValue(_force) };
}
