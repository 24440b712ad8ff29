using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Completion;

/// <summary>Completions as words with tooltips. Never throws and never blocks for longer than a blink: completion is a help, not a task.</summary>
internal static class Completions
{
    // A person who presses Tab notices half a second.
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(300);

    public static IReadOnlyList<(string Text, string Tip)> Providers() =>
        [
            (MetadataEndpoints.Auto, "The cloud that each host is in: its addresses, or all known ones where the cloud is not known"),
            .. MetadataEndpoints.Providers.Select(provider => (provider.Id, $"{provider.Name}: {string.Join(", ", provider.Endpoints.Select(endpoint => endpoint.Address.ToShortString()).Concat(provider.DhcpServerPorts.Count > 0 ? ["the DHCP server of the host's network"] : Array.Empty<string>()).Distinct(StringComparer.Ordinal))}")),
        ];

    public static IReadOnlyList<(string Text, string Tip)> Controls() => [.. RuleMark.Controls.Select(control => (control, $"The rules of {control}"))];

    public static IReadOnlyList<(string Text, string Tip)> Chains() =>
        [.. Hook.All.GroupBy(hook => hook.Chain, StringComparer.Ordinal).Select(chain => (chain.Key, $"Table {string.Join(", ", chain.Select(hook => hook.Table))}"))];

    public static IReadOnlyList<(string Text, string Tip)> Destinations() =>
    [
        (AccessTargets.Metadata, "The metadata endpoints of all known clouds"),
        (AccessTargets.Host, "Every address of the Docker host, on every port"),
        (AccessTargets.Internal, "The private, shared and link-local ranges"),
    ];

    public static IReadOnlyList<(string Text, string Tip)> Protocols() =>
        [("tcp", "TCP"), ("udp", "UDP"), ("sctp", "SCTP"), ("icmp", "ICMP, of IPv4"), ("icmpv6", "ICMP, of IPv6")];

    public static IReadOnlyList<(string Text, string Tip)> Networks() => Ask(NetworksAsync);

    public static IReadOnlyList<(string Text, string Tip)> Containers() => Ask(ContainersAsync);

    private static IReadOnlyList<(string Text, string Tip)> Ask(Func<HostDocker, CancellationToken, Task<IReadOnlyList<(string Text, string Tip)>>> ask)
    {
        using var stop = new CancellationTokenSource(Patience);
        // On the thread pool, because a hanging connect must not hang the prompt.
        var asked = Task.Run(() => AskAsync(ask, stop.Token), stop.Token);
        try
        {
            return asked.Wait(Patience) ? asked.Result : [];
        }
        catch (AggregateException)
        {
            return [];
        }
    }

    public static IEnumerable<CompletionResult> Results(Func<IReadOnlyList<(string Text, string Tip)>> words, string? typed)
    {
        try
        {
            var start = (typed ?? "").Trim('\'', '"');
            return [.. words().Where(word => word.Text.StartsWith(start, StringComparison.OrdinalIgnoreCase))
                .Select(word => new CompletionResult(Quoted(word.Text), word.Text, CompletionResultType.ParameterValue, word.Tip))];
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return [];
        }
    }

    // Engines up to 20.10 accept any name for a network: anything but a plain word must not become code on the command line.
    internal static string Quoted(string text) =>
        text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '.' or '-') && text is not ['-', ..]
            ? text
            : $"'{CodeGeneration.EscapeSingleQuotedStringContent(text)}'";

    private static async Task<IReadOnlyList<(string Text, string Tip)>> AskAsync(
        Func<HostDocker, CancellationToken, Task<IReadOnlyList<(string Text, string Tip)>>> ask, CancellationToken stop)
    {
        var docker = HostDocker.At(DockerEndpoint.FromEnvironment());
        await using (docker.ConfigureAwait(false))
            return await ask(docker, stop).ConfigureAwait(false);
    }

    private static async Task<IReadOnlyList<(string Text, string Tip)>> NetworksAsync(HostDocker docker, CancellationToken stop) =>
        [.. (await docker.ListNetworksAsync(stop).ConfigureAwait(false)).Select(network => (network.Name, $"{network.Driver} {network.Bridge} {string.Join(", ", network.Subnets)}".Trim()))];

    private static async Task<IReadOnlyList<(string Text, string Tip)>> ContainersAsync(HostDocker docker, CancellationToken stop) =>
        [.. (await docker.ListContainersAsync(stop).ConfigureAwait(false)).Select(container => (container.Name, $"{container.Image} {container.State} {string.Join(", ", container.Addresses.Select(address => address.Network))}".Trim()))];
}

/// <summary>Completes an argument with the words of <typeparamref name="T"/>.</summary>
/// <typeparam name="T">The words.</typeparam>
internal sealed class Completer<T> : IArgumentCompleter where T : IWords
{
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        Completions.Results(T.All, wordToComplete);
}

/// <summary>Possible words for an argument.</summary>
internal interface IWords
{
    /// <summary>The words with their tooltips.</summary>
    static abstract IReadOnlyList<(string Text, string Tip)> All();
}

/// <summary>The chains that rules can use.</summary>
internal sealed class ChainNames : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => Completions.Chains();
}

/// <summary>The checks of the audit.</summary>
internal sealed class CheckIds : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => [.. HardeningAudit.Ids.Select(id => (id, $"The check {id}"))];
}

/// <summary>The containers of this machine's Docker.</summary>
internal sealed class ContainerNames : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => Completions.Containers();
}

/// <summary>The controls by which rules are marked.</summary>
internal sealed class ControlNames : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => Completions.Controls();
}

/// <summary>The destinations that have a word.</summary>
internal sealed class DestinationNames : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => Completions.Destinations();
}

/// <summary>The networks of this machine's Docker.</summary>
internal sealed class NetworkNames : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => Completions.Networks();
}

/// <summary>Names that only the person knows: without a completer PowerShell would offer files.</summary>
internal sealed class NoWords : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => [];
}

/// <summary>The tables that rules can use.</summary>
internal sealed class TableNames : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => [.. Hook.Tables.Select(table => (table, $"Chains {string.Join(", ", Hook.All.Where(hook => hook.Table == table).Select(hook => hook.Chain))}"))];
}

/// <summary>The protocols that have a name.</summary>
internal sealed class ProtocolNames : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => Completions.Protocols();
}

/// <summary>The clouds whose metadata endpoints are known.</summary>
internal sealed class ProviderNames : IWords
{
    public static IReadOnlyList<(string Text, string Tip)> All() => Completions.Providers();
}
