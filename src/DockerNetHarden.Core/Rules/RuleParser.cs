using System.Collections.Frozen;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>
/// Reads a rule in iptables' own words: what <see cref="RuleText"/> writes, what iptables-save prints of it, and what people type. Anything that appears twice, or without
/// something that iptables demands, is refused: one of the two would be lost, and a match without its option would match everything.
/// </summary>
internal static class RuleParser
{
    private static readonly FrozenDictionary<string, (RuleField Field, RuleForm[] Forms)> Options = RuleFields.All
        .SelectMany(field => field.Forms.SelectMany(form => form.Options, (form, option) => (Option: option, Field: field, Form: form)))
        .GroupBy(each => each.Option, StringComparer.Ordinal)
        .ToFrozenDictionary(group => group.Key, group => (group.First().Field, group.Select(each => each.Form).ToArray()), StringComparer.Ordinal);

    // The matches in the table's order, and their fields.
    private static readonly Dictionary<string, RuleField[]> Modules = RuleFields.All
        .SelectMany(field => field.Forms.Where(form => !form.HasNoMatch).SelectMany(form => form.Modules, (_, module) => (Module: module, Field: field)))
        .GroupBy(each => each.Module, StringComparer.Ordinal)
        .ToDictionary(group => group.Key, group => group.Select(each => each.Field).Distinct().ToArray(), StringComparer.Ordinal);

    public static RuleSpec Parse(string text) => Parse(text, text.AsSpan().ContainsAny('\r', '\n', '\0')
        ? throw new RefusedValueException("Rule", text, "A rule must be on one line.") : Tokens(text, text));

    /// <summary>Splits a rule as iptables-restore does.</summary>
    /// <param name="whole">What a refusal names: the rule as a person wrote it.</param>
    /// <param name="text">The rule.</param>
    /// <exception cref="RefusedValueException">A quote is not closed.</exception>
    public static IReadOnlyList<string> Tokens(string whole, string text)
    {
        try
        {
            return SaveTokenizer.Split(text);
        }
        catch (FormatException error)
        {
            throw new RefusedValueException("Rule", whole, error.Message, error);
        }
    }

    /// <summary>Reads the arguments of a whole rule, its chain included.</summary>
    public static RuleSpec Parse(string text, IReadOnlyList<string> tokens)
    {
        var reader = new Reader(text, tokens);
        return reader.Read(new RuleSpec()) is var spec && reader.HasChain ? spec : throw reader.Refuse("it does not name a chain; begin with -A DOCKER-USER.");
    }

