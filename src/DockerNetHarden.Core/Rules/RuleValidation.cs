using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>Makes a specification canonical, or refuses it. Everything that the kernel or iptables-restore would refuse later is refused here, by name.</summary>
internal static partial class RuleValidation
{
    // xt_LOG keeps 30 bytes with the terminating zero.
    private const int MaxLogPrefix = 29;

    public static RuleSpec Normalize(RuleSpec given)
    {
        var action = given.Action ?? throw new RefusedValueException("Action", null, "a rule needs a target; write -j ACCEPT, RETURN, DROP, REJECT, LOG or a chain's name.");
        var family = FamilyOf(given);
        var table = given.Table ?? "filter";
        var hook = Hook.Check(table, given.Chain ?? Hook.DockerUser);
        var rule = given with
        {
            Action = action,
            Family = family,
            Table = table,
            Chain = hook.Chain,
            InInterface = Something(Interface(given.InInterface, "InInterface", hook.HasInInterface, hook), "InInterface"),
            OutInterface = Something(Interface(given.OutInterface, "OutInterface", hook.HasOutInterface, hook), "OutInterface"),
            Source = Something(Address(given.Source, "Source", family), "Source"),
            Destination = Something(Address(given.Destination, "Destination", family), "Destination"),
            Protocol = Negatable.Normalize(given.Protocol, text => RuleWords.Protocol(text, family)),
            ConnectionState = Negatable.Normalize(given.ConnectionState, RuleWords.State),
            ConnectionDirection = given.ConnectionDirection is null ? null : RuleWords.Direction(given.ConnectionDirection),
            OriginalDestination = Something(Negatable.Normalize(given.OriginalDestination, text => LiteralAddress(text, "OriginalDestination", family)), "OriginalDestination"),
            OriginalDestinationPort = Negatable.Normalize(given.OriginalDestinationPort, SinglePort),
            SourceAddressType = Negatable.Normalize(given.SourceAddressType, text => RuleWords.AddressType(text, "SourceAddressType", family)),
            DestinationAddressType = Negatable.Normalize(given.DestinationAddressType, text => RuleWords.AddressType(text, "DestinationAddressType", family)),
            Set = Negatable.Normalize(given.Set, SetMatch),
            Comment = Words(given.Comment, "Comment"),
        };
        Ports(rule);
        Flags(rule, family);
        Limits(rule);
        Target(rule, hook, family);
        CommentLength(rule);
        return rule;
    }

    private static Family FamilyOf(RuleSpec given)
    {
        var family = given.Family;
        foreach (var (part, text) in new[] { ("Source", given.Source), ("Destination", given.Destination), ("OriginalDestination", given.OriginalDestination) })
        {
            if (text is null || Operand.Parse(Negatable.Parse(text).Value, part).IsSymbolic)
                continue;
            var found = ParseCidr(Negatable.Parse(text).Value, part).Family;
            if (family is not null && family != found)
                throw new RefusedValueException(part, text, $"the address is {found}, the rule is {family}; a rule is of one family, make one for each.");
            family = found;
        }
        return family ?? Family.IPv4;
    }

    // What matches everything says nothing: iptables-save leaves it out, and it would never be read back as it was written.
    private static string? Something(string? text, string part) => text switch
    {
        "0.0.0.0/0" or "::/0" or "+" => null,
        "!0.0.0.0/0" or "!::/0" or "!+" => throw new RefusedValueException(part, text, "it matches nothing, so the rule would never act."),
        _ => text,
    };

    private static string? Interface(string? text, string part, bool known, Hook hook)
    {
        if (text is not null && !known)
            throw new RefusedValueException(part, text, $"in {hook.Table} {hook.Chain} that interface is not known to the kernel.");
        return Negatable.Normalize(text, value => Operand.Parse(value, part) switch
        {
            Operand.Literal literal => InterfaceName.Check(literal.Value, part, allowWildcard: true),
            Operand.Docker { Symbol: DockerSymbol.Bridges or DockerSymbol.NewBridges } or Operand.Network => value,
            _ => throw new RefusedValueException(part, value, "as an interface can stand a name, network:NAME, docker:bridges or docker:new-bridges."),
        });
    }

    private static string? Address(string? text, string part, Family family) =>
        Negatable.Normalize(text, value => Operand.Parse(value, part) switch
        {
            Operand.Literal => LiteralAddress(value, part, family),
            Operand.Docker { Symbol: DockerSymbol.Bridges or DockerSymbol.Pools or DockerSymbol.Resolvers } or Operand.Network => value,
            _ => throw new RefusedValueException(part, value, "as an address can stand a prefix, network:NAME, docker:bridges, docker:pools or docker:resolvers."),
        });

    private static string LiteralAddress(string text, string part, Family family)
    {
        var cidr = ParseCidr(text, part);
        return cidr.Family == family ? cidr.ToString() : throw new RefusedValueException(part, text, $"the address is {cidr.Family}, the rule is {family}.");
    }

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

