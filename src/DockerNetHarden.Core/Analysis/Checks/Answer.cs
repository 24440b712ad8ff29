namespace DockerNetHarden.Analysis.Checks;

/// <summary>What the walk answered, cut to what a check is about.</summary>
internal sealed record Answer(IReadOnlyList<AccessPart> Parts)
{
    public static Answer Nothing { get; } = new([]);

    /// <summary>What is let through, for certain; a rate lets through as well.</summary>
    public IEnumerable<AccessPart> Open => Parts.Where(part => part.Verdict is Verdict.Accept or Verdict.RateLimited);

    public IEnumerable<AccessPart> Closed => Parts.Where(part => part.Verdict is Verdict.Drop or Verdict.Reject);

    public bool IsOpen => Open.Any();

    /// <summary>Whether everything is closed, for certain. Unknown is never closed.</summary>
    public bool IsClosed => Parts.All(part => part.Verdict is Verdict.Drop or Verdict.Reject);

    /// <summary>How a check ends that wants everything closed.</summary>
    public FindingStatus Status => IsOpen ? FindingStatus.Fail : IsClosed ? FindingStatus.Pass : FindingStatus.Warning;

    /// <summary>How a check ends to which a limit is enough.</summary>
    public FindingStatus LimitedStatus =>
        Parts.Any(part => part.Verdict is Verdict.Accept) ? FindingStatus.Fail
        : Parts.Any(part => part.Verdict is Verdict.Unknown) ? FindingStatus.Warning
        : FindingStatus.Pass;

    public Answer Where(Func<AccessPart, bool> keep) => new([.. Parts.Where(keep)]);

    public Answer Within(PacketSet packets) => Cut(part => part.Intersect(packets));

    public Answer Without(IEnumerable<PacketSet> packets) => packets.Aggregate(this, (answer, set) => answer.Cut(part => part.Subtract(set)));

    public Answer And(Answer other) => Parts.Count == 0 ? other : new([.. Parts, .. other.Parts]);

    private Answer Cut(Func<PacketSet, PacketSet> cut) =>
        Parts.Count == 0 ? this : new([.. Parts.Select(part => part with { Packets = cut(part.Packets) }).Where(part => !part.Packets.IsEmpty)]);
}
