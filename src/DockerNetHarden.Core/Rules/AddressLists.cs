using System.Runtime.CompilerServices;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>What iptables makes several rules of: lists of addresses with commas. Dotted netmasks and address ranges become the prefixes that they mean. Source: iptables(8), iptables-extensions(8).</summary>
internal static class AddressLists
{
    // From here on, looking a list up costs less than reading it.
    private const int Long = 16;

    // Rules with thousands of addresses are copied, compared and written many times. Every copy has the same text, so that is checked, and the addresses in it read, once.
    private static readonly ConditionalWeakTable<string, string> Checked = [];
    private static readonly ConditionalWeakTable<string, IReadOnlyList<Cidr>> Known = [];
    private static readonly ConditionalWeakTable<IReadOnlyList<Cidr>, string> Texts = [];

    /// <summary>The addresses of a list.</summary>
    public static string[] Split(string list) => list.Split(',', StringSplitOptions.TrimEntries);

    /// <summary>A list in canonical form: as few prefixes as can be, in order.</summary>
    /// <param name="list">The list.</param>
    /// <param name="read">Reads and checks one of its prefixes.</param>
    public static string Canonical(string list, Func<string, Cidr> read)
    {
        if (Known.TryGetValue(list, out _))
            return list;
        if (Checked.TryGetValue(list, out var canonical))
            return canonical;
        Cidr[] prefixes = [.. Split(list).Select(read)];
        canonical = Of(prefixes);
        if (prefixes.Length >= Long)
            Checked.AddOrUpdate(list, canonical);
        return canonical;
    }

    /// <summary>Prefixes as a list in canonical form.</summary>
    /// <param name="prefixes">The prefixes, which nobody changes afterwards.</param>
    public static string Of(IReadOnlyList<Cidr> prefixes)
    {
        if (prefixes.Count < Long)
            return string.Join(',', Cidr.Aggregate(prefixes));
        return Texts.GetValue(prefixes, static all =>
        {
            var few = Cidr.Aggregate(all);
            var text = string.Join(',', few);
            Known.AddOrUpdate(text, few);
            return text;
        });
    }

    /// <summary>The prefixes of a list.</summary>
    public static IReadOnlyList<Cidr> Read(string list) => Known.TryGetValue(list, out var known) ? known : [.. Split(list).Select(Cidr.Parse)];

    /// <summary>The prefixes of a rule's destination; empty if it has none, or one that is negated or only a host can resolve.</summary>
    public static IReadOnlyList<Cidr> Destinations(FirewallRule rule) => rule.Destination is { } text && Operand.IsPlain(text) ? Read(text) : [];

    /// <summary>The prefix that packets of a rule were sent to before a redirection; empty as with <see cref="Destinations"/>.</summary>
    public static IReadOnlyList<Cidr> OriginalDestinations(FirewallRule rule) => rule.OriginalDestination is { } text && Operand.IsPlain(text) ? [Cidr.Parse(text)] : [];

    /// <summary>The arguments of a rule that names a destination, with another or without one.</summary>
    public static IReadOnlyList<string> WithDestination(FirewallRule rule, string? destination)
    {
        var at = rule.Tokens.ToList().IndexOf("-d");
        IEnumerable<string> match = destination is null ? [] : ["-d", destination];
        return [.. rule.Tokens.Take(at), .. match, .. rule.Tokens.Skip(at + 2)];
    }

    /// <summary>The arguments of each rule that a line means.</summary>
    /// <exception cref="RefusedValueException">A list or a range is negated, or an address or a mask is not valid.</exception>
    public static IReadOnlyList<IReadOnlyList<string>> Expand(string line, IReadOnlyList<string> tokens)
    {
        var rule = new List<string>();
        var (sources, destinations) = (new Side(), new Side());
        var (isRange, isList, hasNot) = (false, false, false);
        for (var i = 0; i < tokens.Count; i++)
        {
            var token = tokens[i];
            if (token is "-m" or "--match" && i + 1 < tokens.Count && tokens[i + 1] is "iprange")
            {
                (i, isRange) = (i + 1, true);
                continue;
            }
            rule.Add(token);
            var side = token switch
            {
                "-s" or "--source" or "--src" or "--src-range" => sources,
                "-d" or "--destination" or "--dst" or "--dst-range" => destinations,
                _ => null,
            };
            if (i + 1 == tokens.Count)
                break;
            if (side is null)
            {
                if (RuleOptions.IsOption(token) && RuleOptions.TakesText(token))
                    rule.Add(tokens[++i]);
                continue;
            }
            var isNegated = rule is [.., "!", _];
            if (tokens[i + 1] is "!" && i + 2 < tokens.Count)
            {
                rule.Add(tokens[++i]);
                isNegated = true;
            }
            var value = tokens[++i];
            var places = token is "--src-range" or "--dst-range" ? Range(line, value) : [.. value.Split(',').Select(place => Prefix(line, place))];
            (isList, hasNot) = (isList || value.Contains(',', StringComparison.Ordinal), hasNot || isNegated);
            if ((places.Count > 1 && isNegated) || (isList && hasNot))
                throw new RefusedValueException("Rule", line, "a '!' and a list of addresses do not go together, and iptables refuses it: no single rule can say 'none of them'. Write a rule for each address.");
            rule[rule.Count - (rule[^1] is "!" ? 2 : 1)] = side == sources ? "-s" : "-d";
            // A second one is refused by the parser, as iptables does.
            if (side.Places.Count == 0)
                (side.At, side.Places) = (rule.Count, places);
            rule.Add(places[0]);
        }
        if (isRange && !tokens.Any(token => token is "--src-range" or "--dst-range"))
            throw new RefusedValueException("Rule", line, "-m iprange comes without --src-range and --dst-range.");
        // As iptables does it: each source with each destination.
        return [.. from source in sources.Places.DefaultIfEmpty() from destination in destinations.Places.DefaultIfEmpty() select With(rule, (sources.At, source), (destinations.At, destination))];
    }

    private static IReadOnlyList<string> With(List<string> rule, params ReadOnlySpan<(int At, string? Place)> places)
    {
        List<string> one = [.. rule];
        foreach (var (at, place) in places)
        {
            if (place is not null)
                one[at] = place;
        }
        return one;
    }

    private sealed class Side
    {
        public int At { get; set; }

        public IReadOnlyList<string> Places { get; set; } = [];
    }

    // 10.0.0.0/255.0.0.0 is 10.0.0.0/8
    private static string Prefix(string line, string text)
    {
        if (text.Split('/') is not [var address, var mask] || !mask.Contains('.', StringComparison.Ordinal))
            return text;
        if (!Cidr.TryParse(mask, out var bits) || bits is not { Family: Family.IPv4, IsSingleAddress: true })
            throw new RefusedValueException("Rule", line, $"'{mask}' is not a netmask; write the prefix length, as in {address}/24.");
        var zeros = ~(uint)bits.Bits;
        return (zeros & (zeros + 1)) == 0
            ? FormattableString.Invariant($"{address}/{32 - System.Numerics.BitOperations.PopCount(zeros)}")
            : throw new RefusedValueException("Rule", line, $"the netmask {mask} has gaps, and only prefixes can be matched; write each prefix in a rule of its own.");
    }

    private static List<string> Range(string line, string text)
    {
        if (Prefixes.Ends(text) is not var (family, first, last))
            throw new RefusedValueException("Rule", line, $"'{text}' is not a range of addresses; write it as 10.0.0.5-10.0.0.9.");
        return [.. Prefixes.Of(family, first, last).Select(prefix => prefix.ToString())];
    }
}
