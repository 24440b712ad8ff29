using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Analysis;

/// <summary>The answer of the walk, cut to what a check is about.</summary>
internal sealed record Answer
{
    public static Answer Nothing { get; } = new();

    public IReadOnlyList<AccessPart> Parts { get; private init; } = [];

    /// <summary>The networks that the packets come from.</summary>
    public IReadOnlyList<PacketOrigin> Origins { get; private init; } = [];

    /// <summary>Sources that do not belong to a container: what only they could do does not count.</summary>
    private Func<Family, PacketSet>? Strangers { get; init; }

    public static Answer Of(IEnumerable<AccessPart> parts, PacketOrigin origin) => new Answer { Parts = [.. parts], Origins = [origin], Strangers = origin.Strangers }.Cut(part => part.Packets);

    /// <summary>What is let through. Up to a rate counts too, and so does a block whose match is not known.</summary>
    public IEnumerable<AccessPart> Open => Parts.Where(IsLetThrough);

    /// <summary>The answer about what is let through alone.</summary>
    public Answer OnlyOpen => Where(IsLetThrough);

    public IEnumerable<AccessPart> Closed => Parts.Where(IsBlocked);

    public bool IsOpen => Open.Any();

    /// <summary>Whether nothing was asked, or nothing is left of the answer: then it is neither open nor closed.</summary>
    public bool IsEmpty => Parts.Count == 0;

    /// <summary>Whether everything is closed, for certain. Unknown never counts as closed, and neither does an empty answer.</summary>
    public bool IsClosed => !IsEmpty && Parts.All(IsBlocked);

    /// <summary>The status of a check that wants everything closed.</summary>
    public FindingStatus Status => IsEmpty ? FindingStatus.NotApplicable : IsOpen ? FindingStatus.Fail : IsClosed ? FindingStatus.Pass : FindingStatus.Warning;

    /// <summary>The status of a check that is content with a limit.</summary>
    public FindingStatus LimitedStatus =>
        IsEmpty ? FindingStatus.NotApplicable
        : Parts.Any(part => part is { Verdict: Verdict.Accept } or { Otherwise: Verdict.Accept, IsLimited: false }) ? FindingStatus.Fail
        : Parts.Any(part => part is { Verdict: Verdict.Unknown, IsLimited: false }) ? FindingStatus.Warning
        : FindingStatus.Pass;

    /// <summary>What is not closed for certain.</summary>
    public IEnumerable<AccessPart> NotClosed => Parts.Where(part => !IsBlocked(part));

    /// <summary>Whether packets are let through, even if only because a match that is not known does not match: a block that may not apply closes nothing.</summary>
    public static bool IsLetThrough(AccessPart part) => Passes(part) || part.Otherwise is Verdict.Accept or Verdict.RateLimited;

    /// <summary>Whether packets are let through for certain.</summary>
    public static bool Passes(AccessPart part) => part.Verdict is Verdict.Accept or Verdict.RateLimited;

    public static bool IsBlocked(AccessPart part) => part.Verdict is Verdict.Drop or Verdict.Reject;

    public Answer Where(Func<AccessPart, bool> keep) => this with { Parts = [.. Parts.Where(keep)] };

    public Answer Within(PacketSet packets) => Cut(part => part.Packets.Intersect(packets));

    public Answer Without(IEnumerable<PacketSet> packets) => packets.Aggregate(this, (answer, set) => answer.Cut(part => part.Packets.Subtract(set)));

    /// <summary>Without all that these matches may describe: a condition that is not known counts as met.</summary>
    public Answer Without(IEnumerable<CompiledMatch> matches) => matches.Aggregate(this, (answer, match) => answer.Cut(part =>
    {
        if (match.Out is not null && (part.OutInterface ?? (part.Path is PacketPath.Local ? "" : null)) is { } link && !match.Out.Matches(link))
            return part.Packets;
        var named = (part.NewDestination is null ? match.Now : match.WhenRedirected) ?? PacketSet.All(part.Packets.Family);
        return part.Packets.Subtract(match.Original?.Intersect(named) ?? named);
    }));

    public Answer And(Answer other) => Parts.Count == 0 ? other : this with { Parts = [.. Parts, .. other.Parts], Origins = [.. Origins.Union(other.Origins)] };

    private Answer Cut(Func<AccessPart, PacketSet> cut) =>
        Parts.Count == 0 ? this : this with { Parts = [.. Parts.Select(part => (Part: part, Packets: cut(part))).Where(pair => !pair.Packets.IsEmpty)
            .Select(pair => ReferenceEquals(pair.Packets, pair.Part.Packets) ? pair.Part : pair.Part with { Packets = pair.Packets }).Where(IsOfContainers)] };

    // What a rule blocks counts whatever its sources. What the kernel refuses because of its source does not prove a block.
    private bool IsOfContainers(AccessPart part) =>
        (IsBlocked(part) && part.Table is not null) || Strangers is null || !part.Packets.Subtract(Strangers(part.Packets.Family)).IsEmpty;
}
