using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Cli;

/// <summary>Brings one host to a policy: the networks first, then the rules.</summary>
internal static class PolicyRun
{
    /// <summary>Makes the networks of the policy that do not exist.</summary>
    /// <exception cref="DockerException">A network exists with other settings, or Docker refused.</exception>
    public static async Task MakeNetworksAsync(HardeningPolicy policy, DockerHost host, Report report, CancellationToken stop)
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
            await host.Docker.CreateNetworkAsync(network.ToSpec(engine), stop).ConfigureAwait(false);
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