    /// <summary>
    /// Reads the arguments of a line in a chain of ours; null if this module does not write such a line. A line with an argument more, less or
    /// elsewhere than the rule would have is another one, even if it means the same to iptables: only values may be spelled differently.
    /// </summary>
    public static FirewallRule? TryReadLine(Family family, string table, string hookChain, IReadOnlyList<string> tokens)
    {
        try
        {
            var rule = new FirewallRule(new Reader(string.Join(' ', tokens), tokens).Read(new RuleSpec { Family = family, Table = table, Chain = hookChain }));
            return IsShapedLike(tokens, rule.Tokens) ? rule : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    /// <summary>The values of any line, as iptables-save prints them, as far as a rule has a place for them; what else it says is passed over.</summary>
    public static RuleSpec ReadKnown(IReadOnlyList<string> tokens)
    {
        var spec = new RuleSpec();
        for (var i = 0; i < tokens.Count; i++)
        {
            if (!RuleOptions.IsOption(tokens[i]))
                continue;
            if (!Options.TryGetValue(tokens[i], out var option) || tokens[i] is "-j" or "--jump")
            {
                i += RuleOptions.TakesText(tokens[i]) ? 1 : 0;
                continue;
            }
            var (field, form) = (option.Field, option.Forms[0]);
            var words = tokens.Skip(i + 1).Take(form.Arguments);
            var value = string.Join(' ', form.Prefix is null ? words : words.Prepend(form.Prefix));
            var isNegated = i > 0 && tokens[i - 1] is "!";
            try
            {
                spec[field] ??= field.Type(field.Name, isNegated ? "!" + value : value);
            }
            catch (RefusedValueException)
            {
                // A number that is too large for a rule of ours.
            }
            i += form.Arguments;
        }
        return spec;
    }

    /// <summary>What any line does: the name of an action, or else the target's; null if it has none.</summary>
    public static string? ReadAction(IReadOnlyList<string> tokens) => RuleOptions.LastValueOf(tokens, "-j", "--jump", "-g", "--goto") is { } target
        ? (VerdictChain.Find(target)?.Action ?? ActionOf(target))?.ToString() ?? target
        : null;

    /// <summary>Reads <c>-j</c>: a target that is not one of iptables' own is a chain.</summary>
    public static void TakeTarget(RuleSpec rule, string target)
    {
        var verdict = VerdictChain.Find(target);
        var action = verdict?.Action ?? ActionOf(target);
        rule[RuleFields.Action] = action ?? RuleAction.Jump;
        rule[RuleFields.JumpTarget] = action is null ? target : null;
        rule[RuleFields.Connections] = verdict is null || verdict == VerdictChain.Report ? null : VerdictChain.Opened;
    }

    private static RuleAction? ActionOf(string target) =>
        Array.Find(Enum.GetValues<RuleAction>(), action => action is not (RuleAction.Jump or RuleAction.Report) && string.Equals(action.ToString().ToUpperInvariant(), target, StringComparison.Ordinal)) is var action && action != default ? action : null;

    /// <summary>Reads <c>--comment</c>: the mark, and a person's own words after it.</summary>
    public static void TakeComment(RuleSpec rule, string comment)
    {
        if (RuleMark.TryParse(comment, out var mark, out var note))
            (rule[RuleFields.Control], rule[RuleFields.Subject], rule[RuleFields.Network], rule[RuleFields.Comment]) = (mark!.Control, mark.Subject, mark.Network, note);
        else
            rule[RuleFields.Comment] = comment;
    }

    // Both have been read as the same rule, each field once: a value that is spelled differently means the same (iptables-save prints ospf for 89, and leaves the
    // /32 of --ctorigdst away). So what is left to compare is which options, matches and negations there are, and in which order.
    private static bool IsShapedLike(IReadOnlyList<string> tokens, IReadOnlyList<string> canonical)
    {
        if (tokens.Count != canonical.Count)
            return false;
        for (var i = 0; i < tokens.Count; i += Options.TryGetValue(tokens[i], out var option) ? option.Forms[0].Arguments + 1 : 1)
        {
            if (!string.Equals(tokens[i], canonical[i], StringComparison.Ordinal))
                return false;
        }
        return true;
    }

    /// <summary>A match that was opened with <c>-m</c>, and how many options it got.</summary>
    private sealed class Match(string module)
    {
        public string Module => module;

        public int Options { get; set; }

        // Two spellings of one match; and state is the older half of conntrack, which would be a match of its own.
        public string Kind => module switch
        {
            "icmpv6" => "icmp6",
            "state" => "conntrack",
            _ => module,
        };

        /// <summary>The protocol without which iptables refuses the match; null if any will do.</summary>
        public string? Protocol => Kind is "icmp6" ? "ipv6-icmp" : Kind is "icmp" || RuleWords.HasPorts(module) ? module : null;
    }

    private sealed class Reader(string text, IReadOnlyList<string> tokens)
    {
        // The option that gave a field its value.
        private readonly string?[] _given = new string?[RuleFields.All.Count];
        private readonly List<Match> _matches = [];
        private int _next;
        private bool _not;
        private string _option = "";

        public bool HasChain => _given[RuleFields.Chain.Index] is not null;

        public RuleSpec Read(RuleSpec rule)
        {
            Family? command = tokens is [var first, ..] ? first switch { "iptables" => Family.IPv4, "ip6tables" => Family.IPv6, _ => null } : null;
            if (command is not null)
                _next = 1;
            while (NextOption())
            {
                if (_option is "-m" or "--match")
                    Open(Plain());
                else
                    Take(rule);
            }
            if (command is not null && (rule.Family ?? command) != command)
                throw Refuse($"{tokens[0]} and {_given[RuleFields.Family.Index]} contradict each other; write one of them.");
            rule[RuleFields.Family] = rule.Family ?? command;
            foreach (var match in _matches)
                Close(match, rule);
            return rule;
        }

        public RefusedValueException Refuse(string reason) => new("Rule", text, reason);

        private bool NextOption()
        {
            if (_next == tokens.Count)
                return false;
            _not = tokens[_next] is "!";
            if (_not)
                _next++;
            _option = Argument("an option after '!'");
            return _option.StartsWith('-') ? true : throw Refuse($"'{_option}' is where an option should be.");
        }

        private void Open(string module)
        {
            if (!Modules.ContainsKey(module))
                throw Refuse($"the match '{module}' is not one of {string.Join(", ", Modules.Keys)}.");
            var match = new Match(module);
            // multiport appears once for the source ports and once for the destination ports.
            if (module is not "multiport" && _matches.Find(other => other.Kind == match.Kind) is { } before)
                throw Refuse($"{(before.Module == module ? $"-m {module} appears twice" : $"-m {module} appears beside -m {before.Module}")}, and iptables would use two matches; write all options after one -m {match.Kind}, or make two rules.");
            _matches.Add(match);
        }

        private void Take(RuleSpec rule)
        {
            if (!Options.TryGetValue(_option, out var known))
                throw Refuse($"'{_option}' is not an option that this module writes.");
            var (field, forms) = known;
            if (_given[field.Index] is { } before)
                throw Refuse(before == _option ? $"{_option} appears twice; a rule has one." : $"{_option} appears beside {before}; a rule has one of them.");
            _given[field.Index] = _option;

            // As in iptables, an option belongs to the last match that knows it; people leave out -m, and then the match follows from the option.
            var match = _matches.FindLast(match => Array.Exists(forms, form => form.IsOf(match.Module)));
            var form = match is null ? forms[0] : Array.Find(forms, form => form.IsOf(match.Module))!;
            if (match is not null && ++match.Options > 1 && form.IsAlone)
                throw Refuse($"one -m {match.Module} takes one option; write -m {match.Module} before {_option} too.");

            var words = new List<string>();
            if (form.Prefix is { } prefix)
                words.Add(prefix);
            if (!field.IsNegatable)
                NotNegated();
            for (var i = 0; i < form.Arguments; i++)
                words.Add(i == 0 && field.IsNegatable ? Value() : Argument($"a value after {_option}"));
            var value = (_not ? "!" : "") + string.Join(' ', words);
            if (field == RuleFields.Chain && _next < tokens.Count && tokens[_next].All(char.IsAsciiDigit))
                throw Refuse("a position means something only among the rules of one input: give them together to Invoke-FirewallRule or New-FirewallRule, or leave the number out.");
            if (field.Take is { } take)
                take(rule, value);
            else
                rule[field] = field.Type(field.Name, value);
        }

        // Checks what iptables checks after it has read a whole rule.
        private void Close(Match match, RuleSpec rule)
        {
            if (match.Protocol is { } needed && (rule.Protocol is null || rule.Protocol.StartsWith('!') || RuleWords.ProtocolName(rule.Protocol) != needed))
                throw Refuse($"-m {match.Module} needs -p {needed}{(rule.Protocol is null ? "" : $" and the rule has {(rule.Protocol.StartsWith('!') ? "! " : "")}{_given[RuleFields.Protocol.Index]} {rule.Protocol.TrimStart('!')}")}; iptables refuses it.");
            foreach (var field in Modules[match.Module])
            {
                if (field.Implied is not null && !rule.Has(field))
                    (rule[field], match.Options) = (field.Implied, match.Options + 1);
            }
            // A protocol's match without options means the protocol itself.
            if (match.Options == 0 && !RuleWords.HasPorts(match.Module))
                throw Refuse($"-m {match.Module} has no option, and iptables demands one: {string.Join(", ", Modules[match.Module].SelectMany(field => field.Forms).Where(form => form.IsOf(match.Module)).Select(form => form.Options[0]))}.");
        }

        private string Value()
        {
            var value = Argument($"a value after {_option}");
            if (value is "!")
            {
                _not = _not ? throw Refuse($"{_option} is negated twice; write one '!' or none.") : true;
                return Argument($"a value after {_option} !");
            }
            // A value with a '!' of its own would change its meaning when it is written again.
            return value.StartsWith('!') ? throw Refuse($"write '! {_option} {value[1..]}'.") : value;
        }

        private string Plain()
        {
            NotNegated();
            return Argument($"a value after {_option}");
        }

        private void NotNegated()
        {
            if (_not)
                throw Refuse($"{_option} cannot be negated.");
        }

        private string Argument(string what) => _next < tokens.Count ? tokens[_next++] : throw Refuse($"{what} is missing.");
    }
}
