using System.Diagnostics;
using System.Globalization;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>The settings of a run.</summary>
/// <param name="Seed">The start of the chance: the same seed gives the same rulesets and packets.</param>
/// <param name="Pairs">The smallest number of pairs of a ruleset and a packet to try.</param>
/// <param name="Foreign">Whether rules contain matches that the walk does not model; only then may it answer Unknown.</param>
public sealed record OracleOptions(int Seed, long Pairs, bool Foreign = false)
{
    /// <summary>The packets that one ruleset is asked about.</summary>
    public int PacketsPerRuleset { get; init; } = 300;

    /// <summary>How many disagreements are investigated before the run ends.</summary>
    public int MostDisagreements { get; init; } = 1;
}

/// <summary>How a run ended.</summary>
/// <param name="Pairs">The pairs that were compared.</param>
/// <param name="Rulesets">The rulesets that were loaded.</param>
/// <param name="Repeated">Batches that were sent again because kernel and walk differed, and then agreed.</param>
/// <param name="Elapsed">The time.</param>
/// <param name="Tally">What the packets met, and how often: verdicts, ways, deciding tables.</param>
/// <param name="Disagreements">For each disagreement the smallest ruleset and packet, and what each side says.</param>
public sealed record OracleReport(long Pairs, int Rulesets, int Repeated, TimeSpan Elapsed, IReadOnlyDictionary<string, long> Tally, IReadOnlyList<string> Disagreements)
{
    /// <summary>The run as text.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Pairs} pairs, {Rulesets} rulesets, {Elapsed.TotalSeconds:0.0} s ({Elapsed.TotalMilliseconds * 1000 / Pairs:0.0} ms for a thousand pairs), {Repeated} repeated; {string.Join(", ", Tally.Select(static count => $"{count.Key} {count.Value}"))}\n{(Disagreements.Count == 0 ? "No disagreement." : string.Join("\n\n", Disagreements))}");
}

/// <summary>Asks the kernel whether the walk is right: random rulesets, random packets, and what happened to them.</summary>
public sealed class KernelOracle : IAsyncDisposable
{
    private readonly OracleRouter _router;
    private readonly OracleSnapshot _snapshot;
    private readonly Observer _observer;

    private KernelOracle(OracleRouter router, HostSnapshot bare)
    {
        _router = router;
        _snapshot = new OracleSnapshot(router, bare);
        _observer = new Observer(router);
    }

    /// <summary>Why the kernel cannot be asked here; null if it can.</summary>
    public static string? WhyUnavailable() => OracleRouter.WhyUnavailable();

