using System.CommandLine;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Cli.Commands;

/// <summary>Asks what containers can reach, and whether the policy holds. Changes nothing.</summary>
internal sealed class AuditCommand : PolicyCommand
{
    private readonly Option<Severity> _severity = new("--severity") { Description = "Less severe findings are reported but do not affect the exit code.", DefaultValueFactory = _ => Severity.Medium };
    private readonly Option<string[]> _exclude = new("--exclude") { Description = "Ids of findings to leave out.", HelpName = "id" };
    private readonly Option<bool> _all = new("--all") { Description = "Report what passes, too." };

    public AuditCommand()
        : base("audit", "Show what containers can reach on hosts, by their live rules, and whether the policy holds. Changes nothing; exit code 2 if a check fails.") =>
        PolicyFile.Arity = ArgumentArity.ZeroOrOne;

    protected override void Add(Command command)
    {
        command.Options.Add(_severity);
        command.Options.Add(_exclude);
        command.Options.Add(_all);
    }

    protected override Task<int> RunAsync(Request request, CancellationToken stop) => OnEachAsync(request, new ReportSink(request.Report), async (host, token) =>
    {
        var snapshot = await host.ReadWholeAsync(token).ConfigureAwait(false);
        var least = request.Given.GetValue(_severity);
        var excluded = request.Given.GetValue(_exclude) ?? [];
        var findings = HardeningAudit.Of(snapshot).Where(finding => !excluded.Contains(finding.Id, StringComparer.OrdinalIgnoreCase)).ToList();
        foreach (var finding in findings)
        {
            if (request.Given.GetValue(_all) || finding.Status is not (FindingStatus.Pass or FindingStatus.NotApplicable))
                request.Report.Finding(finding);
        }
        var stands = true;
        if (request.Path is not null)
        {
            var plan = request.Policy.PlanOn(snapshot, new PlanOptions());
            request.Report.Plan(host.Name, plan);
            stands = plan is { IsEmpty: true, Problems.Count: 0 };
        }
        // A check that could not be made has not passed.
        var decisive = findings.Where(finding => finding.Severity >= least).ToList();
        return decisive.Exists(finding => finding.Status == FindingStatus.Error) ? ExitCodes.Failed
            : stands && !decisive.Exists(finding => finding.Status == FindingStatus.Fail) ? ExitCodes.Good
            : ExitCodes.Differs;
    }, stop);
}
