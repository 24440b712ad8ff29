using System.Globalization;
using DockerNetHarden.Analysis;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>What the compared packets met: a run in which nothing was ever rejected would prove nothing about rejections.</summary>
internal sealed class OracleTally
{
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

    public long this[string what] => _counts.GetValueOrDefault(what);

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

    public override string ToString() => string.Join(", ", _counts.Select(static count => string.Create(CultureInfo.InvariantCulture, $"{count.Key} {count.Value}")));

    private void Add(string what) => _counts[what] = this[what] + 1;
}
