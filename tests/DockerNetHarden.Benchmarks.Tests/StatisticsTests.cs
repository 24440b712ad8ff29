namespace DockerNetHarden.Benchmarks.Tests;

public sealed class StatisticsTests
{
    [Theory]
    [InlineData(new double[] { 3, 1, 2 }, 2)]
    [InlineData(new double[] { 4, 1, 2, 3 }, 2.5)]
    [InlineData(new double[] { 7 }, 7)]
    public void The_median_is_the_middle(double[] values, double expected) => Assert.Equal(expected, Statistics.Median(values));

    // The machine became twice as slow after the first round: medians of each would give 150/100, pairs show that nothing changed.
    [Fact]
    public void A_ratio_compares_what_was_measured_together()
    {
        var floor = Example.Of("s", "floor", 100, 200, 100);
        var value = Example.Of("s", "value", 90, 180, 150);
        Assert.Equal(0.9, Statistics.Ratio(value, floor), 9);
        Assert.Equal(-10, Statistics.Over(value, floor), 9);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void The_slope_is_the_power(double power) =>
        Assert.Equal(power, Statistics.Slope([.. ((double[])[2, 20, 200]).Select(x => Example.At("s", "n", x, 5 * Math.Pow(x, power)))]), 9);

    [Fact]
    public void One_size_has_no_slope() => Assert.True(double.IsNaN(Statistics.Slope([Example.At("s", "n", 5, 1), Example.At("s", "n", 5, 2)])));
}
