using System.Collections.Concurrent;
using System.CommandLine;
using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Policy;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Cli.Commands;

/// <summary>A command on a policy and hosts: reads the policy, works on the hosts side by side, and reports how it ended.</summary>
internal abstract class PolicyCommand(string name, string meaning)
{
    private readonly Option<bool> _json = new("--json") { Description = "One JSON object per line instead of text." };
    private readonly Option<bool> _verbose = new("--verbose", "-v") { Description = "Report what is being done." };
    private readonly HostOptions _hosts = new();

    protected Argument<string> PolicyFile { get; } = new("policy") { Description = "The policy, a JSON file; docs/hardening-policy.schema.json describes it.", HelpName = "policy.json" };

    public Command Create(TextWriter output, TextWriter errors)
    {
        var command = new Command(name, meaning);
        command.Arguments.Add(PolicyFile);
        command.Options.Add(_json);
        command.Options.Add(_verbose);
        _hosts.AddTo(command);
        Add(command);
        command.SetAction((given, stop) => RunAsync(given, new Report(output, errors, given.GetValue(_json), given.GetValue(_verbose)), stop));
        return command;
    }

    /// <summary>Adds the command's own options.</summary>
    protected abstract void Add(Command command);

    protected abstract Task<int> RunAsync(Request request, CancellationToken stop);

    private async Task<int> RunAsync(ParseResult given, Report report, CancellationToken stop)
    {
        try
        {
            var path = given.GetValue(PolicyFile);
            var request = new Request(given, report, path, path is null ? new HardeningPolicy() : Load(path), _hosts.Hosts(given), _hosts.Throttle(given));
            return await RunAsync(request, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            report.Error(null, "Stopped.");
            return ExitCodes.Failed;
        }
        catch (Exception error) when (error is PolicyException or RefusedValueException or SshTargetException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            report.Error(null, error.Message);
            return ExitCodes.Failed;
        }
    }

    /// <summary>Reads a policy file.</summary>
    /// <exception cref="PolicyException">The policy is refused.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static HardeningPolicy Load(string path) => HardeningPolicy.Parse(File.ReadAllText(path), path);

    /// <summary>Works on all hosts, several at once; one that fails does not hold up the others.</summary>
    /// <returns>The worst of the hosts' exit codes.</returns>
    protected static async Task<int> OnEachAsync(Request request, ReportSink sink, Func<DockerHost, CancellationToken, Task<int>> work, CancellationToken stop)
    {
        var codes = new ConcurrentBag<int>();
        await Fleet.RunAsync(
            request.Hosts, static host => host.Name, static host => host.Open(), async (_, host, token) => codes.Add(await work(host!, token).ConfigureAwait(false)), request.Throttle, sink, stop).ConfigureAwait(false);
        return sink.Failures > 0 || codes.Contains(ExitCodes.Failed) ? ExitCodes.Failed : codes.Max();
    }

    /// <summary>What a command was asked to do.</summary>
    protected sealed record Request(ParseResult Given, Report Report, string? Path, HardeningPolicy Policy, IReadOnlyList<PolicyHost> Hosts, int Throttle);
}