    private static string SinglePort(string text)
    {
        var ports = PortList.Parse(text, "OriginalDestinationPort");
        return ports.IsSingle ? ports.ToString() : throw new RefusedValueException("OriginalDestinationPort", text, "conntrack matches one port or one range; make a rule for each.");
    }

    private static void Ports(RuleSpec rule)
    {
        rule.SourcePort = Negatable.Normalize(rule.SourcePort, text => PortList.Parse(text, "SourcePort").ToString());
        if (string.Equals(rule.DestinationPort, "docker:published", StringComparison.Ordinal))
        {
            if (rule.Protocol is not null)
                throw new RefusedValueException("DestinationPort", rule.DestinationPort, "the published ports bring their protocols along; leave the protocol out.");
            return;
        }
        rule.DestinationPort = Negatable.Normalize(rule.DestinationPort, text => PortList.Parse(text, "DestinationPort").ToString());
        if ((rule.SourcePort ?? rule.DestinationPort) is { } ports && !RuleWords.HasPorts(rule.Protocol))
            throw new RefusedValueException("Protocol", rule.Protocol, $"the ports {ports} need a protocol that has ports: tcp, udp, sctp, dccp or udplite.");
    }

    private static void Flags(RuleSpec rule, Family family)
    {
        if (rule.TcpFlags is not null && rule.Protocol is not "tcp")
            throw new RefusedValueException("TcpFlags", rule.TcpFlags, "only tcp has them; add -p tcp.");
        rule.TcpFlags = Negatable.Normalize(rule.TcpFlags, RuleWords.TcpFlags);
        if (rule.IcmpType is not null && rule.Protocol is not ("icmp" or "ipv6-icmp"))
            throw new RefusedValueException("IcmpType", rule.IcmpType, "only ICMP has types; add -p icmp, or -p icmpv6 in an IPv6 rule.");
        rule.IcmpType = Negatable.Normalize(rule.IcmpType, text => RuleWords.IcmpType(text, family));
    }

    private static void Limits(RuleSpec rule)
    {
        if (rule.Limit is null && rule.LimitBurst is not null)
            throw new RefusedValueException("LimitBurst", Number(rule.LimitBurst), "a burst needs a limit.");
        if (rule.Limit is not null)
        {
            var rate = Rate.ParseLimit(rule.Limit, "Limit");
            rule.Limit = rate.ToString();
            rule.LimitBurst = Burst(rule.LimitBurst, "LimitBurst", 10_000);
            // xt_limit counts in credits, some 25,600 to 38,400 a second (HZ times CREDITS_PER_JIFFY), in 32 bits, and refuses what overflows: what takes
            // longer than this to fill up again. nf_tables would take it; a rule must not depend on that.
            if (rate.Period * rule.LimitBurst > 10_000L * (uint.MaxValue / 38_400))
                throw new RefusedValueException("Limit", rule.Limit, $"with a burst of {rule.LimitBurst} the kernel's counter overflows; take a smaller burst or a faster rate.");
        }

        if (rule.HashLimit is null)
        {
            if ((Number(rule.HashLimitBurst) ?? rule.HashLimitMode ?? rule.HashLimitName) is { } orphan)
                throw new RefusedValueException("HashLimit", orphan, "a burst, a mode or a name of hashlimit needs its rate: above 5/min, or upto 5/min.");
            return;
        }
        var words = rule.HashLimit.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words is not ["above" or "upto", _])
            throw new RefusedValueException("HashLimit", rule.HashLimit, "write above and a rate (matches beyond it) or upto and a rate (matches within it): above 5/min.");
        rule.HashLimit = $"{words[0]} {Rate.ParseHashLimit(words[1], "HashLimit")}";
        rule.HashLimitBurst = Burst(rule.HashLimitBurst, "HashLimitBurst", 1_000_000);
        rule.HashLimitMode = rule.HashLimitMode is null ? null : RuleWords.HashMode(rule.HashLimitMode);
        if (rule.HashLimitName is null)
            rule.HashLimitName = BucketName(rule);
        else if (rule.HashLimitName.Length is 0 or > 15 || rule.HashLimitName.Any(c => c is '/' or '"' or '\\' || c <= ' ' || c > '~'))
            throw new RefusedValueException("HashLimitName", rule.HashLimitName, "a name has 1 to 15 printable characters without spaces, quotes and slashes: it becomes a file under /proc/net/ipt_hashlimit.");
    }

    // Under an unchanged name the kernel keeps the buckets and the rate that the name was first used with, so the name is made from all that shapes them.
    private static string BucketName(RuleSpec rule)
    {
        var shape = string.Join('|', rule.Control, rule.Subject, rule.Network, rule.Family, rule.HashLimit, Number(rule.HashLimitBurst), rule.HashLimitMode, rule.DestinationPort);
        return "dnh-" + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(shape)))[..10].ToLowerInvariant();
    }

    private static int Burst(int? burst, string part, int most) => burst switch
    {
        null => 5,
        >= 1 when burst <= most => burst.Value,
        _ => throw new RefusedValueException(part, Number(burst), $"a burst is a whole number of packets from 1 to {most}."),
    };

    private static string? Number(int? number) => number?.ToString(CultureInfo.InvariantCulture);
}
