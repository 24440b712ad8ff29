namespace DockerNetHarden.Packets;

/// <summary>
/// The bounds of a set's sources and protocols: a rule outside them is skipped without building a set. Sources are never rewritten on
/// the way that is walked here, so the bounds of a question hold for all its packets to the end.
/// </summary>
internal readonly record struct Bounds(UInt128 FirstSource, UInt128 LastSource, UInt128 FirstProtocol, UInt128 LastProtocol)
{
    // Looking through a large set would cost more than it saves.
    private const int MostLookedAt = 16;

    internal static Bounds None { get; } = new(0, UInt128.MaxValue, 0, UInt128.MaxValue);

    internal static Bounds Of(PacketSet? packets)
    {
        if (packets?.Root is not { Count: <= MostLookedAt } root)
            return None;
        var (firstSource, lastSource, first, last) = (UInt128.MaxValue, UInt128.Zero, UInt128.MaxValue, UInt128.Zero);
        foreach (var sources in root.InOrder().Select(static span => span.Inner).Distinct(ReferenceEqualityComparer.Instance).Cast<SourceLayer>())
        {
            if (sources.Count > MostLookedAt)
                return None;
            (firstSource, lastSource) = (UInt128.Min(firstSource, sources.Low), UInt128.Max(lastSource, sources.High));
            foreach (var span in sources.InOrder())
                (first, last) = (UInt128.Min(first, span.Inner.Low), UInt128.Max(last, span.Inner.High));
        }
        return new Bounds(firstSource, lastSource, first, last);
    }

    /// <summary>The bounds of what is within either.</summary>
    internal Bounds And(in Bounds other) => new(
        UInt128.Min(FirstSource, other.FirstSource), UInt128.Max(LastSource, other.LastSource), UInt128.Min(FirstProtocol, other.FirstProtocol), UInt128.Max(LastProtocol, other.LastProtocol));

    /// <summary>Whether some source is certainly outside them.</summary>
    internal static bool NamesSources(in Bounds bounds) => bounds.FirstSource > UInt128.Zero || bounds.LastSource < Layers.LastAddress(Addresses.Family.IPv4);

    internal bool Misses(in Bounds other) =>
        LastSource < other.FirstSource || FirstSource > other.LastSource || LastProtocol < other.FirstProtocol || FirstProtocol > other.LastProtocol;
}
