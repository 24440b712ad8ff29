using DockerNetHarden.Matching;

namespace DockerNetHarden.Walking;

/// <summary>Why packets meet their end, each in one sentence without its full stop.</summary>
internal static class Reasons
{
    internal static string Accepted(Place place, string? remark) =>
        remark is null ? place.Sentence(Verdict.Accept) : $"{place.Sentence(Verdict.Accept)}; {remark}";

    internal static string NoRule(PacketPath path) => path switch
    {
        PacketPath.Local => "no chain of the filter table is asked about packets to the host itself",
        PacketPath.Forward => "no chain of the filter table is asked about forwarded packets",
        _ => "no rule is asked about these packets",
    };

    internal static string Blocked(Verdict verdict, Place? place, string? why, Pending? pending)
    {
        var sentence = place is null ? why ?? "" : why is null ? place.Sentence(verdict) : $"{place.Sentence(Verdict.Reject)}, {why}";
        return pending?.Block is { } before ? $"{sentence}, if not already blocked by {before}" : sentence;
    }

    internal static string Limited(Pending pending) =>
        $"let through up to the rate of {pending.Cause.Place}, above it blocked by {pending.Block?.ToString() ?? "a later rule"}";

    internal static string NotKnown(Pending pending) => pending.Cause.Place is null
        ? $"{pending.Cause.Why}{(pending.Block is null ? "" : $": whether {pending.Block} decides is not known")}"
        : $"whether {pending.Cause.Place} matches is not known: {pending.Cause.Why}";

    internal static string NotModelled(Place? place, string? why) => place is null ? why ?? "" : $"{place} decides, and what it does is not known: {why}";

    internal static string Rerouted(Cause cause) => cause.Place is null ? cause.Why : $"where the packets go after {cause.Place} is not known: {cause.Why}";
}
