using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using DockerNetHarden.Hosts;

namespace DockerNetHarden.Commands;

/// <content>Which hosts: the parameters that every command on hosts has, named as New-PSSession names them, and what they come to.</content>
public abstract partial class HostCmdlet
{
    private static readonly string[] SshParameters = [nameof(UserName), nameof(Port), nameof(KeyFilePath), nameof(ConnectingTimeout), nameof(Options)];

    private TargetList? _targets;
    private HashSet<string> _arguments = [];
    private string? _idle;

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "Hosts to reach by ssh, each as host, user@host or user@host:port; localhost is this machine.")]
    [AllowNull]
    [AllowEmptyCollection]
    [AllowEmptyString]
    public string?[]? HostName { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The user to log in as; ssh_config decides where it is left out.")]
    [AllowNull]
    [AllowEmptyString]
    public string? UserName { get; set; }

    [Parameter(ValueFromPipelineByPropertyName = true, HelpMessage = "The port of the hosts' ssh server; ssh_config decides where it is left out.")]
    public int? Port { get; set; }

    [Parameter(HelpMessage = "The file of the private key to log in with.")]
    [Alias("IdentityFilePath")]
    [ValidateNotNullOrEmpty]
    public string? KeyFilePath { get; set; }

    [Parameter(HelpMessage = "How long connecting to a host may take, in milliseconds; 15000 where it is left out.")]
    [ValidateRange(1, int.MaxValue)]
    public int ConnectingTimeout { get; set; }

    [Parameter(HelpMessage = "How long one program on a host may take, as a TimeSpan such as 00:02:00.")]
    public TimeSpan CommandTimeout { get; set; }

    [Parameter(HelpMessage = "How long a host may send nothing while a program runs, as a TimeSpan such as 00:00:30.")]
    public TimeSpan IdleTimeout { get; set; }

    [Parameter(HelpMessage = "Options for ssh, each as ssh_config names it.")]
    [ValidateNotNull]
    public Hashtable? Options { get; set; }

    [Parameter(HelpMessage = "Open PowerShell sessions to Linux hosts, to be used instead of ssh.")]
    [AllowNull]
    [AllowEmptyCollection]
    public PSSession?[]? Session { get; set; }

    [Parameter(HelpMessage = "How many hosts are worked on at once.")]
    [ValidateRange(1, 1024)]
    public int ThrottleLimit { get; set; } = 32;

    [Parameter(HelpMessage = "Ask Docker by sudo -n too, where the user is not root.")]
    public SwitchParameter Sudo { get; set; }

    /// <summary>The hosts of the object that is being processed.</summary>
    private protected IReadOnlyList<HostTarget> CurrentTargets { get; private set; } = [];

    // A command that asks about ports has a -Port of its own for them; the ssh server's is then written behind the host's name.
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
        // Here only arguments are bound; what the pipeline brings comes later.
        _arguments = [.. MyInvocation.BoundParameters.Keys];
        _idle = SshParameters.FirstOrDefault(IsHostArgument);
        if (IsGiven(nameof(Session)))
        {
            if ((IsHostArgument(nameof(HostName)) ? nameof(HostName) : SshParameters.FirstOrDefault(parameter => parameter is not nameof(ConnectingTimeout) && IsHostArgument(parameter))) is { } other)
                Refuse(CommandFailure.ConflictingTargets(nameof(Session), other));
        }
        // What ssh would read as 'leave it out' was meant as a port.
        else if (IsHostArgument(nameof(Port)) && Port is not (>= 1 and <= 65535))
            Refuse(CommandFailure.InvalidHostName(HostName is [{ } host, ..] ? host : "", $"{Port} is no port: 1 to 65535 are."));
    }

    protected override void ProcessRecord()
    {
        try
        {
            CurrentTargets = ReadTargets();
        }
        catch (CommandFailure failure)
        {
            Refuse(failure);
        }
    }

    // Ends the command: an object that was left out would be a host that nobody hardened.
    private protected void Refuse(Exception failure) => ThrowTerminatingError(ErrorRecords.From(failure, null));

    // The targets of an object that names something else than hosts; null where it does not.
    private protected virtual IReadOnlyList<HostTarget>? ReadOtherTargets(TargetList targets) => null;

    private IReadOnlyList<HostTarget> ReadTargets()
    {
        if (ReadOtherTargets(Targets) is { } others)
            return others;
        if (IsGiven(nameof(Session)))
        {
            // What was read of several sessions goes back to its own.
            if (HostName is not [{ Length: > 0 } name])
                return Targets.Add(Session ?? []);
            var own = (Session ?? []).Where(session => session is not null && string.Equals(HostTarget.Over(session).Name, name, StringComparison.OrdinalIgnoreCase)).ToList();
            return own.Count > 0 ? Targets.Add(own) : throw CommandFailure.NoSessionFor(name);
        }
        if (IsGiven(nameof(HostName)))
        {
            // PowerShell takes back what the object before brought, but does not tell that it did. Where no object named a host, this one names null.
            if (HostName is null && !IsHostArgument(nameof(HostName)) && Targets.All.Count > 0)
                return Targets.AddUnnamed();
            // An empty cell of a CSV file comes as 0.
            return Targets.Add(HostName ?? [], UserName, Port is 0 ? null : Port);
        }
        return Targets.AddUnnamed();
    }

    private IReadOnlyList<HostTarget> AllTargets()
    {
        var all = Targets.All;
        return all.Count > 0 && _idle is { } idle && all.All(static target => target.IsLocal) ? throw CommandFailure.NoHostFor(idle) : all;
    }

    /// <summary>Whether a parameter that says how hosts are reached was written on the command line; what objects of the pipeline bring is theirs.</summary>
    private protected bool IsHostArgument(string parameter) => _arguments.Contains(parameter) && (HasSshPort || parameter is not nameof(Port));

    private protected bool IsGiven(string parameter) => MyInvocation.BoundParameters.ContainsKey(parameter);
}
