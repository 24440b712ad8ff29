using System.Collections.Concurrent;
using System.Management.Automation;
using System.Text;
using DockerNetHarden.Errors;
using DockerNetHarden.Export;
using DockerNetHarden.Hosting;
using DockerNetHarden.Input;

namespace DockerNetHarden.Commands;

/// <summary>Writes rules for another engine: iptables-restore, nftables, a shell, Ansible, cloud-init. A host is read only if rules name what only a host knows.</summary>
[Cmdlet(VerbsData.Export, "FirewallRule", SupportsShouldProcess = true, DefaultParameterSetName = TextSet)]
[OutputType(typeof(string), ParameterSetName = [TextSet])]
[OutputType(typeof(FileInfo), ParameterSetName = [FileSet])]
public sealed class ExportFirewallRuleCommand : AnalysisCmdlet
{
    private const string TextSet = "Text";
    private const string FileSet = "File";

    private readonly ConcurrentDictionary<HostTarget, FirewallExport> _exports = new();
    private IReadOnlyList<HostTarget> _targets = [];
    private RuleInput? _input;
    private string? _path;

    // Untyped, because a typed array would drop what does not bind and write the rest.
    [Parameter(Mandatory = true, Position = 0, ValueFromPipeline = true, HelpMessage = "Rules, objects with a property Rules, rules as text, or rules from JSON, CLIXML or CSV.")]
    [Alias("Rule")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSObject?[]? InputObject { get; set; }

    [Parameter(Mandatory = true, HelpMessage = "The engine that the rules are written for.")]
    public ExportFormat As { get; set; }

    [Parameter(Mandatory = true, ParameterSetName = FileSet, HelpMessage = "The file to write; for IptablesRestore two files with that name and .v4 or .v6. Without it the text is emitted.")]
    [ValidateNotNullOrEmpty]
    public string? Path { get; set; }

    [Parameter(HelpMessage = "Replace existing files, and write rules that could lock somebody out.")]
    public SwitchParameter Force { get; set; }

    protected override void BeginProcessing()
    {
        base.BeginProcessing();
        _input = new RuleInput(this);
    }

    protected override void ProcessRecord() => _input!.Add(InputObject, TargetsOf);

    protected override void EndProcessing()
    {
        _input!.Complete();
        _targets = _input.Hosts;
        var operand = _targets.Select(target => FirewallExport.NeedsHost(_input.Of(target))).FirstOrDefault(static operand => operand is not null);
        try
        {
            if (Path is not null)
                _path = _targets.Count == 1 ? SnapshotPaths.Unresolved(this, Path) : throw CommandFailure.InvalidPath(Path, $"{_targets.Count} hosts cannot share one file.");
            if (operand is null)
            {
                foreach (var target in _targets)
                    _exports[target] = FirewallExport.Of(As, _input.Of(target), force: Force);
            }
        }
        catch (Exception error) when (error is not PipelineStoppedException)
        {
            Refuse(error);
        }
        if (operand is not null)
        {
            WriteVerbose($"'{operand}' only has a meaning on a host: {string.Join(", ", _targets)} will be read.");
            WorkOnHosts();
            if (_targets.Any(target => target.IsLocal && !_exports.ContainsKey(target)))
                WriteError(ErrorRecords.From(CommandFailure.ExportNeedsHost(operand), null));
        }
        foreach (var target in _targets)
        {
            if (_exports.TryGetValue(target, out var export))
                Emit(target, export);
        }
    }

    private protected override Task AnalyseAsync(AnalysedHost host, PipelineQueue queue, CancellationToken stop)
    {
        _exports[host.Target] = FirewallExport.Of(As, _input!.Of(host.Target), host.Snapshot, Force);
        return Task.CompletedTask;
    }

    private void Emit(HostTarget target, FirewallExport export)
    {
        foreach (var warning in export.Warnings)
            WriteWarning(_targets.Count == 1 ? warning : $"{target}: {warning}");
        foreach (var (suffix, text) in export.Texts)
        {
            if (_path is null)
                WriteObject(text);
            else
                Write(_path + suffix, text);
        }
    }

    private void Write(string path, string text)
    {
        if (File.Exists(path) && !Force)
        {
            WriteError(ErrorRecords.From(CommandFailure.AlreadyExists(path), path));
            return;
        }
        if (!ShouldProcess(path, $"Write rules for {As}"))
            return;
        try
        {
            // Without a byte order mark, which a shell would treat as part of the first word.
            File.WriteAllText(path, text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            WriteObject(new FileInfo(path));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            WriteError(ErrorRecords.From(CommandFailure.UnwritableFile(path, error), path));
        }
    }
}
