using DockerNetHarden.Addresses;
using DockerNetHarden.Audit;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Matching;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Commands;

/// <summary>A row of an answer, as texts and numbers: packets that fare alike. Where several rules decide, the rule is the first one, and <see cref="Parts"/> has all.</summary>
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

    /// <summary>The family; null for both.</summary>
    public Family? Family { get; init; }

    /// <summary>The sources of this part: all or some of those that were asked about.</summary>
    public required string Source { get; init; }

    /// <summary>The destinations of this part, before any DNAT.</summary>
    public required string Destination { get; init; }

    /// <summary>The protocols of these packets; null for nearly all.</summary>
    public string? Protocol { get; init; }

    /// <summary>The destination ports of these packets, with their protocol if there are several; null for all.</summary>
    public string? Port { get; init; }

    /// <summary>Exactly this part's packets.</summary>
    public required string Packets { get; init; }

    public required Verdict Verdict { get; init; }

    /// <summary>What it means: an exception of a control, and what nobody serves on this host, are not Open.</summary>
    public required AccessState State { get; init; }

    /// <summary>The control whose exception leaves the packets open; null if none does.</summary>
    public string? Exception { get; init; }

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
    public required string DecidedBy { get; init; }

    /// <summary>Why, in a few words: the exception, or what decides.</summary>
    public required string Why { get; init; }

    /// <summary>The parts of this row, each with the rule that decides it; empty if one rule decides all.</summary>
    public IReadOnlyList<AccessTrace> Parts { get; init; } = [];

    public override string ToString() => $"{Verdict}: {Network} to {Destination}";

    internal static AccessTrace From(string host, AccessRow row)
    {
        var question = row.Parts[0].Question;
        var (parts, first) = (row.Parts.Select(answer => answer.Part).ToList(), row.Parts.FirstOrDefault(answer => answer.Part.Chain is not null)?.Part ?? row.Parts[0].Part);
        return new AccessTrace
        {
            HostName = host,
            Network = question.Network,
            Container = question.Container,
            Target = question.Target,
            Family = Same(parts.Select(part => (Family?)part.Packets.Family)),
            Source = Text(row.Parts.SelectMany(answer => answer.Question.SourcesOf(answer.Part))),
            Destination = Text(parts.SelectMany(part => part.Packets.Destinations)),
            Protocol = row.Protocol,
            Port = row.Port,
            Packets = string.Join("; ", parts.Select(part => part.Packets.ToString())),
            Verdict = row.Verdict,
            State = row.State,
            Exception = row.Parts[0].Exception,
            Backend = first.Backend,
            Table = first.Table,
            Chain = first.Chain,
            Position = first.Position,
            Rule = first.Rule is null ? null : Plan.CommandLine(first.Rule),
            Reason = string.Join(" ", parts.Select(part => part.Reason).Distinct(StringComparer.Ordinal)),
            Chains = string.Join(", ", parts.SelectMany(part => part.Chains).Distinct(StringComparer.Ordinal)),
            Path = Same(parts.Select(part => (PacketPath?)part.Path)) ?? PacketPath.None,
            OutInterface = Same(parts.Select(part => part.OutInterface)),
            NewDestination = Same(parts.Select(part => part.NewDestination))?.ToShortString(),
            Proxied = Same(parts.Select(part => part.Proxied)),
            DecidedBy = row.DecidedBy,
            Why = row.Why,
            Parts = parts.Count == 1 ? [] : [.. AccessRow.Of(row.Parts, isDetailed: true).Select(part => From(host, part))],
        };
    }

    internal AccessTrace With(ConnectionProbe? sent, ProbeResult result) => this with
    {
        Probe = result.Outcome,
        ProbeDetail = sent is null ? result.Detail : $"{sent.Address.ToShortString()} port {sent.Port}{(result.Detail is null ? "" : ": " + result.Detail)}",
        Agrees = result.Confirms(Verdict),
    };

    private static T? Same<T>(IEnumerable<T?> values) => values.Distinct().Take(2).ToList() is [var one] ? one : default;

    private static string Text(IEnumerable<Cidr> prefixes)
    {
        var all = prefixes.Distinct().ToList();
        return string.Join(", ", all.Take(MostDestinations).Select(prefix => prefix.ToShortString())) + (all.Count > MostDestinations ? $" and {all.Count - MostDestinations} more" : "");
    }
}
