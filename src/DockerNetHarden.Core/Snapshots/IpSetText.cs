using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>The output of <c>ipset save</c>. Source: ipset(8).</summary>
public static class IpSetText
{
    // A member of such a set means everything that is equal under the mask.
    private static readonly string[] Masks = ["netmask", "bitmask", "markmask"];

    /// <summary>Reads the sets.</summary>
    /// <param name="text">The output: <c>create NAME TYPE options</c> and <c>add NAME member</c>.</param>
    /// <returns>The sets in the output's order.</returns>
    /// <exception cref="FormatException">A line is neither, or adds to a set that was not created.</exception>
    public static IReadOnlyList<HostIpSet> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var sets = new List<HostIpSet>();
        var members = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n').Select(static line => line.TrimEnd()).Where(static line => line.Length > 0))
        {
            switch (line.Split(' ', 3))
            {
                case ["create", var name, var rest]:
                    var options = rest.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                    members[name] = [];
                    sets.Add(new HostIpSet(name, TypeOf(options), FamilyOf(options), members[name]));
                    break;
                case ["add", var name, var member] when members.TryGetValue(name, out var list):
                    list.Add(member);
                    break;
                default:
                    throw new FormatException($"'{line}' is not a line of ipset save: create or add with the name of a set was expected.");
            }
        }
        return sets;
    }

    private static string TypeOf(string[] options) =>
        string.Join(' ', options.Take(1).Concat(options.Zip(options.Skip(1)).Where(static pair => Masks.Contains(pair.First, StringComparer.Ordinal)).Select(static pair => $"{pair.First} {pair.Second}")));

    private static Family? FamilyOf(string[] options) => Array.IndexOf(options, "family") is >= 0 and var at && at + 1 < options.Length
        ? options[at + 1] switch { "inet" => Family.IPv4, "inet6" => Family.IPv6, _ => null }
        : null;
}
