using System.Management.Automation;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;

namespace DockerNetHarden.Commands;

/// <summary>
/// The matrix of networks and destinations: one trace for each network, about what is most open, with a property for each destination that is named like it. A script that asks traces for their verdict may
/// ask these too.
/// </summary>
internal static class AccessMatrix
{
    /// <summary>Its rows, by the names of networks.</summary>
    public static IEnumerable<PSObject> Of(IEnumerable<Traced> traced, IReadOnlyList<string> targets)
    {
        foreach (var network in traced.Select(row => row.Trace).GroupBy(trace => trace.Network, StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            var answers = network.ToList();
            // Exceptions are meant, and what nobody serves is nowhere: neither is what is most open.
            var worst = answers.Find(answer => answer.State is not (AccessState.Exception or AccessState.NotServed)) ?? answers[0];
            var row = new PSObject(worst with { Target = string.Join(", ", targets), Parts = answers });
            foreach (var target in targets)
                row.Properties.Add(new PSNoteProperty(NameOf(target), Cell([.. answers.Where(answer => string.Equals(answer.Target, target, StringComparison.Ordinal))])), preValidated: true);
            row.Members.Add(new PSMemberSet("PSStandardMembers", [new PSPropertySet("DefaultDisplayPropertySet", [nameof(AccessTrace.HostName), nameof(AccessTrace.Network), .. targets.Select(NameOf)])]));
            // The three words have a table of their own; others are shown by the properties that were just named.
            row.TypeNames.Clear();
            row.TypeNames.Add(typeof(AccessTrace).FullName + (targets.SequenceEqual(AccessTargets.Words, StringComparer.OrdinalIgnoreCase) ? "#Words" : "#Matrix"));
            yield return row;
        }
    }

    // A network without packets to a destination has no answer.
    private static string Cell(IReadOnlyList<AccessTrace> answers)
    {
        if (answers.Count == 0)
            return "-";
        var isClosed = answers.Any(answer => answer.State == AccessState.Closed);
        return answers[0].State switch
        {
            AccessState.Open => isClosed ? "PARTLY OPEN" : "OPEN",
            AccessState.Unknown => isClosed ? "partly unknown" : "unknown",
            AccessState.RateLimited => "limited",
            AccessState.Exception => isClosed ? "closed, exceptions" : "exception",
            AccessState.NotServed => isClosed ? "closed" : "not served",
            _ => "closed",
        };
    }

    // A destination may be called like a property that is there.
    private static string NameOf(string target) => typeof(AccessTrace).GetProperty(target) is null ? target : "To " + target;
}
