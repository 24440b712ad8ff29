namespace DockerNetHarden.Hosts;

/// <summary>
/// How long a host may take, where a user knows better than the programs do. A host that takes longer is given up as <see cref="HostFailure.Timeout"/>. A program that
/// writes goes on to its end there: what it did is known when the host is read again.
/// </summary>
public sealed record ShellTimeouts
{
    /// <summary>The shortest and the longest time that can be kept: a second and a day.</summary>
    private static readonly (TimeSpan Least, TimeSpan Most) Range = (TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));

    private readonly TimeSpan? command;
    private readonly TimeSpan? idle;

    /// <summary>The programs' own times, and none for silence.</summary>
    public static ShellTimeouts None { get; } = new();

    /// <summary>How long one program may take, from its sending to its last frame; null for the time that is made for what it does.</summary>
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
        ? throw new ArgumentOutOfRangeException(nameof(value), value, $"{name} {time:c} cannot be: it is from a second to a day. A number alone means ticks of 100 nanoseconds; write 00:00:30 for 30 seconds.")
        : value;
}
