namespace DockerNetHarden.Shells;

/// <summary>
/// How long a host may take, if a user knows better than the programs do. A host that takes longer fails with <see cref="HostFailure.Timeout"/>. A program that
/// writes continues to its end there: reading the host again shows what it did.
/// </summary>
public sealed record ShellTimeouts
{
    /// <summary>The shortest and the longest time allowed: a second and a day.</summary>
    private static readonly (TimeSpan Least, TimeSpan Most) Range = (TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));

    private readonly TimeSpan? command;
    private readonly TimeSpan? idle;

    /// <summary>The programs' own times, and no limit on silence.</summary>
    public static ShellTimeouts None { get; } = new();

    /// <summary>How long one program may take, from when it is sent to its last frame; null for the time that suits what it does.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Shorter than a second or longer than a day.</exception>
    public TimeSpan? Command
    {
        get => command;
        init => command = Checked(value, "-CommandTimeout");
    }

    /// <summary>How long the host may send nothing while a program runs; null for no limit.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Shorter than a second or longer than a day.</exception>
    public TimeSpan? Idle
    {
        get => idle;
        init => idle = Checked(value, "-IdleTimeout");
    }

    private static TimeSpan? Checked(TimeSpan? value, string name) => value is { } time && (time < Range.Least || time > Range.Most)
        ? throw new ArgumentOutOfRangeException(nameof(value), value, $"{name} {time:c} is not possible: use a second to a day. A number alone means ticks of 100 nanoseconds; write 00:00:30 for 30 seconds.")
        : value;
}
