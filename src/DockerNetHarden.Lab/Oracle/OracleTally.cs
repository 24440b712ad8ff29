using DockerNetHarden.Matching;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>What the compared packets met: a run in which nothing was ever rejected would prove nothing about rejections.</summary>
internal sealed class OracleTally
{
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, long> Counts => _counts;

    public void Count(AccessPart part)
    {
        Add(part.Verdict.ToString());
        if (part.Verdict == Verdict.Accept)
            Add("Accept " + part.Path);
        if (part.NewDestination is not null)
            Add("translated");
        if (part.Table is { } table)
            Add("by " + table);
    }

    private void Add(string what) => _counts[what] = _counts.GetValueOrDefault(what) + 1;
}