    /// <summary>Makes the namespaces.</summary>
    public static async Task<KernelOracle> RaiseAsync(CancellationToken stop)
    {
        var router = await OracleRouter.RaiseAsync(stop).ConfigureAwait(false);
        try
        {
            return new KernelOracle(router, await OracleSnapshot.ReadBareAsync(router, stop).ConfigureAwait(false));
        }
        catch
        {
            await router.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Runs until all pairs are compared or there are enough disagreements.</summary>
    /// <param name="options">What to run.</param>
    /// <param name="progress">Told of the pairs so far, after each ruleset.</param>
    /// <param name="stop">Stops between two rulesets.</param>
    public async Task<OracleReport> RunAsync(OracleOptions options, IProgress<long>? progress, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(options);
        var dice = new Dice(options.Seed);
        var tally = new OracleTally();
        var clock = Stopwatch.StartNew();
        long pairs = 0;
        int rulesets = 0, repeated = 0;
        var disagreements = new List<string>();
        while (pairs < options.Pairs && disagreements.Count < options.MostDisagreements)
        {
            var (rulesSeed, packetsSeed) = (dice.Seed(), dice.Seed());
            var rules = RulesetGenerator.Take(rulesSeed, options.Foreign);
            var packets = PacketGenerator.Take(packetsSeed, rules.Family, options.PacketsPerRuleset);
            var differences = await CompareAsync(rules, packets, options.Foreign, tally, stop).ConfigureAwait(false);
            rulesets++;
            pairs += packets.Count;
            if (differences.Count > 0)
            {
                // What happens only once is about this machine's load, not about rules.
                differences = await CompareAsync(rules, packets, options.Foreign, null, stop).ConfigureAwait(false);
                if (differences.Count == 0)
                    repeated++;
                else
                {
                    var smallest = await SmallestAsync(rules, packets, differences, options.Foreign, stop).ConfigureAwait(false);
                    disagreements.Add(string.Create(CultureInfo.InvariantCulture, $"Seeds {rulesSeed} (rules) and {packetsSeed} (packets).\n{smallest}"));
                }
            }
            progress?.Report(pairs);
        }
        return new OracleReport(pairs, rulesets, repeated, clock.Elapsed, tally.Counts, disagreements);
    }

    /// <summary>The differences between walk and kernel for these packets under these rules.</summary>
    internal async Task<IReadOnlyList<Difference>> CompareAsync(OracleRuleset rules, IReadOnlyList<OraclePacket> packets, bool mayBeUnknown, OracleTally? tally, CancellationToken stop)
    {
        var (arrivals, host) = await ObserveAsync(rules, packets, stop).ConfigureAwait(false);
        return Comparison.Of(host, packets, arrivals, mayBeUnknown, tally);
    }

    /// <summary>What the kernel does to these packets under these rules: where they arrive, and the rules with their counters.</summary>
    internal async Task<(IReadOnlyList<Arrival?> Arrivals, HostSnapshot Host)> ObserveAsync(OracleRuleset rules, IReadOnlyList<OraclePacket> packets, CancellationToken stop)
    {
        await _router.LoadAsync(rules, stop).ConfigureAwait(false);
        var arrivals = _observer.Send(packets);
        return (arrivals, await _snapshot.ReadAsync(rules, stop).ConfigureAwait(false));
    }

    public async ValueTask DisposeAsync()
    {
        _observer.Dispose();
        await _router.DisposeAsync().ConfigureAwait(false);
    }

    private async Task<string> SmallestAsync(OracleRuleset rules, IReadOnlyList<OraclePacket> packets, IReadOnlyList<Difference> differences, bool mayBeUnknown, CancellationToken stop)
    {
        var packet = await CulpritAsync(rules, packets, differences, mayBeUnknown, stop).ConfigureAwait(false);
        if (packet is null)
            return $"{rules}No single packet shows it:\n{string.Join('\n', differences.Select(static difference => difference.Text))}";
        rules = await Shrinker.ShrinkAsync(rules, smaller => DiffersAsync(smaller, packet, mayBeUnknown, stop)).ConfigureAwait(false);
        var last = await CompareAsync(rules, [packet], mayBeUnknown, null, stop).ConfigureAwait(false);
        return $"{rules}{packet}\n{string.Join('\n', last.Select(static difference => difference.Text))}";
    }

    private async Task<OraclePacket?> CulpritAsync(OracleRuleset rules, IReadOnlyList<OraclePacket> packets, IReadOnlyList<Difference> differences, bool mayBeUnknown, CancellationToken stop)
    {
        foreach (var packet in differences.Select(static difference => difference.Packet).OfType<OraclePacket>().Take(5).Concat(packets))
        {
            if (await DiffersAsync(rules, packet, mayBeUnknown, stop).ConfigureAwait(false))
                return packet;
        }
        return null;
    }

    private async Task<bool> DiffersAsync(OracleRuleset rules, OraclePacket packet, bool mayBeUnknown, CancellationToken stop)
    {
        try
        {
            return (await CompareAsync(rules, [packet], mayBeUnknown, null, stop).ConfigureAwait(false)).Count > 0;
        }
        catch (LabException)
        {
            // iptables refuses it: a match that another one needs was removed.
            return false;
        }
    }
}
