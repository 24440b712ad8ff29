using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Cli;

/// <summary>Brings one host to a policy: the networks that are missing, each after its own rules, then all rules.</summary>
internal static class PolicyRun
{
    /// <summary>Makes the networks of the policy that do not exist, each protected from the moment it exists. Nothing is pruned here.</summary>
    /// <exception cref="DockerException">A network exists with other settings, or Docker refused.</exception>
    /// <exception cref="HostException">The rules of a network could not be written, so it was not made.</exception>
    public static async Task MakeNetworksAsync(HardeningPolicy policy, DockerHost host, PlanOptions options, Report report, ReportSink sink, CancellationToken stop)
    {
        if (policy.Networks.Count == 0)
            return;
        var engine = await host.Docker.GetEngineAsync(stop).ConfigureAwait(false);
        foreach (var network in policy.Networks)
        {
            if (await host.Docker.FindNetworkAsync(network.Name, stop).ConfigureAwait(false) is { } found)
            {
                if (network.DifferencesFrom(found) is { Count: > 0 } differences)
                    throw new DockerException(DockerFailure.Conflict, $"A network '{network.Name}' exists with other settings: {string.Join("; ", differences)}. It was not changed.",
                        remedy: $"Change the policy to match it, remove it first (docker network rm {network.Name}), or name the controls of its profile ({network.Profile}) with \"network\": \"{network.Name}\" under \"controls\".");
                continue;
            }
            var made = await NetworkCreation.RunAsync(host, network.ToSpec(engine), before => network.PlanOn(before, options with { Prune = false }), sink, options.Force, stop).ConfigureAwait(false);
            foreach (var write in made.Writes.Where(static write => write.Status == InvocationStatus.Applied))
                sink.Result(write);
            report.Network(host.Name, network.Name, "created");
        }
    }

    /// <summary>Applies the rules.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> ApplyAsync(HardeningPolicy policy, DockerHost host, PlanOptions options, ReportSink sink, RollbackOptions? rollback, CancellationToken stop)
    {
        var result = await host.ApplyAsync(before => policy.PlanOn(before, options), sink, stop, rollback).ConfigureAwait(false);
        sink.Result(result);
        return result.Verified ? ExitCodes.Good : ExitCodes.Failed;
    }
}
