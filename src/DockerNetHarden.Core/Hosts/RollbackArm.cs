using System.Globalization;
using System.Security.Cryptography;
using DockerNetHarden.Addresses;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>A rollback to arm on the host before a write: which chains of ours it restores, and when.</summary>
public sealed record RollbackArm
{
    private readonly IReadOnlyList<Target> all;

    private RollbackArm(string id, TimeSpan after, IReadOnlyList<Target> all, IReadOnlyList<Target> more) =>
        (Id, After, this.all, Targets, More) = (id, after, all, Lines(all), Lines(more));

    // A chain of ours in a table; without a family our nftables table, which is taken back as a whole.
    private sealed record Target(Family? Family, string Table, string Chain);

    private static readonly Target OwnTable = new(null, HostSnapshot.OwnFamily, HostSnapshot.OwnName);

    /// <summary>The id of the rollback: 128 random bits, hexadecimal.</summary>
    public string Id { get; }

    /// <summary>How long the host waits, in whole seconds.</summary>
    public TimeSpan After { get; }

    /// <summary>One line per table: <c>4</c> or <c>6</c>, the table, and the names of our chains in it that the plan changes; <c>n</c> and our table's name for nftables.</summary>
    internal string Targets { get; }

    /// <summary>Those of <see cref="Targets"/> that an earlier write did not name: they are passed to a timer that already waits. Empty for the first write.</summary>
    internal string More { get; }

    /// <summary>Makes a rollback for a plan.</summary>
    /// <param name="plan">The plan that will be written.</param>
    /// <param name="options">When the change is taken back.</param>
    /// <returns>The rollback, with a new id.</returns>
    public static RollbackArm For(Plan plan, RollbackOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        return new RollbackArm(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)).ToLowerInvariant(), options.After, TargetsOf(plan), []);
    }

    /// <summary>The same rollback for a further write, which may change more chains: those are restored as they were before that write.</summary>
    /// <param name="plan">The plan that will be written.</param>
    /// <returns>The rollback, with the same id.</returns>
    public RollbackArm With(Plan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Target[] more = [.. TargetsOf(plan).Except(all)];
        return new RollbackArm(Id, After, [.. all, .. more], more);
    }

    private static IReadOnlyList<Target> TargetsOf(Plan plan) =>
        [.. plan.Steps.SelectMany(static step => ChainsOf(step.Restore).Select(chain => new Target(step.Family, step.Table, chain))).Distinct(), .. plan.Nft is null ? Array.Empty<Target>() : [OwnTable]];

    private static string Lines(IReadOnlyList<Target> targets) => string.Join('\n', targets.GroupBy(static target => (target.Family, target.Table)).Select(static table =>
        string.Create(CultureInfo.InvariantCulture, $"{(table.Key.Family is { } family ? family == Family.IPv4 ? "4" : "6" : "n")} {table.Key.Table} {string.Join(' ', table.Select(static target => target.Chain))}")));

    // A chain of ours that a restore text declares, makes, flushes or deletes, or whose jump it inserts or deletes; FORWARD's jump to DOCKER-USER too.
    private static IEnumerable<string> ChainsOf(string restore)
    {
        foreach (var words in restore.Split('\n').Select(static line => line.Split(' ')))
        {
            var name = words[0] switch
            {
                [':', ..] => words[0][1..],
                "-N" or "-F" or "-X" => words[1],
                "-I" or "-D" => words[^1],
                _ => "",
            };
            if (name.StartsWith("DNH-", StringComparison.Ordinal) || name is "DOCKER-USER")
                yield return name;
        }
    }
}

/// <summary>Says that the host takes a change back unless it is confirmed in time.</summary>
public sealed record RollbackOptions
{
    /// <summary>Makes options with a time.</summary>
    /// <param name="after">How long the host waits for the confirmation, counted from before the change: 2 seconds to a day, in whole seconds.</param>
    /// <exception cref="ArgumentOutOfRangeException">Shorter or longer.</exception>
    public RollbackOptions(TimeSpan after)
    {
        if (after < TimeSpan.FromSeconds(2) || after > TimeSpan.FromDays(1))
            throw new ArgumentOutOfRangeException(nameof(after), after, $"A rollback after {after.TotalSeconds:0.###} seconds is not possible: use 2 seconds to a day.");
        After = TimeSpan.FromSeconds(Math.Ceiling(after.TotalSeconds));
    }

    /// <summary>How long the host waits, in whole seconds.</summary>
    public TimeSpan After { get; }
}
