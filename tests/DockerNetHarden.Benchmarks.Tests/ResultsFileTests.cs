namespace DockerNetHarden.Benchmarks.Tests;

public sealed class ResultsFileTests
{
    [Fact]
    public void What_is_written_is_read_again()
    {
        var results = Example.Results(Example.At("rules.met", "a", 50, 1, 2.5, 3), Example.Of("prompt.audit", "b", 4) with { Note = "[1, 2]" });
        var read = ResultsFile.Parse(results.ToString());
        Assert.Equal(results.ToString(), read.ToString());
        Assert.Equal([1, 2.5, 3], read.Of("rules.met", "a")[0].Values);
        Assert.Equal("[1, 2]", read.Series("prompt.audit")[0].Note);
    }

    [Fact]
    public void The_values_of_a_measurement_are_on_one_line() =>
        Assert.Contains("[1, 2.5, 3]", Example.Results(Example.At("rules.met", "a", 50, 1, 2.5, 3)).ToString(), StringComparison.Ordinal);

    [Fact]
    public void A_part_that_is_run_again_takes_its_place()
    {
        var first = Example.Results(Example.Of("prompt.audit", "a", 1), Example.Of("peers", "b", 1));
        var again = first.With(first.Runs.First(run => run.Part == "prompt") with { Measurements = [Example.Of("prompt.audit", "a", 2)] });
        Assert.Equal([2], Assert.Single(again.Series("prompt.audit")).Values);
        Assert.Single(again.Series("peers"));
    }

    [Fact]
    public void A_measurement_without_values_is_none()
    {
        var run = new Run(9, quick: false);
        run.Add(Example.Of("peers", "a"));
        Assert.Empty(run.Measurements);
    }
}
