using System.Globalization;
using System.Text;

namespace DockerNetHarden.Benchmarks;

/// <summary>The text of docs/benchmarks.md.</summary>
internal sealed class PageText
{
    private readonly ResultsFile results;
    private readonly IReadOnlyDictionary<string, string> reasons;
    private readonly string folder;
    private readonly IReadOnlyList<string> plots;
    private readonly StringBuilder text = new();

    private PageText(ResultsFile results, IReadOnlyDictionary<string, string> reasons, string folder, IReadOnlyList<string> plots) =>
        (this.results, this.reasons, this.folder, this.plots) = (results, reasons, folder, plots);

    /// <param name="results">What was measured.</param>
    /// <param name="reasons">Why an aim is missed, by its id.</param>
    /// <param name="folder">Where plots and raw results are, seen from the page.</param>
    /// <param name="plots">The names of the plots that there are.</param>
    public static string Of(ResultsFile results, IReadOnlyDictionary<string, string> reasons, string folder, IReadOnlyList<string> plots)
    {
        var page = new PageText(results, reasons, folder, plots);
        page.Head();
        page.WriteAims();
        foreach (var section in Sections.All)
            page.Write(section);
        return page.text.ToString();
    }

    private void Head()
    {
        Line($"""
            # Benchmarks

            What hardening costs: for packets, in the kernel, and for who applies, traces and audits. Everything that is compared was measured in turn, in one run, on one machine. The ratios and differences say something about other machines; the times and rates do not.
            `dnh-bench page` makes this page of [the raw results]({folder}/results.json), which have every single value. [How to measure](../benchmarks/README.md).

            """);
        if (results.Runs.Any(static run => run.Quick))
            Plain("**Some parts were measured with `--quick`, which only shows that the program works. Their numbers mean nothing.**\n");
        // One row for each machine and state of the sources; usually there is one.
        foreach (var runs in results.Runs.GroupBy(static run => (run.Machine.Processor, run.Machine.Cores, run.Machine.MemoryGigabytes, run.Machine.Kernel, run.Commit)))
        {
            var machine = runs.First().Machine;
            var rounds = runs.Select(static run => run.Rounds).Distinct().ToList();
            Line($"- {string.Join(", ", runs.Select(static run => run.Part))}: {runs.Max(static run => run.Date):yyyy-MM-dd}, commit {runs.Key.Commit}, {machine.Processor}, {machine.Cores} cores, {machine.MemoryGigabytes} GB, kernel {machine.Kernel}, {string.Join(" or ", rounds)} rounds, {runs.Sum(static run => run.Seconds) / 60:0} minutes. {string.Join("; ", machine.Versions.Select(static pair => pair.Value.StartsWith(pair.Key, StringComparison.OrdinalIgnoreCase) ? pair.Value : $"{pair.Key} {pair.Value}"))}.");
        }
        Plain("");
    }

    private void WriteAims()
    {
        Plain("""
            ## Aims

            A ratio or a difference is the median over pairs that were measured one after the other. The floor of each is in its section below.

            | Aim | Promised | Measured | |
            |---|---|---:|---|
            """);
        foreach (var aim in Aims.All)
            Line($"| {aim.Text} | {aim.Promise} | {aim.Measured(results)} | {aim.Verdict(results)} |");
        var missed = Aims.All.Where(aim => aim.Verdict(results).StartsWith("missed", StringComparison.Ordinal)).ToList();
        Line($"\n{Aims.All.Count(aim => aim.Verdict(results) == "met")} of {Aims.All.Count} aims are met, {missed.Count} are missed.\n");
        if (missed.Count == 0)
            return;
        Plain("### Why aims are missed\n");
        foreach (var aim in missed)
            Line($"- {aim.Text}: {(reasons.TryGetValue(aim.Id, out var reason) ? reason : $"no reason is written down (`{aim.Id}` in {folder}/reasons.json).")}");
        Plain("");
    }

    private void Write(PageSection section)
    {
        if (results.Runs.All(run => run.Part != section.Part))
            return;
        Line($"## {section.Title}\n\n{section.Text.Trim()}\n");
        if (section.Part == Plots.Throughput && plots.Contains(Plots.Throughput, StringComparer.Ordinal))
            Plain(Image(Plots.Throughput, "Throughput with rules, as a share of that without"));
        foreach (var table in section.Tables)
            Write(table);
    }

    private void Write(PageTable table)
    {
        var all = results.Series(table.Series);
        if (all.Count == 0)
            return;
        if (table.Plot is { } plot && plots.Contains(plot, StringComparer.Ordinal))
            Plain(Image(plot, table.Title));
        var (sizes, unit) = (table.Sizes.Length > 0, all[0].Unit);
        Line($"| {table.Caption}, {unit} |{(sizes ? $" {table.Sizes} |" : "")} median | lowest | highest | values |{(table.HasFloor ? " ratio | over |" : "")}\n|---|{(sizes ? "---:|" : "")}---:|---:|---:|---:|{(table.HasFloor ? "---:|---:|" : "")}");
        foreach (var line in all.GroupBy(static each => each.Name, StringComparer.Ordinal))
        {
            foreach (var each in line.OrderBy(static each => each.X))
            {
                var floor = all.First(other => other.X == each.X);
                // Of the peers, Ansible has fewer rounds; a pair needs both.
                var compared = ReferenceEquals(floor, each) || floor.Values.Count != each.Values.Count ? (Statistics.Median(each.Values) / Statistics.Median(floor.Values), Statistics.Median(each.Values) - Statistics.Median(floor.Values)) : (Statistics.Ratio(each, floor), Statistics.Over(each, floor));
                Line($"| {each.Name} |{(sizes ? $" {each.X:0} |" : "")} {Number(Statistics.Median(each.Values))} | {Number(each.Values.Min())} | {Number(each.Values.Max())} | {each.Values.Count} |{(table.HasFloor ? $" {compared.Item1:0.00} | {Statistics.Text(compared.Item2)} |" : "")}");
            }
        }
        var slopes = sizes ? all.GroupBy(static each => each.Name, StringComparer.Ordinal).Select(static line => (line.Key, Slope: Statistics.Slope([.. line]))).Where(static each => !double.IsNaN(each.Slope)).ToList() : [];
        Plain("");
        string Number(double value) => Statistics.Text(value, counted: unit is "rules");
        if (slopes.Count > 0)
            Line($"Slopes on logarithmic scales (0 is constant, 1 is linear): {string.Join("; ", slopes.Select(static each => string.Create(CultureInfo.InvariantCulture, $"{each.Key} {each.Slope:0.00}")))}.\n");
    }

    private string Image(string plot, string title) => $"![{title}]({folder}/{plot}.svg)\n";

    private void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private void Plain(string line) => text.Append(line).Append('\n');
}
