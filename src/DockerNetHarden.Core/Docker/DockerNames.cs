using System.Text;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>The names that a network, a container and a bridge interface may have: checked before anything is sent.</summary>
public static class DockerNames
{
    /// <summary>The longest name of an interface in bytes: IFNAMSIZ less its final zero. Source: linux/if.h, netdevice(7).</summary>
    public const int LongestBridgeName = 15;

    /// <summary>Refuses a text that is not a name or id by Docker's own pattern, <c>[a-zA-Z0-9][a-zA-Z0-9_.-]*</c>.</summary>
    /// <param name="name">The name.</param>
    /// <param name="kind">What it names, for the message: <c>network</c>, <c>container</c>.</param>
    /// <exception cref="FormatException">The name does not fit; the message names it and the pattern.</exception>
    public static void Check(string name, string kind)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length == 0)
            throw new FormatException($"The name of a {kind} is empty.");
        var fits = char.IsAsciiLetterOrDigit(name[0]);
        foreach (var letter in name)
            fits &= char.IsAsciiLetterOrDigit(letter) || letter is '_' or '.' or '-';
        if (!fits)
            throw new FormatException($"'{ShownText.Value(name)}' is not the name of a {kind}: Docker's names begin with a letter or a digit and go on with letters, digits, '_', '.' and '-'.");
    }

    /// <summary>
    /// Refuses a text that cannot be the name of a bridge interface. The kernel's rules are dev_valid_name() in net/core/dev.c: 1 to 15 bytes, no
    /// slash, colon or white space, not <c>.</c> or <c>..</c>. It also refuses what would name something else: <c>%</c> (the kernel
    /// fills in a number), <c>+</c> at the end (iptables' wildcard), <c>!</c> or <c>-</c> in front (negation, an option), all but printable ASCII.
    /// </summary>
    /// <exception cref="FormatException">The name does not fit; the message names it, its length and the limit.</exception>
    public static void CheckBridge(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var length = Encoding.UTF8.GetByteCount(name);
        var error =
            length == 0 ? "it is empty"
            : length > LongestBridgeName ? $"it is {length} characters long and the kernel allows {LongestBridgeName} at most; shorten it"
            : name is "." or ".." ? "'.' and '..' are the names of folders, and every interface has a folder in /sys"
            : name.AsSpan().ContainsAnyExceptInRange('!', '~') ? "it may only have printable ASCII characters without white space"
            : name.AsSpan().IndexOfAny("/:%") is >= 0 and var at ? $"it cannot have '{name[at]}'"
            : name[^1] == '+' ? "a '+' at the end is iptables' wildcard"
            : name[0] is '!' or '-' ? $"a '{name[0]}' in front is read as a negation or an option"
            : null;
        if (error is not null)
            throw new FormatException($"'{ShownText.Value(name)}' cannot be the name of a bridge interface: {error}.");
    }
}
