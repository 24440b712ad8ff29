using System.Management.Automation;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits rules that limit the mail connections of containers. Changes nothing.</summary>
[Cmdlet(VerbsCommon.Set, "SmtpRateLimit", DefaultParameterSetName = AllNetworksSet)]
[OutputType(typeof(FirewallRule))]
public sealed class SetSmtpRateLimitCommand : ControlCommand
{
    [Parameter(Position = 0, HelpMessage = "New connections a minute, on average.")]
    public int PerMinute { get; set; } = 5;

    [Parameter(HelpMessage = "How many may come at once before the rate counts.")]
    public int Burst { get; set; } = 5;

    [Parameter(HelpMessage = "The TCP ports for mail; 25, 465 and 587 if none is named.")]
    [ValidateNotNullOrEmpty]
    public string[]? Port { get; set; }

    [Parameter(HelpMessage = "Give each container a rate of its own; otherwise all share one.")]
    public SwitchParameter PerContainer { get; set; }

    [Parameter(HelpMessage = "Drop: mail servers try again by themselves. Reject: clients fail at once.")]
    [ValidateSet(nameof(RuleAction.Drop), nameof(RuleAction.Reject))]
    public RuleAction Action { get; set; } = RuleAction.Drop;

    private protected override IEnumerable<Control> Controls(NetworkReference? network) =>
    [
        new SmtpRate
        {
            Network = network,
            ExceptNetworks = ExceptNetworks,
            PerMinute = PerMinute,
            Burst = Burst,
            Ports = Port is null ? SmtpRate.DefaultPorts : string.Join(',', Port),
            PerContainer = PerContainer,
            Action = Action,
            Log = Log,
        },
    ];
}
