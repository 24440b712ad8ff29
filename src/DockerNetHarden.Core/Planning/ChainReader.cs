using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Planning;

/// <summary>
/// Reads what <see cref="ChainLayout"/> laid out: the lines of a control's chain and of its parts, each with what it means there. A block in a part to which packets come by their destination means
/// just these destinations, though it does not name them.
/// </summary>
internal static class ChainReader
{
    public static IEnumerable<OurChain> ReadAll(Ruleset rules, AddressSets sets) =>
        from table in Hook.Tables
        from parts in rules.ChainsOf(table).GroupBy(chain => Hook.WholeOf(chain.Name), StringComparer.Ordinal)
        let owner = Hook.OwnerOf(table, parts.Key)
        where owner is not null
        select new Reading(rules, sets, owner.Value.Hook, owner.Value.Control, parts.Select(part => part.Name)).Chain();

    private sealed class Reading(Ruleset rules, AddressSets sets, Hook hook, string control, IEnumerable<string> parts)
    {
        // Where the destinations are in a set that was not read, or that somebody emptied.
        private static readonly IReadOnlyList<Cidr> Unread = new List<Cidr>();

        private readonly string _name = hook.ChainOf(control);
        private readonly Dictionary<string, List<OurLine>> _lines = parts.ToDictionary(part => part, part => rules[hook.Table, part].Select(line => OurLine.Read(line, hook)).ToList(), StringComparer.Ordinal);
        private readonly List<(string From, string To, IReadOnlyList<Cidr>? Destinations)> _gates = [];
        private readonly Dictionary<string, IReadOnlyList<Cidr>?> _destinations = new(StringComparer.Ordinal);
        private readonly HashSet<string> _reached = new(StringComparer.Ordinal);
        private readonly List<(OurLine Line, string Part)> _inOrder = [];

        public OurChain Chain()
        {
            if (_lines.ContainsKey(_name))
                Reach(_name);
            return new OurChain(rules.Family, hook, control, [.. _inOrder.SelectMany(each => Meant(each.Line, each.Part))])
            {
                Strays = [.. _lines.Where(part => part.Key != _name).SelectMany(part => part.Value).Where(line => line.Rule is null && !IsScaffold(line))],
                Laid = [.. _lines.Select(part => new LaidChain(part.Key, [.. part.Value.Select(Laid)]))],
            };
        }

        // The lines of a part come where the first gate to it is.
        private void Reach(string part)
        {
            _reached.Add(part);
            foreach (var line in _lines[part])
            {
                if (ChainLayout.GateOf(line.Line) is var (to, destination) && _lines.ContainsKey(to))
                {
                    _gates.Add((part, to, AddressSet.NamedBy(line.Line) is { } set ? sets[set] is { Count: > 0 } members ? members : Unread : destination is { } one ? [one] : null));
                    if (!_reached.Contains(to))
                        Reach(to);
                }
                else if (part == _name ? !IsScaffold(line) : line.Rule is not null)
                    _inOrder.Add((line, part));
            }
        }

        private bool IsScaffold(OurLine line) => ChainLayout.IsReplyExit(line.Line) || (ChainLayout.GateOf(line.Line) is var (to, _) && _lines.ContainsKey(to));

        private IEnumerable<OurLine> Meant(OurLine line, string part)
        {
            if (AddressSet.NamedBy(line.Line) is { } set)
                return SetLines.Meant(line, sets[set]);
            if (line.Rule is not { Destination: null } rule || rule.Phase == Phase.Exception || Destinations(part) is not { } destinations)
                return [line];
            return [ReferenceEquals(destinations, Unread) ? line.Unresolved() : line.Meaning(rule.With(spec => spec.Destination = AddressLists.Of(destinations)))];
        }

        // What comes into a part: the destinations of the gates to it, or what the part with the gate gets itself. Null for all.
        private IReadOnlyList<Cidr>? Destinations(string part)
        {
            if (_destinations.TryGetValue(part, out var known))
                return known;
            // Gates in a circle, which nobody lays out, say nothing.
            _destinations[part] = null;
            var all = new List<Cidr>();
            foreach (var (from, _, destinations) in _gates.Where(gate => gate.To == part))
            {
                if ((destinations ?? Destinations(from)) is not { } several)
                    return null;
                if (ReferenceEquals(several, Unread))
                    return _destinations[part] = Unread;
                all.AddRange(several);
            }
            return _destinations[part] = all.Count == 0 ? null : Cidr.Aggregate(all);
        }

        private static LaidLine Laid(OurLine line) => new(line.Line, SaveTokenizer.Join(line.Rule?.Tokens ?? line.Line.Tokens));
    }
}
