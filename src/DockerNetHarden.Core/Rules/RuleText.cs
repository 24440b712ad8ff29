using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>Writes a rule as iptables-save would: the same options in the same order, so that what is read back can be compared as text.</summary>
internal static class RuleText
{
    /// <summary>The whole canonical text: family, table and hook in front.</summary>
    public static string Write(FirewallRule rule)
    {
        var family = rule.Family == Family.IPv6 ? "-6 " : "";
        var table = rule.Table is "filter" ? "" : $"-t {rule.Table} ";
        return $"{family}{table}-A {rule.Chain} {SaveTokenizer.Join(Tokens(rule))}";
    }

    /// <summary>The arguments behind <c>-A CHAIN</c>.</summary>
    public static IReadOnlyList<string> Tokens(FirewallRule rule)
    {
        var tokens = new List<string>();
        Option(tokens, "-s", rule.Source);
        Option(tokens, "-d", rule.Destination);
        Option(tokens, "-i", rule.InInterface);
        Option(tokens, "-o", rule.OutInterface);
        Option(tokens, "-p", rule.Protocol);
        Transport(tokens, rule);
        Match(tokens, "conntrack", [("--ctstate", rule.ConnectionState), ("--ctorigdst", rule.OriginalDestination), ("--ctorigdstport", rule.OriginalDestinationPort), ("--ctdir", rule.ConnectionDirection)]);
        Match(tokens, "addrtype", [("--src-type", rule.SourceAddressType), ("--dst-type", rule.DestinationAddressType)]);
        if (rule.Set is not null)
        {
            var set = Negatable.Parse(rule.Set);
            tokens.AddRange(["-m", "set", .. set.Not ? ["!"] : Array.Empty<string>(), "--match-set", .. set.Value.Split(' ')]);
        }
        Match(tokens, "limit", [("--limit", rule.Limit), ("--limit-burst", rule.LimitBurst is 5 ? null : Number(rule.LimitBurst))]);
        if (rule.HashLimit?.Split(' ') is [var direction, var rate])
        {
            Match(tokens, "hashlimit",
            [
                ($"--hashlimit-{direction}", rate), ("--hashlimit-burst", Number(rule.HashLimitBurst)),
                ("--hashlimit-mode", rule.HashLimitMode), ("--hashlimit-name", rule.HashLimitName),
            ]);
        }
        tokens.AddRange(["-m", "comment", "--comment", rule.Mark.ToComment(rule.Comment), "-j"]);
        Target(tokens, rule);
        return tokens;
    }

    private static void Transport(List<string> tokens, FirewallRule rule)
    {
        var source = Single(rule.SourcePort);
        var destination = Single(rule.DestinationPort);
        if (RuleWords.HasPorts(rule.Protocol))
            Match(tokens, rule.Protocol!, [("--sport", source), ("--dport", destination), ("--tcp-flags", rule.TcpFlags)]);
        else if (rule.IcmpType is not null)
            Match(tokens, rule.Family == Family.IPv4 ? "icmp" : "icmp6", [(rule.Family == Family.IPv4 ? "--icmp-type" : "--icmpv6-type", rule.IcmpType)]);
        if (source is null)
            Match(tokens, "multiport", [("--sports", rule.SourcePort)]);
        if (destination is null)
            Match(tokens, "multiport", [("--dports", rule.DestinationPort)]);
    }

    // One port or one range is written with the protocol's own match, a list with multiport.
    private static string? Single(string? ports) =>
        ports is null || ports.Contains(',', StringComparison.Ordinal) || ports.Contains("docker:", StringComparison.Ordinal) ? null : ports;

    private static void Target(List<string> tokens, FirewallRule rule)
    {
        switch (rule.Action)
        {
            case RuleAction.Reject:
                tokens.AddRange(["REJECT", "--reject-with", rule.RejectWith!]);
                break;
            case RuleAction.Log:
                tokens.Add("LOG");
                Option(tokens, "--log-prefix", rule.LogPrefix, negatable: false);
                break;
            case RuleAction.Jump:
                tokens.Add(rule.JumpTarget!);
                break;
            default:
                tokens.Add(rule.Action.ToString().ToUpperInvariant());
                break;
        }
    }

    private static void Match(List<string> tokens, string module, (string Option, string? Value)[] options)
    {
        if (Array.TrueForAll(options, option => option.Value is null))
            return;
        tokens.AddRange(["-m", module]);
        foreach (var (option, value) in options)
            Option(tokens, option, value);
    }

    private static void Option(List<string> tokens, string option, string? text, bool negatable = true)
    {
        if (text is null)
            return;
        var value = negatable ? Negatable.Parse(text) : new Negatable(false, text);
        if (value.Not)
            tokens.Add("!");
        tokens.Add(option);
        // --tcp-flags takes two arguments.
        if (option is "--tcp-flags")
            tokens.AddRange(value.Value.Split(' '));
        else
            tokens.Add(value.Value);
    }

    private static string? Number(int? number) => number?.ToString(CultureInfo.InvariantCulture);
}
