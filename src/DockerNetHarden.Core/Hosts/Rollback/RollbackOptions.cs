namespace DockerNetHarden.Hosts;

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
