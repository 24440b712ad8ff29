using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace DockerNetHarden.Lab.Demo;

/// <summary>What containers reach on an untouched Docker host, and on the same host once it is hardened: with real packets, before and after.</summary>
internal sealed partial class LabDemo(IHardener hardener, TextWriter output, Style style)
{
    private const int ShownLength = 118;

    /// <summary>Runs the demo; true if every check did what hardening promises.</summary>
    public async Task<bool> RunAsync(LabBackend backend, CancellationToken stop)
    {
        var clock = Stopwatch.StartNew();
        var kept = await HardenAsync(backend, stop).ConfigureAwait(false);
        await SayAsync("\n" + (kept ? style.Good("Every check came to what hardening promises.") : style.Bad("Not every check came to what hardening promises: see the lines marked '!'."))
            + style.Quiet(string.Create(CultureInfo.InvariantCulture, $" {clock.Elapsed.TotalSeconds:0.0} s in all; the host is gone again."))).ConfigureAwait(false);
        return kept;
    }

    private async Task<bool> HardenAsync(LabBackend backend, CancellationToken stop)
    {
        await SayAsync(style.Heading("A Docker host, as it comes")).ConfigureAwait(false);
        var lab = await LabHost.RaiseAsync(new LabOptions { Backend = backend }, stop).ConfigureAwait(false);
        await using (lab.ConfigureAwait(false))
        {
            await SayAsync(style.Quiet(string.Create(CultureInfo.InvariantCulture,
                $"raised in {lab.RaisedIn.TotalSeconds:0.0} s: dockerd, three containers on two networks, a cloud's metadata and the world outside, all in network namespaces"))).ConfigureAwait(false);
            var checks = DemoCheck.For(lab, await lab.ContainerAsync("c0", stop).ConfigureAwait(false));
            var before = await AskAllAsync(lab, checks, stop).ConfigureAwait(false);
            await ShowAsync(checks, before, null).ConfigureAwait(false);

            await SayAsync("\n" + style.Heading("Hardening it") + "\n" + hardener.Description).ConfigureAwait(false);
            var said = await hardener.HardenAsync(lab, stop).ConfigureAwait(false);
            if (said.Length > 0)
                await SayAsync(style.Quiet(said)).ConfigureAwait(false);

            await SayAsync("\n" + style.Heading("The same host, hardened")).ConfigureAwait(false);
            var after = await AskAllAsync(lab, checks, stop).ConfigureAwait(false);
            await ShowAsync(checks, before, after).ConfigureAwait(false);

            await SayAsync("\n" + style.Heading("The rules in place, and the packets that they met")).ConfigureAwait(false);
            await ShowRulesAsync(lab, stop).ConfigureAwait(false);

            return checks.Zip(after).All(pair => pair.First.IsAsPromised(pair.Second)) & await new LabReboot(hardener, output, style).RunAsync(lab, stop).ConfigureAwait(false);
        }
    }

    private static async Task<IReadOnlyList<DemoResult>> AskAllAsync(LabHost lab, IReadOnlyList<DemoCheck> checks, CancellationToken stop)
    {
        var results = new DemoResult[checks.Count];
        for (var i = 0; i < checks.Count; i++)
            results[i] = await checks[i].RunAsync(lab, stop).ConfigureAwait(false);
        return results;
    }

    private async Task ShowAsync(IReadOnlyList<DemoCheck> checks, IReadOnlyList<DemoResult> before, IReadOnlyList<DemoResult>? after)
    {
        var what = checks.Max(check => check.What.Length);
        var where = checks.Max(check => Where(check).Length);
        await SayAsync(style.Quiet($"  {"a container asks".PadRight(what)}  {"at".PadRight(where)}  {(after is null ? "and gets" : "before       after")}")).ConfigureAwait(false);
        for (var i = 0; i < checks.Count; i++)
        {
            var (check, first) = (checks[i], before[i]);
            // Red marks what should not be: reached before, or not as promised after.
            var wrong = check.Hardened != Expectation.Open && first.Open > 0;
            var text = wrong ? style.Bad(first.Text.PadRight(11)) : style.Good(first.Text.PadRight(11));
            var mark = ' ';
            if (after is not null)
            {
                var good = check.IsAsPromised(after[i]);
                mark = good ? ' ' : '!';
                text += "  " + (good ? style.Good(after[i].Text) : style.Bad(after[i].Text));
            }
            await SayAsync($"{mark} {check.What.PadRight(what)}  {Where(check).PadRight(where)}  {text}").ConfigureAwait(false);
        }
    }

    private static string Where(DemoCheck check) => string.Create(CultureInfo.InvariantCulture,
        $"{(check.To.Contains(':', StringComparison.Ordinal) ? $"[{check.To}]" : check.To)}:{check.Port}");

    // From iptables-save -c, both families: "[packets:bytes] -A CHAIN ...". Ours are in chains DNH-*, or jump to one.
    private async Task ShowRulesAsync(LabHost lab, CancellationToken stop)
    {
        foreach (var program in (string[])[lab.Iptables, lab.Iptables.Replace("iptables", "ip6tables", StringComparison.Ordinal)])
        {
            var saved = (await lab.ExecAsync([program + "-save", "-c"], stop: stop).ConfigureAwait(false)).OrThrow();
            var ours = saved.Split('\n').Where(line => line.StartsWith('[') && line.Contains(" DNH-", StringComparison.Ordinal)).ToList();
            if (ours.Count == 0)
                continue;
            await SayAsync(style.Quiet($"{program}: packets, rule")).ConfigureAwait(false);
            foreach (var line in ours)
            {
                var packets = line[1..line.IndexOf(':', StringComparison.Ordinal)];
                // The mark in the comment is left out: the chain's name already tells whose rule it is, and the target would not fit.
                var rule = Mark().Replace(line[(line.IndexOf(']', StringComparison.Ordinal) + 2)..], "");
                var shown = $"{packets,7}  {(rule.Length > ShownLength ? rule[..(ShownLength - 3)] + "..." : rule)}";
                await SayAsync(packets == "0" ? style.Quiet(shown) : shown).ConfigureAwait(false);
            }
        }
    }

    [GeneratedRegex(" -m comment --comment (\"[^\"]*\"|[^ ]+)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Mark();

    private Task SayAsync(string line) => output.WriteLineAsync(line);
}

/// <summary>Colours if the terminal has them (and NO_COLOR is unset, https://no-color.org), otherwise plain text.</summary>
internal sealed class Style(bool colours)
{
    public static Style Detect() => new(
        !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"))
        && Environment.GetEnvironmentVariable("TERM") is { Length: > 0 } and not "dumb");

    public string Heading(string text) => Paint("1", text);

    public string Good(string text) => Paint("32", text);

    public string Bad(string text) => Paint("31", text);

    public string Quiet(string text) => Paint("2", text);

    private string Paint(string code, string text) => colours ? $"\e[{code}m{text}\e[0m" : text;
}
