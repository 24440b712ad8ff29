namespace DockerNetHarden.Benchmarks.Tests;

public sealed class OptionsTests
{
    private static readonly string[] Parts = ["rules", "fleet"];

    [Fact]
    public void Without_a_part_everything_is_measured_and_the_page_is_made()
    {
        var options = BenchOptions.Parse([], Parts);
        Assert.Equal(Parts, options.Parts);
        Assert.True(options is { Page: true, Rounds: 9, Quick: false });
    }

    [Fact]
    public void The_page_alone_measures_nothing() => Assert.Empty(BenchOptions.Parse(["page"], Parts).Parts);

    [Fact]
    public void A_part_alone_makes_no_page()
    {
        var options = BenchOptions.Parse(["fleet", "--rounds", "3", "--quick"], Parts);
        Assert.Equal(["fleet"], options.Parts);
        Assert.True(options is { Page: false, Rounds: 3, Quick: true });
    }

    [Theory]
    [InlineData("flet")]
    [InlineData("--rounds")]
    [InlineData("--rounds", "0")]
    public void What_is_not_known_is_refused(params string[] arguments) => Assert.Throws<ArgumentException>(() => BenchOptions.Parse(arguments, Parts));
}
