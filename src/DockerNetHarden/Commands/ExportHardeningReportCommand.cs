using System.Collections;
using System.Collections.Concurrent;
using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Input;
using DockerNetHarden.Reports;

namespace DockerNetHarden.Commands;

/// <summary>Writes one report of many hosts: of findings from the pipeline, which show the hosts as they were read, or of hosts that are read now, each once.</summary>
[Cmdlet(VerbsData.Export, "HardeningReport", SupportsShouldProcess = true)]
[OutputType(typeof(FileInfo))]
public sealed class ExportHardeningReportCommand : AuditCommand
{
    private readonly List<HardeningFinding> _findings = [];
    private readonly List<HostTarget> _targets = [];
    private readonly ConcurrentDictionary<HostTarget, ReportedHost> _read = new();
    private IReadOnlyDictionary<string, string> _failures = new Dictionary<string, string>(StringComparer.Ordinal);
    private ReportBaseline? _baseline;
    private ReportFormat _format;
    private string _path = "";

    [Parameter(Mandatory = true, Position = 0, HelpMessage = "The file to write.")]
    [ValidateNotNullOrEmpty]
    public string Path { get; set; } = "";

    [Parameter(HelpMessage = "The form of the report; the end of the file's name says it if it is left out.")]
    public ReportFormat? Format { get; set; }

    // Untyped, because names, findings and files are all welcome.
    [Parameter(ValueFromPipeline = true, HelpMessage = "Findings, names of hosts, objects with a HostName, or files of snapshots.")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    public override string?[]? HostName { get; set; }

    [Parameter(HelpMessage = "Only findings of this severity or worse.")]
    public Severity Severity { get; set; } = Severity.Info;

    [Parameter(HelpMessage = "An earlier report in the form Json, to tell what is new, what is unchanged and what is fixed.")]
    [ValidateNotNullOrEmpty]
    public string? Baseline { get; set; }

    [Parameter(HelpMessage = "Replace an existing file.")]
    public SwitchParameter Force { get; set; }

    // Everything that can be wrong before a host is read is found before a host is read.
    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        try
        {
            Filter().Check();
            _path = SnapshotPaths.Unresolved(this, Path);
            _format = Format ?? ReportText.FormatOf(_path) ?? throw CommandFailure.UnknownReportFormat(Path, ReportText.KnownEnds);
            if (File.Exists(_path) && !Force)
                throw CommandFailure.AlreadyExists(_path);
        }
        catch (CommandFailure failure)
        {
            Refuse(failure);
        }
        if (Baseline is not null)
            _baseline = BaselineFile.Read(this, Baseline, Refuse);
    }

    protected override void ProcessRecord()
    {
        if (!IsGiven(nameof(InputObject)))
            AddHosts(null);
        foreach (var element in IsGiven(nameof(InputObject)) ? InputObject ?? [null] : [])
        {
            if (element is not null && FindingInput.Of(element) is { } finding)
                _findings.Add(finding);
            else if (element?.BaseObject is string name)
                AddHosts(new Hashtable { [nameof(HostName)] = name });
            else if (element is not null && (NamedHost.SaysWhere(element) || Snapshot is not null))
                AddHosts(element);
            else
                Refuse(CommandFailure.NotReportable(element?.BaseObject));
        }
    }

    protected override void EndProcessing()
    {
        if (_findings.Count == 0 && _targets.Count == 0)
            Refuse(CommandFailure.NothingToReport());
        if (!ShouldProcess(_path, $"Write a report in the form {_format}"))
            return;
        if (_targets.Count > 0)
            WorkOnHosts();
        var filter = Filter();
        var report = new HardeningReport
        {
            MadeAt = DateTimeOffset.Now,
            Hosts = [.. ReportBuilder.Hosts(_findings.Where(filter.Holds)), .. _targets.Select(ReportOf)],
        };
        Write(_baseline?.Compare(report, finding => filter.Holds(finding.Id, finding.Severity, finding.Network)) ?? report);
    }

    private protected override FindingFilter Filter() => new(Network, Severity, null, Exclude);

    private protected override void Take(AnalysedHost host, HostAudit audit, IReadOnlyList<HardeningFinding> findings, PipelineQueue queue) => _read[host.Target] = ReportBuilder.Host(audit, findings);

    private protected override void Finish(PipelineQueue queue) => _failures = queue.Failures;

    private void AddHosts(object? element) => _targets.AddRange(TargetsOf(element).Except(_targets));

    // A host that is missing from a report would be taken for one that was not asked for.
    private ReportedHost ReportOf(HostTarget target) => _read.TryGetValue(target, out var host) ? host : ReportBuilder.Unread(target.Name, _failures.GetValueOrDefault(target.Name) ?? "it could not be read.");

    private void Write(HardeningReport report)
    {
        try
        {
            WholeFile.WriteAsync(_path, ReportText.Render(report, _format), Force, StopToken).GetAwaiter().GetResult();
            WriteObject(new FileInfo(_path));
        }
        catch (OperationCanceledException) when (StopToken.IsCancellationRequested)
        {
            throw new PipelineStoppedException();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            WriteError(ErrorRecords.From(CommandFailure.UnwritableFile(_path, error), _path));
        }
    }
}
