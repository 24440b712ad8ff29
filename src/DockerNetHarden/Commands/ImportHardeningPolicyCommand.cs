using System.Management.Automation;
using DockerNetHarden.Errors;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Commands;

/// <summary>Emits the rules or the networks of a policy file. Changes nothing.</summary>
[Cmdlet(VerbsData.Import, "HardeningPolicy", DefaultParameterSetName = RuleSet)]
[OutputType(typeof(FirewallRule), ParameterSetName = [RuleSet])]
[OutputType(typeof(PolicyNetwork), ParameterSetName = [NetworkSet])]
public sealed class ImportHardeningPolicyCommand : PSCmdlet
{
    private const string RuleSet = "Rule";
    private const string NetworkSet = "Network";

    private readonly List<HardeningPolicy> _policies = [];

    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, ValueFromPipelineByPropertyName = true, HelpMessage = "The policy file.")]
    [Alias("FullName")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    [Parameter(Mandatory = true, ParameterSetName = NetworkSet, HelpMessage = "Emit the networks, for New-HardenedDockerNetwork, instead of the rules.")]
    public SwitchParameter Network { get; set; }

    protected override void ProcessRecord()
    {
        try
        {
            _policies.Add(HardeningPolicy.Parse(File.ReadAllText(GetUnresolvedProviderPathFromPSPath(Path)), Path));
        }
        catch (Exception error) when (error is PolicyException or IOException or UnauthorizedAccessException)
        {
            ThrowTerminatingError(ErrorRecords.From(CommandFailure.UnusablePolicy(Path, error), Path));
        }
    }

    // All files or none: a silently missing rule would leave a hole.
    protected override void EndProcessing()
    {
        if (Network)
            WriteObject(_policies.SelectMany(policy => policy.Networks).Select(PolicyNetwork.From), enumerateCollection: true);
        else
            WriteObject(_policies.SelectMany(policy => policy.Rules()), enumerateCollection: true);
    }
}
