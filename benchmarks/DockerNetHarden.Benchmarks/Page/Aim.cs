namespace DockerNetHarden.Benchmarks;

/// <summary>Something that was promised, and how it follows from the results.</summary>
/// <param name="Id">Its id in reasons.json; it never changes.</param>
/// <param name="Text">What is to hold.</param>
/// <param name="Limit">The number that it must not pass.</param>
/// <param name="Unit">What stands behind the numbers: empty for ratios and exponents, else ms, MB or rules.</param>
/// <param name="Value">The measured number; NaN if it was not measured.</param>
internal sealed record Aim(string Id, string Text, double Limit, string Unit, Func<ResultsFile, double> Value)
{
    /// <summary>Whether more is better.</summary>
    public bool AtLeast { get; init; }

    /// <summary>Met, by how much it was missed, or that it was not measured.</summary>
    public string Verdict(ResultsFile results)
    {
        var value = Value(results);
        if (double.IsNaN(value))
            return "not measured";
        var missing = AtLeast ? Limit - value : value - Limit;
        return missing <= 0 ? "met" : Limit == 0 ? $"missed by {WithUnit(missing)}" : $"missed by {WithUnit(missing)} ({100 * missing / Limit:0} %)";
    }

    public string Measured(ResultsFile results) => Value(results) is var value && double.IsNaN(value) ? "" : WithUnit(value);

    public string Promise => $"{(AtLeast ? "at least" : "at most")} {WithUnit(Limit)}";

    private string WithUnit(double value) => Statistics.Text(value, counted: Unit.Length > 0) + (Unit.Length > 0 ? " " + Unit : "");
}
