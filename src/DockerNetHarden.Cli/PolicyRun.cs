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
            var spec = network.ToSpec(engine);
            if (await host.Docker.FindNetworkAsync(spec.Name, stop).ConfigureAwait(false) is { } found)
            {
                if (spec.DifferencesFrom(found) is { Count: > 0 } differences)
                    throw new DockerException(DockerFailure.Conflict, $"A network '{spec.Name}' exists with other settings: {string.Join("; ", differences)}. It was not changed.", remedy: $"Change the policy to match it, or remove it first: docker network rm {spec.Name}.");
                continue;
            }
            await host.Docker.CreateNetworkAsync(spec, stop).ConfigureAwait(false);
            report.Network(host.Name, spec.Name, "created");
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
