namespace DockerNetHarden.Benchmarks.Tests;

public sealed class PageTests
{
    private static readonly IReadOnlyDictionary<string, string> NoReasons = new Dictionary<string, string>(StringComparer.Ordinal);

    private static string Page(ResultsFile results, IReadOnlyDictionary<string, string>? reasons = null) =>
        PageText.Of(results, reasons ?? NoReasons, "benchmarks", [.. Plots.Of(results).Keys]);

    private static Aim Aim(string id) => Aims.All.Single(aim => aim.Id == id);

    [Fact]
    public void Every_aim_has_an_id_of_its_own() => Assert.Equal(Aims.All.Count, Aims.All.Select(static aim => aim.Id).Distinct(StringComparer.Ordinal).Count());

    [Fact]
    public void Every_aim_that_was_not_measured_says_so() => Assert.All(Aims.All, static aim => Assert.Equal("not measured", aim.Verdict(Example.Results())));

    [Theory]
    [InlineData(0.94, "missed by 0.01 (1 %)")]
    [InlineData(0.95, "met")]
    [InlineData(1.1, "met")]
    public void Throughput_is_to_be_at_least_its_limit(double share, string verdict) =>
        Assert.Equal(verdict, Aim("throughput-udp-out-nft").Verdict(Example.Results(Example.Of("throughput.udp.out.nft", "without rules", 100), Example.Of("throughput.udp.out.nft", "four controls", 100 * share))));

    [Fact]
    public void The_ipset_is_the_third_of_its_series()
    {
        var results = Example.Results(Example.Of("throughput.tcp.out.legacy", "without rules", 100), Example.Of("throughput.tcp.out.legacy", "four controls", 96), Example.Of("throughput.tcp.out.legacy", "and an ipset", 50));
        Assert.Equal("met", Aim("throughput-tcp-out-legacy").Verdict(results));
        Assert.Equal("missed by 0.45 (47 %)", Aim("throughput-tcp-out-legacy-ipset").Verdict(results));
    }

    [Theory]
    [InlineData("import", "prompt.import")]
    [InlineData("trace", "prompt.analysis")]
    [InlineData("fleet-unchanged", "fleet")]
    public void An_aim_reads_its_own_series(string id, string series)
    {
        var results = Example.Results(Example.Of(series, "floor", 100), Example.Of(series, "one", 1000), Example.Of(series, "two", 1000));
        Assert.StartsWith("missed", Aim(id).Verdict(results), StringComparison.Ordinal);
        Assert.Equal("met", Aim(id).Verdict(Example.Results(Example.Of(series, "floor", 100), Example.Of(series, "one", 101), Example.Of(series, "two", 101))));
    }

    [Fact]
    public void Rules_are_counted_at_their_worst_size_and_without_Dockers()
    {
        var results = Example.Results(
            Example.At("rules.met", "of a connection that stands", 1, 12), Example.At("rules.met", "of a connection that stands", 200, 15), Example.At("rules.met", "Docker's, of a connection that stands", 200, 300),
            Example.At("rules.total", "rules of ours", 1, 50), Example.At("rules.total", "rules of ours", 200, 900));
        Assert.Equal(15, Aim("rules-met").Value(results));
        Assert.Equal(3, Aim("rules-met-growth").Value(results));
        Assert.Equal("missed by 3 rules", Aim("rules-met-growth").Verdict(results));
        Assert.Equal(100, Aim("rules-total").Value(results));
    }

    [Fact]
    public void The_page_says_why_an_aim_is_missed_and_which_reason_is_lacking()
    {
        var results = Example.Results(Example.Of("prompt.audit", "audit", 300), Example.Of("prompt.import", "empty", 1), Example.Of("prompt.import", "ours", 100));
        var page = Page(results, new Dictionary<string, string>(StringComparer.Ordinal) { ["audit"] = "Because." });
        Assert.Contains("| Audit of 5,000 rules and 50 networks | at most 200 ms | 300 ms | missed by 100 ms (50 %) |", page, StringComparison.Ordinal);
        Assert.Contains("- Audit of 5,000 rules and 50 networks: Because.", page, StringComparison.Ordinal);
        Assert.Contains("no reason is written down (`import` in benchmarks/reasons.json)", page, StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_says_on_what_it_was_measured()
    {
        var page = Page(Example.Results());
        Assert.Contains("commit abc1234, A <processor>, 2 cores, 24 GB, kernel 6.1.0, 9 rounds", page, StringComparison.Ordinal);
        Assert.Contains("Docker version 20.10.24", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_quick_run_says_that_it_proves_nothing()
    {
        var results = Example.Results();
        Assert.DoesNotContain("--quick", Page(results), StringComparison.Ordinal);
        Assert.Contains("--quick", Page(new ResultsFile([results.Runs[0] with { Quick = true }])), StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_has_every_size_and_its_floor_and_the_slope_is_stated()
    {
        var page = Page(Example.Results(
            Example.At("sweep.apply.hosts", "ssh host true", 1, 10, 20, 30), Example.At("sweep.apply.hosts", "unchanged", 1, 11, 22, 33), Example.At("sweep.apply.hosts", "ssh host true", 10, 100), Example.At("sweep.apply.hosts", "unchanged", 10, 300)));
        Assert.Contains("| unchanged | 1 | 22.0 | 11.0 | 33.0 | 3 | 1.10 | 2.00 |", page, StringComparison.Ordinal);
        Assert.Contains("| unchanged | 10 | 300 | 300 | 300 | 1 | 3.00 | 200 |", page, StringComparison.Ordinal);
        Assert.Contains("unchanged 1.13", page, StringComparison.Ordinal);
        Assert.Contains("(benchmarks/apply-hosts.svg)", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_and_plots_are_written_from_the_folder_alone_and_old_plots_go()
    {
        var root = Directory.CreateTempSubdirectory("dnh-page");
        try
        {
            var folder = Path.Combine(root.FullName, "benchmarks");
            Example.Results(Example.At("rules.met", "of a connection that stands", 1, 12), Example.At("rules.met", "of a connection that stands", 200, 12)).Write(folder);
            File.WriteAllText(Path.Combine(folder, "old.svg"), "");
            File.WriteAllText(Path.Combine(folder, "reasons.json"), """{ "audit": "Because." }""");
            PageFiles.Write(folder);
            Assert.StartsWith("# Benchmarks", File.ReadAllText(Path.Combine(root.FullName, "benchmarks.md")), StringComparison.Ordinal);
            Assert.Equal(["rules-met.svg"], Directory.GetFiles(folder, "*.svg").Select(Path.GetFileName));
            Assert.True(File.Exists(Path.Combine(folder, "reasons.json")));
            File.WriteAllText(Path.Combine(folder, "reasons.json"), """{ "adit": "Because." }""");
            Assert.Contains("adit", Assert.Throws<FormatException>(() => PageFiles.Write(folder)).Message, StringComparison.Ordinal);
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }
}
