using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>
/// Many destinations of one block as a set of ipset(8), which one line of iptables asks (docs/decisions/0016). The name is a hash of the members: what has the same name is the same set, so making it twice
/// changes nothing, and other members are another set.
/// </summary>
internal sealed partial record AddressSet
{
    /// <summary>The type of our sets.</summary>
    public const string Type = "hash:net";

    // The kernel's own number of members, unless there are more.
    private const int UsualMembers = 65_536;

    // The rules of a block have the same list in each of their chains.
    private static readonly ConditionalWeakTable<IReadOnlyList<Cidr>, AddressSet> Known = [];

    private AddressSet(string name, IReadOnlyList<Cidr> prefixes) => (Name, Prefixes) = (name, prefixes);

    /// <summary>The name, at most 31 characters: <c>DNH-4-</c> or <c>DNH-6-</c> and a hash of the members.</summary>
    public string Name { get; }

    /// <summary>The members, sorted, each once.</summary>
    public IReadOnlyList<Cidr> Prefixes { get; }

    /// <summary>How a line of iptables asks it.</summary>
    public IReadOnlyList<string> Match => ["-m", "set", "--match-set", Name, "dst"];

    /// <summary>The same as the value of a rule's field.</summary>
    public string AsField => $"{Name} dst";

    /// <summary>The arguments of <c>ipset create</c> after the name.</summary>
    public string Options => FormattableString.Invariant($"{Type} family {(Prefixes[0].Family == Family.IPv4 ? "inet" : "inet6")} maxelem {Math.Max(UsualMembers, Prefixes.Count)}");

    /// <summary>The set of these prefixes, all of one family. A set of this type cannot hold a prefix without length.</summary>
    /// <param name="prefixes">The prefixes, which nobody changes afterwards.</param>
    public static AddressSet Of(IReadOnlyList<Cidr> prefixes) => Known.GetValue(prefixes, static all =>
    {
        List<Cidr> sorted = [.. all.Distinct().Order()];
        return new AddressSet(NameOf(sorted), sorted);
    });

    /// <summary>Whether a set with this name is ours.</summary>
    public static bool IsOurs(string name) => NamePattern().IsMatch(name);

    /// <summary>The set of ours that a line asks for its destination; null if it asks none.</summary>
    public static string? NamedBy(RuleLine line) => RuleOptions.LastValueOf(line.Tokens, "--match-set") is { } name && IsOurs(name) ? name : null;

    /// <summary>The lines of <c>ipset save</c> to keep for a host's next start: of a set of ours without what the kernel chose for it, and in order, so that the same set makes the same lines.</summary>
    public static IEnumerable<string> LinesToKeep(string name, IReadOnlyList<string> lines) => !IsOurs(name) ? lines
        : lines.Where(static line => line.StartsWith("create ", StringComparison.Ordinal)).Select(static line => ChosenByKernel().Replace(line, "")).Concat(lines.Where(static line => line.StartsWith("add ", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

    /// <summary>The name of the set of these prefixes, sorted.</summary>
    public static string NameOf(IReadOnlyList<Cidr> sorted) => Nftables.NftNames.Hashed(sorted[0].Family == Family.IPv4 ? "DNH-4-" : "DNH-6-", string.Join(',', sorted));

    /// <summary>The line of a rule that asks the set, in place of the destinations.</summary>
    public FirewallRule AskedBy(FirewallRule rule) => rule.With(spec =>
    {
        spec.Destination = null;
        spec[RuleFields.Set] = AsField;
    });

    [GeneratedRegex(" (hashsize|bucketsize|initval) [^ ]+", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ChosenByKernel();

    [GeneratedRegex(@"\ADNH-[46]-[0-9a-f]{12}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex NamePattern();
}
