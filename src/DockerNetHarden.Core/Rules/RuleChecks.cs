using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>The checks of <see cref="RuleFields"/> that are longer than a line: each makes a value canonical, or refuses it.</summary>
internal static partial class RuleChecks
{
    // xt_LOG keeps 30 bytes with the terminating zero, xt_comment 256.
    private const int MaxLogPrefix = 29;
    private const int MaxComment = 255;

    private static readonly string[] BuiltInTargets = ["ACCEPT", "DROP", "RETURN", "REJECT", "LOG", "QUEUE", "NFQUEUE", "MARK", "CONNMARK", "DNAT", "SNAT", "MASQUERADE", "REDIRECT", "NETMAP", "TPROXY", "CT", "NOTRACK", "TEE", "NFLOG", "SET", "TCPMSS", "CLASSIFY", "DSCP", "TOS", "TTL", "HL", "AUDIT", "TRACE"];

    public static object Family(RuleSpec rule)
    {
        var family = rule.Family;
        foreach (var field in RuleFields.All.Where(field => field.IsAddress && rule.Has(field)))
        {
            var text = rule.Text(field)!;
            if (Operand.Parse(Negatable.Parse(text).Value, field.Name).IsSymbolic)
                continue;
            foreach (var found in Families(rule, field, Negatable.Parse(text).Value))
            {
                if (family is not null && family != found)
                    throw new RefusedValueException(field.Name, text, $"the address is {found}, the rule is {family}; a rule has one family, so make one for each.");
                family = found;
            }
        }
        return family ?? Addresses.Family.IPv4;
    }

    public static string? Interface(RuleSpec rule, string value, string part, Func<Hook, bool> knows)
    {
        var hook = Hook.Check(rule.Table!, rule.Chain!);
        if (!knows(hook))
            throw new RefusedValueException(part, value, $"in {hook.Table} {hook.Chain} that interface is not known to the kernel.");
        return Operand.Parse(value, part) switch
        {
            Operand.Literal { Value: "+" } => null,
            Operand.Literal literal => InterfaceName.Check(literal.Value, part, allowWildcard: true),
            Operand.Docker { Symbol: DockerSymbol.Bridges or DockerSymbol.NewBridges } or Operand.Network => value,
            _ => throw new RefusedValueException(part, value, "an interface is a name, network:NAME, docker:bridges or docker:new-bridges."),
        };
    }

    public static string? Address(RuleSpec rule, string value, string part) => Operand.Parse(value, part) switch
    {
        Operand.Literal => LiteralAddress(rule, value, part),
        Operand.Docker { Symbol: DockerSymbol.Bridges or DockerSymbol.Pools or DockerSymbol.Resolvers } or Operand.Network => value,
        Operand.Cloud { Symbol: CloudSymbol.Metadata or CloudSymbol.DhcpServer } when part is not "Source" => value,
        _ => throw new RefusedValueException(part, value, "an address is a prefix, network:NAME, docker:bridges, docker:pools or docker:resolvers; a destination can be cloud:metadata or cloud:dhcp-server too."),
    };

    /// <summary>Destinations: an address or, in a control's rule, several.</summary>
    public static string? Destinations(RuleSpec rule, string value, string part)
    {
        if (!value.Contains(',', StringComparison.Ordinal) || !MayHaveSeveral(rule))
            return Address(rule, value, part);
        if (rule.Destination!.StartsWith('!'))
            throw new RefusedValueException(part, rule.Destination, "several prefixes cannot be negated; leave the '!' out, or name one.");
        // All are of the rule's family, which came of them.
        return Several(value, part) is var canonical and not ("0.0.0.0/0" or "::/0") ? canonical : null;
    }

    // A list in order has its families in order.
    private static Family[] Families(RuleSpec rule, RuleField field, string text) =>
        field == RuleFields.Destination && text.Contains(',', StringComparison.Ordinal) && MayHaveSeveral(rule) && AddressLists.Read(Several(text, field.Name)) is var all ? [all[0].Family, all[^1].Family] : [ParseCidr(text, field.Name).Family];

    private static string Several(string list, string part) => AddressLists.Canonical(list, prefix => ParseCidr(prefix, part));

    // The lines of a person's own rules stand as they were given, one for each rule; a control's rules are put where their destinations are looked up.
    private static bool MayHaveSeveral(RuleSpec rule) => rule.Control is not "Custom";

    public static string Connections(string text) => string.Equals(text, VerdictChain.Opened, StringComparison.OrdinalIgnoreCase) ? VerdictChain.Opened
        : throw new RefusedValueException("Connections", text, $"it is {VerdictChain.Opened}, or left out.");

    public static string? LiteralAddress(RuleSpec rule, string text, string part)
    {
        var cidr = ParseCidr(text, part);
        return cidr.Family != rule.Family ? throw new RefusedValueException(part, text, $"the address is {cidr.Family}, the rule is {rule.Family}.")
            : cidr.ToString() is var canonical and not ("0.0.0.0/0" or "::/0") ? canonical : null;
    }

