using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Audit;

/// <summary>
/// Rules that look like a block of some addresses: a text search would be content with them. If the packets still get through,
/// a person wants to see these rules beside the rule that decides.
/// </summary>
internal static class Decoys
{
    private const int MostLines = 4;

    public static IReadOnlyList<string> Of(HostSnapshot host, IReadOnlyList<Cidr> addresses)
    {
        var active = host.Rules.OrderBy(pair => pair.Key).SelectMany(pair => pair.Value.AllRules.Select(line => (line, Other: "")));
        var other = host.OtherRules.OrderBy(pair => pair.Key).SelectMany(pair => pair.Value.AllRules.Select(line => (line, Other: " of the iptables that Docker does not use")));
        return [.. active.Concat(other)
            .Where(pair => pair.line.Target is "DROP" or "REJECT" && Names(pair.line, addresses))
            .Take(MostLines)
            .Select(pair => string.Create(CultureInfo.InvariantCulture, $"Looks like a block but does not stop them: {pair.line.Table} {pair.line.Chain} rule {pair.line.Position}{pair.Other} ({pair.line.Text})"))];
    }

    private static bool Names(RuleLine line, IReadOnlyList<Cidr> addresses) =>
        RuleOptions.LastValueOf(line.Tokens, "-d", "--destination", "--ctorigdst") is { } text
        && Cidr.TryParse(text, out var destination)
        && destination.Length > 0
        && addresses.Any(address => destination.Overlaps(address));
}
