using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>Names of network interfaces, checked as the kernel does. Source: dev_valid_name() of Linux, IFNAMSIZ (netdevice(7)).</summary>
public static class InterfaceName
{
    /// <summary>The longest name that the kernel allows, in characters.</summary>
    public const int MaxLength = 15;

    /// <summary>Checks a name; returns it.</summary>
    /// <param name="name">The name.</param>
    /// <param name="part">What it is for, for the error's text.</param>
    /// <param name="allowWildcard">Whether a <c>+</c> at the end may stand for any rest, as in iptables(8).</param>
    /// <exception cref="RefusedValueException">No interface can have that name.</exception>
    public static string Check(string name, string part, bool allowWildcard = false)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (Problem(name, allowWildcard) is { } reason)
            throw new RefusedValueException(part, name, reason);
        return name;
    }

    /// <summary>Why a text cannot be an interface's name; null if it can.</summary>
    public static string? Problem(string name, bool allowWildcard = false)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length == 0)
            return "an interface name is empty.";
        if (name.Length > MaxLength)
            return $"an interface name has at most {MaxLength} characters (the kernel's IFNAMSIZ), this one has {name.Length}; choose a shorter one.";
        if (name is "." or "..")
            return "the kernel refuses '.' and '..' as interface names.";
        if (name[0] is '-' or '!')
            return $"an interface name cannot begin with '{name[0]}' here: it would be read as an option or a negation.";
        foreach (var c in name)
        {
            if (c is '/' or ':' or '"' or '\'' or '\\' || c <= ' ' || c > '~')
                return "an interface name consists of printable ASCII characters without spaces, quotes, '\\', '/' and ':'.";
        }
        var plus = name.IndexOf('+', StringComparison.Ordinal);
        if (plus >= 0 && (!allowWildcard || plus != name.Length - 1))
            return allowWildcard ? "a '+' stands for any rest and only at the end of the name." : "a '+' is iptables' wildcard and cannot be part of this name.";
        return null;
    }

    /// <summary>
    /// Few patterns that together match every one of these names, and perhaps others: names that begin alike, up to a hyphen or a number, share one. Beyond eight, names with the same first character do.
    /// </summary>
    internal static IReadOnlyList<string> Patterns(IEnumerable<string> names)
    {
        const int Few = 8;
        var all = names.Distinct(StringComparer.Ordinal).ToList();
        var patterns = Grouped(all, static name => name.IndexOf('-', StringComparison.Ordinal) is > 0 and var hyphen ? name[..(hyphen + 1)] : name.TrimEnd('+').TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'));
        return patterns.Count <= Few ? patterns : Grouped(all, static name => name[..1]);
    }

    private static List<string> Grouped(List<string> names, Func<string, string> beginning) =>
        [.. names.GroupBy(beginning, StringComparer.Ordinal).Select(group => group.Skip(1).Any() ? Beginning(group) + "+" : group.First()).Order(StringComparer.Ordinal)];

    private static string Beginning(IEnumerable<string> names) => names.Select(static name => name.TrimEnd('+')).Aggregate(static (one, other) => one[..one.AsSpan().CommonPrefixLength(other)]);

    /// <summary>Whether a rule's interface without a negation means this one. A <c>+</c> at the end of the rule's stands for any rest. Source: iptables(8).</summary>
    internal static bool Matches(string pattern, string link) =>
        pattern.EndsWith('+') ? link.StartsWith(pattern[..^1], StringComparison.Ordinal) : string.Equals(pattern, link, StringComparison.Ordinal);
}