    public static string Ports(RuleSpec rule, string text, string part)
    {
        var ports = PortList.Parse(text, part).ToString();
        return RuleWords.HasPorts(rule.Protocol) ? ports : throw new RefusedValueException("Protocol", rule.Protocol, $"the ports {ports} need a protocol that has ports: tcp, udp, sctp, dccp or udplite.");
    }

    public static string DestinationPorts(RuleSpec rule, string text, string part) => rule.DestinationPort switch
    {
        not ("docker:published" or "cloud:kept" or "cloud:kept-without-dns" or "cloud:host-ports") => Ports(rule, text, part),
        _ when rule.Protocol is not null => throw new RefusedValueException(part, text, "these ports have their own protocols; leave the protocol out."),
        not ("docker:published" or "cloud:host-ports") when rule.Destination is not "cloud:metadata" => throw new RefusedValueException(part, text, "these are ports of the cloud's metadata addresses; name the destination cloud:metadata too."),
        _ => text,
    };

    public static string? OriginalDestination(RuleSpec rule, string text, string part) => text is "cloud:metadata" ? text : LiteralAddress(rule, text, part);

    public static string OnePort(string text, string part)
    {
        var ports = PortList.Parse(text, part);
        return ports.IsSingle ? ports.ToString() : throw new RefusedValueException(part, text, "conntrack matches one port or one range; make a rule for each.");
    }

    public static string TcpFlags(RuleSpec rule, string text, string part) =>
        rule.Protocol is "tcp" ? RuleWords.TcpFlags(text) : throw new RefusedValueException(part, text, "only tcp has flags; add -p tcp.");

    public static string IcmpType(RuleSpec rule, string text) => rule.Protocol is "icmp" or "ipv6-icmp"
        ? RuleWords.IcmpType(text, rule.Family!.Value)
        : throw new RefusedValueException("IcmpType", text, "only ICMP has types; add -p icmp, or -p icmpv6 in an IPv6 rule.");

