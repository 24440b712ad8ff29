using System.Globalization;
using System.Security.Cryptography;
using DockerNetHarden.Addresses;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Hosts;

/// <summary>A rollback to arm on the host before a write: which chains of ours it puts back as they were, and when.</summary>
public sealed record RollbackArm
{
    private readonly IReadOnlyList<Target> all;

    private RollbackArm(string id, TimeSpan after, IReadOnlyList<Target> all, IReadOnlyList<Target> more) =>
        (Id, After, this.all, Targets, More) = (id, after, all, Lines(all), Lines(more));

    // A chain of ours in a table.
    private sealed record Target(Family Family, string Table, string Chain);

    /// <summary>Names the rollback: 128 random bits, hexadecimal.</summary>
    public string Id { get; }

    /// <summary>How long the host waits, in whole seconds.</summary>
    public TimeSpan After { get; }

    /// <summary>A line each: <c>4</c> or <c>6</c>, the table, and the names of our chains in it that the plan changes.</summary>
    internal string Targets { get; }

    /// <summary>Of <see cref="Targets"/> those that an earlier write did not name: a timer that waits already is told them. Empty for the first write.</summary>
    internal string More { get; }

    /// <summary>A rollback of a plan.</summary>
    /// <param name="plan">The plan that will be written.</param>
    /// <param name="options">When it is taken back.</param>
    /// <returns>The rollback, with an id of its own.</returns>
    public static RollbackArm For(Plan plan, RollbackOptions options)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(options);
        return new RollbackArm(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)).ToLowerInvariant(), options.After, TargetsOf(plan), []);
    }

    /// <summary>The same rollback for a further write, which may change more chains: those are put back as they were before that write.</summary>
    /// <param name="plan">The plan that will be written.</param>
    /// <returns>The rollback, with the same id.</returns>
    public RollbackArm With(Plan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Target[] more = [.. TargetsOf(plan).Except(all)];
        return new RollbackArm(Id, After, [.. all, .. more], more);
    }

    private static IReadOnlyList<Target> TargetsOf(Plan plan) =>
        [.. plan.Steps.SelectMany(static step => ChainsOf(step.Restore).Select(chain => new Target(step.Family, step.Table, chain))).Distinct()];

    private static string Lines(IReadOnlyList<Target> targets) => string.Join('\n', targets.GroupBy(static target => (target.Family, target.Table)).Select(static table =>
        string.Create(CultureInfo.InvariantCulture, $"{(table.Key.Family == Family.IPv4 ? 4 : 6)} {table.Key.Table} {string.Join(' ', table.Select(static target => target.Chain))}")));

    // A chain of ours that a restore text declares, makes, flushes, deletes, or to which it inserts or deletes the jump.
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
            if (name.StartsWith("DNH-", StringComparison.Ordinal))
                yield return name;
        }
    }
}

/// <summary>Take a change back by itself, unless it is confirmed in time.</summary>
public sealed record RollbackOptions
{
    /// <summary>Options with a time.</summary>
    /// <param name="after">How long the host waits for the confirmation, counted from before the change: 2 seconds to a day, in whole seconds.</param>
    /// <exception cref="ArgumentOutOfRangeException">Shorter or longer.</exception>
    public RollbackOptions(TimeSpan after)
    {
        if (after < TimeSpan.FromSeconds(2) || after > TimeSpan.FromDays(1))
            throw new ArgumentOutOfRangeException(nameof(after), after, $"A rollback after {after.TotalSeconds:0.###} seconds cannot be: it is from 2 seconds to a day.");
        After = TimeSpan.FromSeconds(Math.Ceiling(after.TotalSeconds));
    }

    /// <summary>How long the host waits, in whole seconds.</summary>
    public TimeSpan After { get; }
}
