using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using DockerNetHarden.Completion;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Commands;

/// <summary>
/// A cmdlet that works on hosts, with the parameters that name them, called as in New-PSSession. The core's fleet opens them side by side and lets the cmdlet's
/// worker work on each; this class does what only the pipeline thread may do: write and ask. Without any parameter it works on this machine.
/// </summary>
public abstract class HostCmdlet : CancellableCmdlet
{
    // After a Ctrl-C nobody should wait for more than a second. A host that is just being written ends in milliseconds; one that hangs in a write is left to the
    // time limit of that write, which waiting here would not shorten.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    private static readonly string[] SshParameters = [nameof(UserName), nameof(Port), nameof(KeyFilePath), nameof(ConnectingTimeout), nameof(Options)];

    private TargetList? _targets;
    private HashSet<string> _arguments = [];
    private string? _idle;

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, as host, user@host or user@host:port; localhost is this machine.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    public virtual string?[]? HostName { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The user to log in as; ssh_config decides if it is left out.")]
    [ArgumentCompleter(typeof(Completer<NoWords>))]
    [AllowNull]
    [AllowEmptyString]
    public string? UserName { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The port of the hosts' ssh server; ssh_config decides if it is left out.")]
    public int? Port { get; set; }

    [Parameter(HelpMessage = "The file of the private key to log in with.")]
    [Alias("IdentityFilePath")]
    [ValidateNotNullOrEmpty]
    public string? KeyFilePath { get; set; }

    [Parameter(HelpMessage = "How long connecting to a host may take, in milliseconds; 15000 if it is left out.")]
    [ValidateRange(1, int.MaxValue)]
    public int ConnectingTimeout { get; set; }

    [Parameter(HelpMessage = "How long one program may run on a host, as a TimeSpan such as 00:02:00.")]
    public TimeSpan CommandTimeout { get; set; }

    [Parameter(HelpMessage = "How long a host may be silent while a program runs, as a TimeSpan such as 00:00:30.")]
    public TimeSpan IdleTimeout { get; set; }

    [Parameter(HelpMessage = "Options for ssh, named as in ssh_config.")]
    [ValidateNotNull]
    public Hashtable? Options { get; set; }

    [Parameter(HelpMessage = "Open PowerShell sessions to Linux hosts, used instead of ssh.")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSSession?[]? Session { get; set; }

    [Parameter(HelpMessage = "How many hosts to work on at once.")]
    [ValidateRange(1, 1024)]
    public int ThrottleLimit { get; set; } = 32;

    [Parameter(HelpMessage = "Use sudo -n for Docker too, if the user is not root.")]
    public SwitchParameter Sudo { get; set; }

    /// <summary>The hosts of the object that is being processed.</summary>
    private protected IReadOnlyList<HostTarget> CurrentTargets { get; private set; } = [];

    // A command about ports has its own -Port for them; the ssh server's port is then written after the host's name.
    private protected virtual bool HasSshPort => true;

    private TargetList Targets => _targets ??= new TargetList
    {
        ConnectTimeout = IsGiven(nameof(ConnectingTimeout)) ? TimeSpan.FromMilliseconds(ConnectingTimeout) : null,
        KeyFilePath = KeyFilePath is null ? null : GetUnresolvedProviderPathFromPSPath(KeyFilePath),
        Options = TargetList.ReadOptions(Options),
    };

    private protected ShellTimeouts Timeouts { get; private set; } = ShellTimeouts.None;

    protected override void BeginProcessing()
    {
        Timeouts = Checked(() => new ShellTimeouts
        {
            Command = IsGiven(nameof(CommandTimeout)) ? CommandTimeout : null,
            Idle = IsGiven(nameof(IdleTimeout)) ? IdleTimeout : null,
        });
        // Only arguments are bound here; the pipeline's input comes later.
        _arguments = [.. MyInvocation.BoundParameters.Keys];
        _idle = SshParameters.FirstOrDefault(IsHostArgument);
        if (IsGiven(nameof(Session)))
        {
            if ((IsHostArgument(nameof(HostName)) ? nameof(HostName) : SshParameters.FirstOrDefault(parameter => parameter is not nameof(ConnectingTimeout) && IsHostArgument(parameter))) is { } other)
                Refuse(CommandFailure.ConflictingTargets(nameof(Session), other));
        }
        // 0 was meant as a port, although to ssh it would mean 'leave it out'.
        else if (IsHostArgument(nameof(Port)) && Port is not (>= 1 and <= 65535))
            Refuse(CommandFailure.InvalidHostName(HostName is [{ } host, ..] ? host : "", $"{Port} is not a port: use 1 to 65535."));
    }

    protected override void ProcessRecord() => CurrentTargets = TargetsOf(null);

    /// <summary>The hosts of an element of the input: those that were named for the command or came with the pipeline's object, otherwise those that the element names itself.</summary>
    private protected IReadOnlyList<HostTarget> TargetsOf(object? element) => Checked(() => ReadTargets(element));

    // Ends the command: an object left out would be a host that nobody hardened.
    private protected void Refuse(Exception failure) => ThrowTerminatingError(ErrorRecords.From(failure, null));

    // The targets of an object that names something other than hosts; null if it names hosts.
    private protected virtual IReadOnlyList<HostTarget>? ReadOtherTargets(TargetList targets) => null;

    /// <summary>Whether a failure ends the command, instead of being an error beside the other hosts' results.</summary>
    private protected virtual bool EndsAtFailure(int hosts) => false;

    // Runs once, before any host is opened. An exception ends the command.
    private protected virtual void Prepare()
    {
    }

    // Why a plan needs a question beyond -Confirm; null if it needs none. Runs off the pipeline thread.
    private protected virtual string? Danger(Plan plan) => null;

    // Runs off the pipeline thread, once for each target, side by side: it may touch PowerShell only through the queue. There is no host if the target
    // is the file of a snapshot, which only AnalysisCmdlet accepts.
    private protected abstract Task WorkAsync(HostTarget target, DockerHost host, PipelineQueue queue, CancellationToken stop);

    // Runs off the pipeline thread when all hosts are done.
    private protected virtual void Finish(PipelineQueue queue)
    {
    }

    private protected void WorkOnHosts()
    {
        var targets = Checked(() =>
        {
            Prepare();
            return AllTargets();
        });
        // An empty pipeline does not mean this machine.
        if (targets.Count == 0)
            return;
        var queue = new PipelineQueue(targets.Count, ThrottleLimit, Danger, EndsAtFailure(targets.Count)) { Shown = ShownPlan.Of(this), IsLast = MyInvocation.PipelinePosition == MyInvocation.PipelineLength };
        var stop = StopToken;
        var work = Task.Run(() => WorkOnAsync(targets, queue, stop), CancellationToken.None);
        try
        {
            queue.DrainTo(this, stop);
            work.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            EndWorkers(work);
            throw new PipelineStoppedException();
        }
        catch (Exception error) when (work.IsFaulted)
        {
            Refuse(error);
        }
        catch
        {
            // Nobody downstream wants more, or an error should stop the command.
            EndWorkers(work);
            throw;
        }
    }

    private async Task WorkOnAsync(IReadOnlyList<HostTarget> targets, PipelineQueue queue, CancellationToken stop)
    {
        try
        {
            await Fleet.RunAsync(
                targets, static target => target.Name, target => target.Open(Sudo, Timeouts), (target, host, token) => WorkAsync(target, host!, queue, token), ThrottleLimit, queue, stop).ConfigureAwait(false);
            Finish(queue);
            queue.Summarize();
        }
        finally
        {
            queue.Complete();
        }
    }

    // The workers end first, together with their ssh processes.
    private void EndWorkers(Task work)
    {
        Cancel();
        _ = Task.WhenAny(work, Task.Delay(Patience)).GetAwaiter().GetResult();
    }

    private T Checked<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is CommandFailure or FormatException or ArgumentException)
        {
            Refuse(error);
            throw;
        }
    }

    private IReadOnlyList<HostTarget> ReadTargets(object? element)
    {
        if (ReadOtherTargets(Targets) is { } others)
            return others;
        var isNamed = HostName is not null || IsHostArgument(nameof(HostName));
        var inElement = isNamed ? null : NamedHost.Of(element);
        if (IsGiven(nameof(Session)))
        {
            // Objects that were read from several sessions go back to their own.
            if ((inElement?.HostNames ?? HostName) is not [{ Length: > 0 } name])
                return Targets.Add(Session ?? []);
            var own = (Session ?? []).Where(session => session is not null && string.Equals(HostTarget.Over(session).Name, name, StringComparison.OrdinalIgnoreCase)).ToList();
            return own.Count > 0 ? Targets.Add(own) : throw CommandFailure.NoSessionFor(name);
        }
        if (inElement is not null)
            return Targets.Add(inElement.HostNames, UserName ?? inElement.UserName, Port is null or 0 ? inElement.Port : Port);
        if (!isNamed && NamedHost.Instead(element) is { } column)
            throw CommandFailure.MissingColumn(column);
        if (IsGiven(nameof(HostName)))
        {
            // PowerShell silently takes back what the object before brought. An object that names no host names null here.
            if (!isNamed && Targets.All.Count > 0)
                return Targets.AddUnnamed();
            // An empty cell of a CSV file arrives as 0.
            return Targets.Add(HostName ?? [], UserName, Port is 0 ? null : Port);
        }
        // A row that says how to log in was not meant for this machine.
        return Array.Find(SshParameters, parameter => IsGiven(parameter) && !_arguments.Contains(parameter) && IsOfHost(parameter)) is { } present
            ? throw CommandFailure.MissingColumn(present)
            : Targets.AddUnnamed();
    }

    private IReadOnlyList<HostTarget> AllTargets()
    {
        var all = Targets.All;
        return all.Count > 0 && _idle is { } idle && all.All(static target => target.IsLocal) ? throw CommandFailure.NoHostFor(idle) : all;
    }

    /// <summary>Whether a parameter for reaching hosts was given on the command line; values from pipeline objects do not count.</summary>
    private protected bool IsHostArgument(string parameter) => _arguments.Contains(parameter) && IsOfHost(parameter);

    private bool IsOfHost(string parameter) => HasSshPort || parameter is not nameof(Port);

    private protected bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
