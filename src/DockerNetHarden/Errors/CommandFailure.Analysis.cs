using System.Management.Automation;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Commands;

/// <content>Failures of asking about packets and of checking a host.</content>
internal sealed partial class CommandFailure
{
    public static CommandFailure CannotTrace(TraceProblem problem)
    {
        var (id, category, wayOut) = problem.Kind switch
        {
            TraceProblemKind.NetworkUnknown => (ErrorIds.NetworkNotFound, ErrorCategory.ObjectNotFound, "Get-DockerNetwork lists the networks."),
            TraceProblemKind.ContainerUnknown => (ErrorIds.ContainerNotFound, ErrorCategory.ObjectNotFound, "Name a container as docker ps -a does, or by the beginning of its id."),
            TraceProblemKind.SourceUnknown => (ErrorIds.SourceNotFound, ErrorCategory.ObjectNotFound, "Get-DockerNetwork lists the networks with their subnets; -Network with -Source asks about any source."),
            TraceProblemKind.NoBridge => (ErrorIds.NotBridged, ErrorCategory.InvalidOperation, "Get-DockerNetworkHardening says what such containers can reach; move them to a bridge network to have their packets decided."),
            _ => throw new ArgumentOutOfRangeException(nameof(problem), problem.Kind, null),
        };
        return new CommandFailure(id, category, problem.Message, wayOut, problem.Name);
    }

    public static CommandFailure NotChecked(HardeningFinding finding) => new(
        ErrorIds.NotChecked, ErrorCategory.ReadError,
        $"{finding.HostName}: {finding.Id}{(finding.Network is { } network ? $" of the network '{network}'" : "")} could not be checked: {string.Join("; ", finding.Evidence)}",
        finding.Remedy ?? "Mend what keeps it from being read, or leave the check out: -Exclude.", finding);
}
