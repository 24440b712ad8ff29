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
    public static IEnumerable<OurChain> ReadAll(Ruleset rules) =>
        from table in Hook.Tables
        from parts in rules.ChainsOf(table).GroupBy(chain => Hook.WholeOf(chain.Name), StringComparer.Ordinal)
        let owner = Hook.OwnerOf(table, parts.Key)
        where owner is not null
        select new Reading(rules, owner.Value.Hook, owner.Value.Control, parts.Select(part => part.Name)).Chain();

    private sealed class Reading(Ruleset rules, Hook hook, string control, IEnumerable<string> parts)
    {
        private readonly string _name = hook.ChainOf(control);
        private readonly Dictionary<string, List<OurLine>> _lines = parts.ToDictionary(part => part, part => rules[hook.Table, part].Select(line => OurLine.Read(line, hook)).ToList(), StringComparer.Ordinal);
        private readonly List<(string From, string To, Cidr? Destination)> _gates = [];
        private readonly Dictionary<string, IReadOnlyList<Cidr>?> _destinations = new(StringComparer.Ordinal);
        private readonly HashSet<string> _reached = new(StringComparer.Ordinal);
        private readonly List<(OurLine Line, string Part)> _inOrder = [];

        public OurChain Chain()
        {
            if (_lines.ContainsKey(_name))
                Reach(_name);
            return new OurChain(rules.Family, hook, control, [.. _inOrder.Select(each => Meant(each.Line, each.Part))])
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
                    _gates.Add((part, to, destination));
                    if (!_reached.Contains(to))
                        Reach(to);
                }
                else if (part == _name ? !IsScaffold(line) : line.Rule is not null)
                    _inOrder.Add((line, part));
            }
        }

        private bool IsScaffold(OurLine line) => ChainLayout.IsReplyExit(line.Line) || (ChainLayout.GateOf(line.Line) is var (to, _) && _lines.ContainsKey(to));

        private OurLine Meant(OurLine line, string part) =>
            line.Rule is { Destination: null } rule && rule.Phase != Phase.Exception && Destinations(part) is { } destinations
                ? line.Meaning(rule.With(spec => spec.Destination = string.Join(',', destinations)))
                : line;

        // What comes into a part: the destinations of the gates to it, or what the part with the gate gets itself. Null for all.
        private IReadOnlyList<Cidr>? Destinations(string part)
        {
            if (_destinations.TryGetValue(part, out var known))
                return known;
            // Gates in a circle, which nobody lays out, say nothing.
            _destinations[part] = null;
            var all = new List<Cidr>();
            foreach (var (from, _, destination) in _gates.Where(gate => gate.To == part))
            {
                if (destination is { } one)
                    all.Add(one);
                else if (Destinations(from) is { } several)
                    all.AddRange(several);
                else
                    return null;
            }
            return _destinations[part] = all.Count == 0 ? null : Cidr.Aggregate(all);
        }

        private static LaidLine Laid(OurLine line) => new(line.Line, SaveTokenizer.Join(line.Rule?.Tokens ?? line.Line.Tokens));
    }
}
