using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>One row of what a person reads: all packets from one place to one destination that fare alike, by whichever rules.</summary>
public sealed record AccessRow
{
    // Names of services that people know better than their ports (RFC 6335; the names are those of IANA's registry, as people say them).
    private static readonly (string Port, string Name)[] Known = [("53", "DNS"), ("123", "NTP"), ("25", "SMTP"), ("80", "HTTP"), ("443", "HTTPS")];

    private AccessRow(IReadOnlyList<AccessAnswer> parts, ServiceSet asked)
    {
        Parts = parts;
        var services = ServiceSet.Of(parts.Select(answer => answer.Part.Packets));
        Protocol = services.IsEverything ? null : services.Names is { Count: > 0 } names ? string.Join(", ", names) : null;
        Port = services.Ports(asked);
    }

    /// <summary>The parts, each with its deciding rule; at least one.</summary>
    public IReadOnlyList<AccessAnswer> Parts { get; }

    /// <summary>What it means.</summary>
    public AccessState State => Parts[0].State;

    /// <summary>What happens to the packets.</summary>
    public Verdict Verdict => Parts[0].Part.Verdict;

    /// <summary>The protocols of these packets, such as <c>tcp, udp</c>; null for nearly all.</summary>
    public string? Protocol { get; }

    /// <summary>The destination ports of these packets, such as <c>53, 123</c>, with the protocol if there are several (<c>53/tcp, 53/udp</c>); null for all.</summary>
    public string? Port { get; }

    /// <summary>Why, in a few words.</summary>
    public string Why => State switch
    {
        AccessState.Exception => $"{StayOpen}, {Parts[0].Exception} exception",
        AccessState.NotServed => "not served on this host",
        _ => DecidedBy,
    };

    /// <summary>What decides: table, chain and position of the first deciding rule, and how many more there are.</summary>
    public string DecidedBy
    {
        get
        {
            var places = Parts.Select(answer => PlaceOf(answer.Part)).Distinct(StringComparer.Ordinal).ToList();
            return places.Count == 1 ? places[0] : FormattableString.Invariant($"{places[0]} and {places.Count - 1} more");
        }
    }

    private string StayOpen
    {
        get
        {
            if (Port is null || Port.StartsWith("all", StringComparison.Ordinal))
                return "stays open";
            var numbers = Port.Split(", ").SelectMany(item => item.Split('/')[0].Split(',')).Distinct(StringComparer.Ordinal).ToList();
            var names = Known.Where(known => numbers.Contains(known.Port, StringComparer.Ordinal)).ToList();
            return names.Count < numbers.Count ? $"{Port} stays open" : names is [var one] ? $"{one.Name} stays open" : $"{string.Join(", ", names.SkipLast(1).Select(known => known.Name))} and {names[^1].Name} stay open";
        }
    }

    /// <summary>The rows of answers: one for each place of origin, destination and meaning, what is open first, otherwise in the order of the answers.</summary>
    /// <param name="answers">The answers.</param>
    /// <param name="isDetailed">Whether each answer is a row of its own.</param>
    public static IReadOnlyList<AccessRow> Of(IEnumerable<AccessAnswer> answers, bool isDetailed = false)
    {
        ArgumentNullException.ThrowIfNull(answers);
        var all = answers.ToList();
        var asked = all.GroupBy(From).ToDictionary(group => group.Key, group => ServiceSet.Of(group.Select(answer => answer.Part.Packets)));
        var groups = isDetailed ? all.Select(answer => new[] { answer }.AsEnumerable()) : all.GroupBy(answer => (From(answer), answer.State, answer.Part.Verdict, answer.Exception)).Select(group => group.AsEnumerable());
        return [.. groups.Select(group => new AccessRow([.. group], asked[From(group.First())])).OrderBy(row => row.State)];
    }

    /// <summary>The table, chain and position of what decides, such as <c>filter DNH-METADATA 3</c>.</summary>
    public static string PlaceOf(AccessPart part)
    {
        ArgumentNullException.ThrowIfNull(part);
        return part.Chain is null ? "no rule" : FormattableString.Invariant($"{part.Table} {part.Chain} {(part.Position > 0 ? part.Position.ToString(System.Globalization.CultureInfo.InvariantCulture) : "policy")}");
    }

    private static (string Network, string? Container, string Target) From(AccessAnswer answer) => (answer.Question.Network, answer.Question.Container, answer.Question.Target);
}
