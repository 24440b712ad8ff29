using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>
/// A rate of the <c>limit</c> or <c>hashlimit</c> match. The kernel does not keep a rate but a period, a whole number of ticks between two packets, so
/// iptables-save may print another text than was written: <c>60/min</c> comes back as <c>1/sec</c>, <c>150/sec</c> as <c>151/sec</c>.
/// Two rates are equal if their periods are. Source: iptables-extensions(8), libxt_limit and libxt_hashlimit of iptables 1.8.
/// </summary>
public sealed record Rate
{
    private static readonly (string Name, long Seconds)[] Units = [("day", 86400), ("hour", 3600), ("min", 60), ("sec", 1)];

    private Rate(long period, long scale) => (Period, Scale) = (period, scale);

    /// <summary>The ticks between two packets.</summary>
    public long Period { get; }

    /// <summary>The ticks in a second: 10,000 for limit, 1,000,000 for hashlimit.</summary>
    public long Scale { get; }

    /// <summary>Reads a rate of the limit match: <c>5/min</c>, <c>5/minute</c>, <c>1/s</c>.</summary>
    /// <exception cref="RefusedValueException">It is not a rate, is 0, or does not survive the kernel's arithmetic.</exception>
    public static Rate ParseLimit(string text, string part) => Parse(text, part, 10_000);

    /// <summary>Reads a rate of the hashlimit match.</summary>
    /// <exception cref="RefusedValueException">It is not a rate, is 0, or does not survive the kernel's arithmetic.</exception>
    public static Rate ParseHashLimit(string text, string part) => Parse(text, part, 1_000_000);

    /// <summary>Packets a second, on average.</summary>
    public double PerSecond => (double)Scale / Period;

    /// <summary>The text that iptables-save prints for this period.</summary>
    public override string ToString()
    {
        var unit = 0;
        // iptables takes the smallest unit in which the rate is still a whole number, or nearly one.
        while (unit + 1 < Units.Length && Fits(Units[unit + 1].Seconds * Scale))
            unit++;
        return string.Create(CultureInfo.InvariantCulture, $"{Units[unit].Seconds * Scale / Period}/{Units[unit].Name}");

        bool Fits(long ticks) => Period <= ticks && ticks / Period >= ticks % Period;
    }

    private static Rate Parse(string text, string part, long scale)
    {
        ArgumentNullException.ThrowIfNull(text);
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var number = slash < 0 ? text : text[..slash];
        var unitText = slash < 0 ? "sec" : text[(slash + 1)..];
        if (!long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var count) || Unit(unitText) is not { } seconds)
            throw new RefusedValueException(part, text, "a rate is a whole number and a unit: sec, min, hour or day; for example 5/min.");
        if (count == 0)
            throw new RefusedValueException(part, text, "a rate of 0 cannot be kept; to let nothing pass, use a rule that drops.");

        var period = seconds * scale / count;
        if (period == 0)
            throw new RefusedValueException(part, text, $"the kernel cannot count that fast; the most is {scale}/sec.");
        if (scale == 1_000_000 && period > uint.MaxValue)
            throw new RefusedValueException(part, text, "hashlimit refuses such a slow rate; use at least 1/hour.");

        var rate = new Rate(period, scale);
        // The printed text must mean the same when it is read again, or every later run would see a difference.
        var printed = rate.ToString();
        var again = long.Parse(printed[..printed.IndexOf('/', StringComparison.Ordinal)], CultureInfo.InvariantCulture);
        var unit = Unit(printed[(printed.IndexOf('/', StringComparison.Ordinal) + 1)..])!.Value;
        if (unit * scale / again != period)
            throw new RefusedValueException(part, text, $"the kernel's arithmetic does not keep it: it would become {printed}; write {printed} or a rate that divides its unit.");
        return rate;
    }

    private static long? Unit(string text) =>
        text.Length == 0 ? null
        : Array.Find(["second", "minute", "hour", "day"], unit => unit.StartsWith(text.ToLowerInvariant(), StringComparison.Ordinal)) switch
        {
            "second" => 1,
            "minute" => 60,
            "hour" => 3600,
            "day" => 86400,
            _ => null,
        };
}
