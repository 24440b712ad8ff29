using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>Reads a rule in iptables' own words: what <see cref="RuleText"/> writes, what iptables-save prints of it, and what people type.</summary>
internal static class RuleParser
{
    public static RuleSpec Parse(string text)
    {
        IReadOnlyList<string> tokens;
        try
        {
            if (text.AsSpan().ContainsAny('\r', '\n', '\0'))
                throw new FormatException("A rule stands on one line.");
            tokens = SaveTokenizer.Split(text);
        }
        catch (FormatException error)
        {
            throw new RefusedValueException("Rule", text, error.Message, error);
        }

        var spec = new RuleSpec();
        var index = 0;
        if (tokens is ["iptables" or "ip6tables", ..])
        {
            spec.Family = tokens[0] is "iptables" ? Family.IPv4 : Family.IPv6;
            index = 1;
        }
        var reader = new Reader(text, tokens, index);
        while (reader.Next() is { } option)
            Apply(reader, spec, option);
        return reader.HasChain ? spec : throw reader.Refuse("it names no chain; begin with -A DOCKER-USER.");
    }

    /// <summary>Reads the arguments of a line that stands in a chain of ours; null where they are none that this module writes.</summary>
    public static FirewallRule? TryReadLine(Family family, string table, string hookChain, IReadOnlyList<string> tokens)
    {
        try
        {
            var spec = new RuleSpec { Family = family, Table = table, Chain = hookChain };
            var reader = new Reader(string.Join(' ', tokens), tokens, 0);
            while (reader.Next() is { } option)
                Apply(reader, spec, option);
            return new FirewallRule(spec);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static void Apply(Reader reader, RuleSpec spec, string option)
    {
        switch (option)
        {
            case "-4" or "--ipv4":
                spec.Family = Family.IPv4;
                break;
            case "-6" or "--ipv6":
                spec.Family = Family.IPv6;
                break;
            case "-t" or "--table":
                spec.Table = reader.Plain();
                break;
            case "-A" or "-I" or "--append" or "--insert":
                spec.Chain = reader.Chain();
                break;
            case "-i" or "--in-interface":
                spec.InInterface = reader.Value(spec.InInterface);
                break;
            case "-o" or "--out-interface":
                spec.OutInterface = reader.Value(spec.OutInterface);
                break;
            case "-s" or "--source" or "--src":
                spec.Source = reader.Value(spec.Source);
                break;
            case "-d" or "--destination" or "--dst":
                spec.Destination = reader.Value(spec.Destination);
                break;
            case "-p" or "--protocol" or "--proto":
                spec.Protocol = reader.Value(spec.Protocol);
                break;
            case "-m" or "--match":
                reader.Module();
                break;
            case "-j" or "--jump":
                Target(reader.Plain(), spec);
                break;
            default:
                ApplyMatch(reader, spec, option);
                break;
        }
    }

    private static void ApplyMatch(Reader reader, RuleSpec spec, string option)
    {
        switch (option)
        {
            case "--sport" or "--source-port" or "--sports" or "--source-ports":
                spec.SourcePort = reader.Value(spec.SourcePort);
                break;
            case "--dport" or "--destination-port" or "--dports" or "--destination-ports":
                spec.DestinationPort = reader.Value(spec.DestinationPort);
                break;
            case "--syn":
                spec.TcpFlags = reader.Constant("SYN");
                break;
            case "--tcp-flags":
                spec.TcpFlags = reader.Pair(spec.TcpFlags);
                break;
            case "--icmp-type" or "--icmpv6-type":
                spec.IcmpType = reader.Value(spec.IcmpType);
                break;
            case "--ctstate" or "--state":
                spec.ConnectionState = reader.Value(spec.ConnectionState);
                break;
            case "--ctdir":
                spec.ConnectionDirection = reader.Plain();
                break;
            case "--ctorigdst":
                spec.OriginalDestination = reader.Value(spec.OriginalDestination);
                break;
            case "--ctorigdstport":
                spec.OriginalDestinationPort = reader.Value(spec.OriginalDestinationPort);
                break;
            case "--src-type":
                spec.SourceAddressType = reader.Value(spec.SourceAddressType);
                break;
            case "--dst-type":
                spec.DestinationAddressType = reader.Value(spec.DestinationAddressType);
                break;
            case "--match-set":
                spec.Set = reader.Pair(spec.Set);
                break;
            case "--limit":
                spec.Limit = reader.Plain();
                break;
            case "--limit-burst":
                spec.LimitBurst = reader.Number();
                break;
            case "--hashlimit-above" or "--hashlimit-upto" or "--hashlimit":
                spec.HashLimit = $"{(option is "--hashlimit-above" ? "above" : "upto")} {reader.Plain()}";
                break;
            case "--hashlimit-burst":
                spec.HashLimitBurst = reader.Number();
                break;
            case "--hashlimit-mode":
                spec.HashLimitMode = reader.Plain();
                break;
            case "--hashlimit-name":
                spec.HashLimitName = reader.Plain();
                break;
            case "--comment":
                ReadComment(reader.Plain(), spec);
                break;
            case "--reject-with":
                spec.RejectWith = reader.Plain();
                break;
            case "--log-prefix":
                spec.LogPrefix = reader.Plain();
                break;
            default:
                throw reader.Refuse($"'{option}' is no option that this module writes.");
        }
    }

    private static void ReadComment(string comment, RuleSpec spec)
    {
        if (RuleMark.TryParse(comment, out var mark, out var note))
            (spec.Control, spec.Subject, spec.Network, spec.Comment) = (mark!.Control, mark.Subject, mark.Network, note);
        else
            spec.Comment = comment;
    }

    private static void Target(string target, RuleSpec spec)
    {
        spec.Action = target switch
        {
            "ACCEPT" => RuleAction.Accept,
            "RETURN" => RuleAction.Return,
            "DROP" => RuleAction.Drop,
            "REJECT" => RuleAction.Reject,
            "LOG" => RuleAction.Log,
            _ => RuleAction.Jump,
        };
        if (spec.Action == RuleAction.Jump)
            spec.JumpTarget = target;
    }

    private sealed class Reader(string text, IReadOnlyList<string> tokens, int start)
    {
        private static readonly string[] Modules =
            ["tcp", "udp", "sctp", "dccp", "udplite", "icmp", "icmp6", "icmpv6", "multiport", "conntrack", "state", "addrtype", "set", "limit", "hashlimit", "comment"];

        private int _next = start;
        private bool _not;
        private string _option = "";

        public bool HasChain { get; private set; }

        public string? Next()
        {
            if (_next == tokens.Count)
                return null;
            _not = tokens[_next] is "!";
            if (_not)
                _next++;
            _option = Take("an option behind '!'");
            return _option.StartsWith('-') ? _option : throw Refuse($"'{_option}' stands where an option should be.");
        }

        public string Value(string? already)
        {
            if (already is not null)
                throw Refuse($"{_option} stands twice.");
            var value = Take($"a value behind {_option}");
            if (value is "!")
                return "!" + Take($"a value behind {_option} !");
            // A value with a '!' of its own would change its meaning when it is written again.
            return value.StartsWith('!') ? throw Refuse($"write '! {_option} {value[1..]}'.") : _not ? "!" + value : value;
        }

        public string Plain()
        {
            NotNegated();
            return Take($"a value behind {_option}");
        }

        public string Constant(string value) => _not ? "!" + value : value;

        public string Pair(string? already) => $"{Value(already)} {Take($"a second value behind {_option}")}";

        public int Number()
        {
            var value = Plain();
            return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Refuse($"'{value}' behind {_option} is not a whole number.");
        }

        public string Chain()
        {
            HasChain = HasChain ? throw Refuse("it names two chains.") : true;
            var chain = Plain();
            if (_next < tokens.Count && tokens[_next].All(char.IsAsciiDigit))
                throw Refuse("a position cannot be given: a rule's place is decided by its control and phase. Leave the number out.");
            return chain;
        }

        public void Module()
        {
            var module = Plain();
            if (!Modules.Contains(module, StringComparer.Ordinal))
                throw Refuse($"the match '{module}' is none of {string.Join(", ", Modules)}.");
        }

        public RefusedValueException Refuse(string reason) => new("Rule", text, reason);

        private void NotNegated()
        {
            if (_not)
                throw Refuse($"{_option} cannot be negated.");
        }

        private string Take(string what) => _next < tokens.Count ? tokens[_next++] : throw Refuse($"{what} is missing.");
    }
}
