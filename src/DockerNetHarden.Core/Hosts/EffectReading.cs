using DockerNetHarden.Effects;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosts;

/// <summary>Reads what decides about open connections, and finds out what a plan would do to them. That it cannot be found out never keeps anybody from the change.</summary>
internal static class EffectReading
{
    internal static async Task<ChangeEffect> OfAsync(Plan plan, HostReader reader, CancellationToken stop)
    {
        if (plan.Before.Engine is null)
            return ChangeEffect.Unknown($"Docker could not be asked, so it is not known which addresses belong to containers{(plan.Before.DockerError is { } error ? $" ({error.Message.TrimEnd('.')})" : "")}.");
        // Nothing that is not there can be cut.
        if (!plan.Before.Containers.Any(static container => container.IsUp))
            return new ChangeEffect { Connections = [] };
        try
        {
            var (host, connections, why) = await reader.ReadConnectionsAsync(plan.Before, stop).ConfigureAwait(false);
            return connections is null ? ChangeEffect.Unknown(why) : PlanEffect.Of(plan, host, connections);
        }
        catch (HostException unread)
        {
            return ChangeEffect.Unknown(unread.Message);
        }
    }
}
