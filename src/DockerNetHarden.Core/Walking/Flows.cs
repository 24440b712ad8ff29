using DockerNetHarden.Matching;

namespace DockerNetHarden.Walking;

/// <summary>Flows with the same state become one: packets that jumped into a chain and came back join those that did not.</summary>
internal static class Flows
{
    /// <summary>Beyond this many histories their differences are given up, which is sound.</summary>
    internal const int MostHistories = 64;

    // Comparing so few states is faster than hashing them.
    private const int FewHistories = 4;

    private static readonly Cause s_many = new(null, "more rules on the way than can be told apart are not modelled");

    /// <summary>The flows, each state once and where it came first.</summary>
    /// <param name="flows">The flows.</param>
    /// <param name="areTooMany">Whether the differences of their histories are given up.</param>
    internal static List<Flow> Merge(List<Flow> flows, bool areTooMany)
    {
        var merged = new List<Flow>(flows.Count);
        var places = flows.Count > FewHistories ? new Dictionary<FlowState, int>() : null;
        foreach (var flow in flows)
        {
            var state = areTooMany ? WithoutHistory(flow.State) : flow.State;
            var place = places is null ? merged.FindIndex(each => each.State == state) : places.GetValueOrDefault(state, -1);
            if (place < 0)
            {
                places?.Add(state, merged.Count);
                merged.Add(flow with { State = state });
            }
            else if (flow.State.OutLinks is { } links && place < merged.Count - 1)
                return MergeByLinks(flows, links);
            else
                merged[place] = Both(merged[place], flow);
        }
        return merged;
    }

    // Packets that leave by several links are to meet what follows in the order in which those of each link would by themselves: the first flow of a state may have none of a link.
    private static List<Flow> MergeByLinks(List<Flow> flows, OutLinks links)
    {
        var merged = new List<Flow>(flows.Count);
        foreach (var flow in flows)
        {
            var rest = flow.Packets;
            var last = -1;
            for (var place = 0; place < merged.Count && !rest.IsEmpty; place++)
            {
                if (merged[place].State != flow.State)
                    continue;
                last = place;
                var same = rest.Intersect(links.OfLinksOf(merged[place].Packets));
                if (same.IsEmpty)
                    continue;
                merged[place] = Both(merged[place], flow with { Packets = same });
                rest = rest.Subtract(same);
            }
            if (rest.IsEmpty)
                continue;
            var ofLinks = links.OfLinksOf(rest);
            if (last >= 0 && merged.Skip(last + 1).All(other => other.Packets.Intersect(ofLinks).IsEmpty))
                merged[last] = Both(merged[last], flow with { Packets = rest });
            else
                merged.Add(flow with { Packets = rest });
        }
        return merged;
    }

    private static Flow Both(Flow there, Flow flow) => there with { Packets = there.Packets.Union(flow.Packets), Trail = Trail.Longer(there.Trail, flow.Trail) };

    private static FlowState WithoutHistory(FlowState state) => state.Pending is null
        ? state
        : state with { Pending = state.Pending with { Cause = s_many, Block = null, When = Chance.NotKnown } };
}
