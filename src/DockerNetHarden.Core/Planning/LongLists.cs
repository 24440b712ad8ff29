using System.Globalization;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>What long lists of addresses cost on a host without ipset(8), where each address has lines of its own in iptables (docs/decisions/0016).</summary>
internal static class LongLists
{
    // A packet passes that many lines in a few microseconds; below, nobody has to do anything.
    private const int Long = 100;

    /// <summary>What to say about each mark with a long list, with the way out.</summary>
    /// <param name="host">The host as the user named it.</param>
    /// <param name="chains">The chains of iptables as they will be, of all tables and families.</param>
    /// <param name="isGiven">Which marks are being applied.</param>
    public static IEnumerable<string> Warnings(string host, IEnumerable<OurChain> chains, Func<RuleMark, bool> isGiven) => chains
        .SelectMany(chain => Lists(chain).Where(list => list.Count >= Long && isGiven(list.Mark)).Select(list => (list.Mark, list.Count, Place: $"{chain.Hook.Table} {chain.Hook.Chain}")))
        .GroupBy(list => list.Mark)
        .Select(lists => lists.MaxBy(list => list.Count))
        .Select(list => string.Create(CultureInfo.InvariantCulture, $"{host} has no ipset, so each of the {list.Count} addresses of {list.Mark} gets lines of its own: {(list.Mark.Control is "Custom"
            ? $"packets in {list.Place} pass them one after the other"
            : "packets pass few of them, but each later change reads and writes them all")}. Install the distribution's ipset package there and apply the rules again: then one line asks for all of them."));

    private static IEnumerable<(RuleMark Mark, int Count)> Lists(OurChain chain) => chain.Control is "Custom"
        ? OwnLists.Runs(chain.Lines, line => line.Rule).Where(run => run.Places.Count >= Long).Select(run => (chain.Lines[run.First].Mark!, run.Places.Count))
        : chain.Lines.Where(line => line.Rule?.Destination?.Contains(',', StringComparison.Ordinal) == true).Select(line => (line.Mark!, OwnLists.Named(AddressLists.Destinations(line.Rule!))));
}
