using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Matching;
using DockerNetHarden.Planning;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Commands;

/// <summary>A part of the answer to one question, as texts and numbers: packets that meet the same end by the same rule.</summary>
public sealed record AccessTrace
{
    // As many prefixes as a line of a table can show; Packets has all of them.
    private const int MostDestinations = 8;

    public required string HostName { get; init; }

    /// <summary>The network that the packets come in from.</summary>
    public required string Network { get; init; }

    /// <summary>The container that was asked about; null for the whole network.</summary>
    public string? Container { get; init; }

    /// <summary>The destination as it was asked for: an address, a prefix or a word.</summary>
    public required string Target { get; init; }

    public required Family Family { get; init; }

    /// <summary>The sources of this part: all or some of those that were asked about.</summary>
    public required string Source { get; init; }

    /// <summary>The destinations of this part, before any DNAT.</summary>
    public required string Destination { get; init; }

    /// <summary>The protocol that was asked about; null for all.</summary>
    public string? Protocol { get; init; }

    /// <summary>The ports that were asked about; null for all.</summary>
    public string? Port { get; init; }

    /// <summary>Exactly this part's packets.</summary>
    public required string Packets { get; init; }

    public required Verdict Verdict { get; init; }

    /// <summary>Where the deciding rule or policy is: nft, legacy, or a native table of nftables.</summary>
    public string? Backend { get; init; }

    public string? Table { get; init; }

    public string? Chain { get; init; }

    /// <summary>The rule's place in its chain, from 1; 0 for a policy.</summary>
    public int Position { get; init; }

    /// <summary>The deciding rule as a command; null if a policy or nothing decides.</summary>
    public string? Rule { get; init; }

    public required string Reason { get; init; }

    /// <summary>The chains that were walked, in order, separated by commas.</summary>
    public required string Chains { get; init; }

    public required PacketPath Path { get; init; }

    public string? OutInterface { get; init; }

    /// <summary>The destination after DNAT or REDIRECT; null if it stays.</summary>
    public string? NewDestination { get; init; }

    /// <summary>The container behind a published port to which docker-proxy would carry the packets.</summary>
    public string? Proxied { get; init; }

    /// <summary>How a real connection attempt for this part ended; null if none was asked for or possible.</summary>
    public ProbeOutcome? Probe { get; init; }

    /// <summary>Where the attempt went, and what the tool said.</summary>
    public string? ProbeDetail { get; init; }

    /// <summary>Whether the attempt ended as the verdict predicts; null if it proves neither.</summary>
    public bool? Agrees { get; init; }

    /// <summary>What decides, in short.</summary>
    public string? DecidedBy => Chain is null ? null : Position > 0 ? $"{Table} {Chain} {Position}" : $"{Table} {Chain} policy";

    public override string ToString() => $"{Verdict}: {Network} to {Destination}";

    internal static AccessTrace From(string host, TraceQuestion question, AccessPart part) => new()
    {
        HostName = host,
        Network = question.Network,
        Container = question.Container,
        Target = question.Target,
        Family = question.Query.Family,
        Source = Text(question.SourcesOf(part)),
        Destination = Text(part.Packets.Destinations),
        Protocol = question.Query.Protocol,
        Port = question.Query.Ports?.ToString(),
        Packets = part.Packets.ToString(),
        Verdict = part.Verdict,
        Backend = part.Backend,
        Table = part.Table,
        Chain = part.Chain,
        Position = part.Position,
        Rule = part.Rule is null ? null : Plan.CommandLine(part.Rule),
        Reason = part.Reason,
        Chains = string.Join(", ", part.Chains),
        Path = part.Path,
        OutInterface = part.OutInterface,
        NewDestination = part.NewDestination?.ToShortString(),
        Proxied = part.Proxied,
    };

    internal AccessTrace With(ConnectionProbe? sent, ProbeResult result) => this with
    {
        Probe = result.Outcome,
        ProbeDetail = sent is null ? result.Detail : $"{sent.Address.ToShortString()} port {sent.Port}{(result.Detail is null ? "" : ": " + result.Detail)}",
        Agrees = result.Confirms(Verdict),
    };

    private static string Text(IReadOnlyList<Cidr> prefixes) =>
        string.Join(", ", prefixes.Take(MostDestinations).Select(prefix => prefix.ToShortString())) + (prefixes.Count > MostDestinations ? $" and {prefixes.Count - MostDestinations} more" : "");
}
