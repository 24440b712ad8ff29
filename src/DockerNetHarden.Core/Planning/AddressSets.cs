using System.Runtime.CompilerServices;
using DockerNetHarden.Addresses;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>The sets of ours on a host, with the members that the kernel has: a rule that asks one means these, whatever its name promises.</summary>
internal sealed class AddressSets
{
    // A host's sets are asked for many times, and one can have tens of thousands of members.
    private static readonly ConditionalWeakTable<IReadOnlyList<HostIpSet>, AddressSets> Known = [];

    private readonly Dictionary<string, IReadOnlyList<Cidr>?> _members;

    private AddressSets(IEnumerable<HostIpSet> sets) =>
        _members = sets.Where(set => AddressSet.IsOurs(set.Name)).DistinctBy(set => set.Name, StringComparer.Ordinal).ToDictionary(set => set.Name, MembersOf, StringComparer.Ordinal);

    /// <summary>No sets.</summary>
    public static AddressSets None { get; } = new([]);

    /// <summary>The names of those that exist.</summary>
    public IEnumerable<string> Names => _members.Keys;

    /// <summary>The members of a set, sorted; null if it does not exist, was not read, or is none that this module makes.</summary>
    public IReadOnlyList<Cidr>? this[string name] => _members.GetValueOrDefault(name);

    /// <summary>Those of a host.</summary>
    public static AddressSets Of(HostSnapshot host) => host.IpSets.Count == 0 ? None : Known.GetValue(host.IpSets, static sets => new AddressSets(sets));

    /// <summary>Whether rules for a host may ask sets: it has ipset or, if nobody looked for that, sets of ours.</summary>
    public static bool CanBeOn(HostSnapshot host) => host.HasIpSet ?? Of(host)._members.Count > 0;

    /// <summary>Whether a set exists.</summary>
    public bool Has(AddressSet set) => _members.ContainsKey(set.Name);

    /// <summary>Whether a set exists and has the members that its name promises.</summary>
    public bool Holds(AddressSet set) => this[set.Name] is { } members && members.SequenceEqual(set.Prefixes);

    private static IReadOnlyList<Cidr>? MembersOf(HostIpSet set)
    {
        var members = new List<Cidr>(set.Members.Count);
        foreach (var member in set.Members)
        {
            // A member with more than its address (a time, an exception) was put there by somebody else.
            if (!Cidr.TryParse(member, out var prefix) || prefix.Family != set.Family)
                return null;
            members.Add(prefix);
        }
        members.Sort();
        return set.Type is AddressSet.Type ? members : null;
    }
}

/// <summary>What a plan does to the sets of a host: first they are made, then the lines that ask them are written, then those that nothing asks any more are removed.</summary>
/// <param name="Premise">The names of our sets on the host, in order: what the plan was made on.</param>
/// <param name="Made">The sets that do not exist yet.</param>
/// <param name="Mended">Sets that exist and do not have their members: each gets them in one swap.</param>
/// <param name="Gone">The names of sets that nothing of ours asks afterwards.</param>
internal sealed record SetChange(IReadOnlyList<string> Premise, IReadOnlyList<AddressSet> Made, IReadOnlyList<AddressSet> Mended, IReadOnlyList<string> Gone)
{
    // While it is filled, a set that replaces another has a name of its own.
    private const string Filling = "-x";

    /// <summary>Whether no set has to be made.</summary>
    public bool IsEmpty => Made.Count + Mended.Count == 0;

    /// <summary>What makes the sets, for <c>ipset restore</c>. Nothing asks a new set before it is whole; one that is asked is swapped for a whole one at once.</summary>
    public string Text => string.Concat(Made.Select(set => Create(set, set.Name)).Concat(Mended.Select(set =>
        $"{Create(set, set.Name + Filling)}swap {set.Name}{Filling} {set.Name}\ndestroy {set.Name}{Filling}\n")));

    /// <summary>The names of what may be left of making them, if it fails.</summary>
    public IReadOnlyList<string> Unfinished => [.. Made.Select(set => set.Name), .. Mended.Select(set => set.Name + Filling)];

    private static string Create(AddressSet set, string name) => $"create {name} {set.Options}\n{string.Concat(set.Prefixes.Select(prefix => $"add {name} {prefix.ToShortString()}\n"))}";
}