    public static string SetMatch(string text) =>
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var name, var flags] && SetPattern().IsMatch(name) && flags.Split(',') is { Length: <= 6 } sides && sides.All(flag => flag is "src" or "dst")
            ? $"{name} {flags}"
            : throw new RefusedValueException("Set", text, "write the ipset's name (at most 31 characters) and what is looked up in it: blocked dst, or pairs src,dst.");

    public static object? LimitBurst(RuleSpec rule)
    {
        if (rule.Limit is not { } limit)
            return rule.LimitBurst is null ? null : throw new RefusedValueException("LimitBurst", Number(rule.LimitBurst), "a burst needs a limit.");
        var burst = Burst(rule.LimitBurst, "LimitBurst", 10_000);
        // xt_limit counts in credits, some 25,600 to 38,400 a second (HZ times CREDITS_PER_JIFFY), in 32 bits, and refuses what overflows: anything that takes
        // longer than this to fill up again. nf_tables would accept it; a rule must not depend on that.
        return Rate.ParseLimit(limit, "Limit").Period * burst <= 10_000L * (uint.MaxValue / 38_400)
            ? burst
            : throw new RefusedValueException("Limit", limit, $"with a burst of {burst} the kernel's counter overflows; use a smaller burst or a faster rate.");
    }

    public static string HashLimit(string text) =>
        text.Split(' ', StringSplitOptions.RemoveEmptyEntries) is ["above" or "upto", _] words
            ? $"{words[0]} {Rate.ParseHashLimit(words[1], "HashLimit")}"
            : throw new RefusedValueException("HashLimit", text, "write above and a rate (matches beyond it) or upto and a rate (matches within it): above 5/min.");

    public static object? HashLimitBurst(RuleSpec rule) => OfHashLimit(rule, Number(rule.HashLimitBurst)) is null ? null : Burst(rule.HashLimitBurst, "HashLimitBurst", 1_000_000);

    public static string HashLimitMode(RuleSpec rule, string text)
    {
        OfHashLimit(rule, text);
        return RuleWords.HashMode(text);
    }

    public static string HashLimitName(RuleSpec rule, string name)
    {
        OfHashLimit(rule, name);
        return name.Length is 0 or > 15 || name.Any(c => c is '/' or '"' or '\\' || c <= ' ' || c > '~')
            ? throw new RefusedValueException("HashLimitName", name, "a name has 1 to 15 printable characters without spaces, quotes and slashes: it becomes a file under /proc/net/ipt_hashlimit.")
            : name;
    }

    // Under an unchanged name the kernel keeps the buckets and the rate that the name was first used with, so the name is made from everything that shapes them.
    public static string? BucketName(RuleSpec rule)
    {
        if (rule.HashLimit is null)
            return null;
        var shape = string.Join('|', rule.Control, rule.Subject, rule.Network, rule.Family, rule.HashLimit, Number(rule.HashLimitBurst), rule.HashLimitMode, rule.DestinationPort);
        return "dnh-" + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(shape)))[..10].ToLowerInvariant();
    }

    public static string Comment(RuleSpec rule, string text)
    {
        var comment = new RuleMark(rule.Control, rule.Subject, rule.Network).ToComment(Words(text, "Comment"));
        return comment.Length <= MaxComment ? text : throw new RefusedValueException("Comment", text, $"with the rule's mark it has {comment.Length} characters; iptables keeps {MaxComment}.");
    }

    public static object Action(RuleSpec rule, RuleAction action) =>
        !Enum.IsDefined(action) ? throw new RefusedValueException("Action", action.ToString(), "the actions are Accept, Return, Drop, Reject, Log, Jump and Report.")
        : rule.Has(RuleFields.Connections) && (action is not (RuleAction.Drop or RuleAction.Reject) || rule.Has(RuleFields.ConnectionState) || rule.Has(RuleFields.ConnectionDirection))
            ? throw new RefusedValueException("Connections", VerdictChain.Opened, "a rule for the connections that containers opened drops or rejects, and names no state or direction of its own.")
        : action == RuleAction.Reject && rule.Table is not "filter" ? throw new RefusedValueException("Action", "REJECT", $"the kernel rejects in table filter only, not in {rule.Table}; use DROP there.")
        : action;

    public static string RejectWith(RuleSpec rule, string text)
    {
        if (rule.Action != RuleAction.Reject)
            throw new RefusedValueException("RejectWith", text, "only a rule with the action Reject sends an answer.");
        if (rule.Has(RuleFields.Connections))
            throw new RefusedValueException("RejectWith", text, $"{VerdictChain.Reject.Name} answers tcp with a reset and everything else with an ICMP error; leave it out.");
        var answer = RuleWords.RejectWith(text, rule.Family!.Value);
        return answer is "tcp-reset" && rule.Protocol is not "tcp" ? throw new RefusedValueException("RejectWith", answer, "only tcp can be answered with a reset; add -p tcp.") : answer;
    }

    public static string LogPrefix(RuleSpec rule, string text) =>
        rule.Action != RuleAction.Log ? throw new RefusedValueException("LogPrefix", text, "only a rule with the action Log has a prefix.")
        : Words(text, "LogPrefix").Length <= MaxLogPrefix ? text
        : throw new RefusedValueException("LogPrefix", text, $"the kernel keeps {MaxLogPrefix} characters, this one has {text.Length}.");

    public static string JumpTarget(RuleSpec rule, string target)
    {
        if (rule.Action != RuleAction.Jump)
            throw new RefusedValueException("JumpTarget", target, "only a rule with the action Jump goes to another chain.");
        if (!ChainPattern().IsMatch(target))
            throw new RefusedValueException("JumpTarget", target, "a chain's name has 1 to 28 letters, digits and '_', '.', '+', '-', and does not begin with '-'.");
        if (BuiltInTargets.Contains(target, StringComparer.Ordinal))
            throw new RefusedValueException("JumpTarget", target, "this is a target of iptables' own that this module does not write; the targets are ACCEPT, RETURN, DROP, REJECT, LOG and chains.");
        if (target.StartsWith(Hook.Prefix, StringComparison.Ordinal) || Hook.All.Any(known => string.Equals(known.Chain, target, StringComparison.Ordinal)))
            throw new RefusedValueException("JumpTarget", target, "a rule cannot jump to a hook or to a chain of ours: a loop would be possible.");
        return target;
    }

    private static string? OfHashLimit(RuleSpec rule, string? orphan) =>
        rule.HashLimit ?? (orphan is null ? null : throw new RefusedValueException("HashLimit", orphan, "a burst, a mode or a name of hashlimit needs its rate: above 5/min, or upto 5/min."));

    private static Cidr ParseCidr(string text, string part)
    {
        if (text.Contains(',', StringComparison.Ordinal))
            throw new RefusedValueException(part, text, "a rule has one prefix; make a rule for each.");
        try
        {
            return Cidr.Parse(text);
        }
        catch (FormatException error)
        {
            throw new RefusedValueException(part, text, error.Message, error);
        }
    }

    private static int Burst(int? burst, string part, int most) => burst switch
    {
        null => 5,
        >= 1 when burst <= most => burst.Value,
        _ => throw new RefusedValueException(part, Number(burst), $"a burst is a whole number of packets from 1 to {most}."),
    };

    // Free text is always data, but it must stay on its line and survive iptables' quoting.
    private static string Words(string text, string part) =>
        text.Length == 0 ? throw new RefusedValueException(part, text, "it is empty; leave it out.")
        : text.Any(c => c is < ' ' or > '~') ? throw new RefusedValueException(part, text, "it may hold printable ASCII characters only: no line ends, tabs or other control characters.")
        : text;

    private static string? Number(int? number) => number?.ToString(CultureInfo.InvariantCulture);

    [GeneratedRegex(@"\A[A-Za-z0-9_.+][A-Za-z0-9_.+-]{0,27}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ChainPattern();

    [GeneratedRegex(@"\A[A-Za-z0-9_.:-]{1,31}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex SetPattern();
}
