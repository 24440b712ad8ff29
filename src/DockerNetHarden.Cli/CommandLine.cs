using System.CommandLine;
using DockerNetHarden.Cli.Commands;

namespace DockerNetHarden.Cli;

/// <summary>The command line, checked before any host is touched.</summary>
internal static class CommandLine
{
    public static async Task<int> RunAsync(string[] arguments, TextWriter output, TextWriter errors, CancellationToken stop)
    {
        var root = new RootCommand("Brings Docker hosts to a hardening policy: what containers may reach. Exit codes: 0 as it should be, 1 failed, 2 differs (plan) or does not hold (audit).")
        {
            new ApplyCommand().Create(output, errors),
            new PlanCommand().Create(output, errors),
            new AuditCommand().Create(output, errors),
            new WatchCommand().Create(output, errors),
        };
        var parsed = root.Parse(arguments);
        return await parsed.InvokeAsync(new InvocationConfiguration { Output = output, Error = errors, EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null }, stop).ConfigureAwait(false);
    }
}

/// <summary>How the program ends: what scripts and build pipelines look at, so none changes its meaning.</summary>
internal static class ExitCodes
{
    /// <summary>All is as the policy says, or was brought to it.</summary>
    public const int Good = 0;

    /// <summary>A host could not be read or written, or the policy or the command line is wrong.</summary>
    public const int Failed = 1;

    /// <summary>plan: something would change. audit: a check failed.</summary>
    public const int Differs = 2;
}
