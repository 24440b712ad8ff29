using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>
/// A chain of ours that all blocks of a table for the connections that containers opened share: it decides packets in the direction of the side that opened a connection, so that an open keep-alive ends
/// and replies to others pass, and packets that belong to no connection. In IPv6, neighbour discovery and packet-too-big pass every block. What it does not decide goes back to the rule after the one that jumped. Source: iptables-extensions(8), conntrack.
/// </summary>
internal sealed record VerdictChain
{
    /// <summary>The value of <see cref="FirewallRule.Connections"/> for rules that jump here.</summary>
    public const string Opened = "Opened";

    private static readonly string[] Sent = ["-m", "conntrack", "--ctdir", "ORIGINAL"];
    private static readonly string[] OfNone = ["-m", "conntrack", "--ctstate", "INVALID,UNTRACKED"];

    // Neighbour solicitation and advertisement: nothing reaches a neighbour without them, and conntrack does not track them. Packet too big: connections stall without it (RFC 4861, RFC 8201, RFC 4890).
    // Router advertisements stay out: a container that sends them makes itself the host's gateway (CVE-2020-13401).
    internal static IReadOnlyList<string> Needed6 { get; } = ["2", "135", "136"];

    private VerdictChain(RuleAction action) => (Action, Name) = (action, Hook.Prefix + action.ToString().ToUpperInvariant());

    /// <summary>Answers tcp with a reset and everything else with an ICMP error.</summary>
    public static VerdictChain Reject { get; } = new(RuleAction.Reject);

    /// <summary>Answers nothing.</summary>
    public static VerdictChain Drop { get; } = new(RuleAction.Drop);

    /// <summary>Decides nothing: it writes what a block would stop into the kernel log, at most sixty lines a minute. The rule that jumps there counts.</summary>
    public static VerdictChain Report { get; } = new(RuleAction.Report);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<VerdictChain> All { get; } = [Reject, Drop, Report];

    /// <summary>How often a report is written, and how many may come at once: <c>--limit</c> and <c>--limit-burst</c>, as the kernel prints them (60/min comes back as 1/sec).</summary>
    internal const string ReportRate = "1/sec";

    internal const int ReportBurst = 100;

    /// <summary>How each line of the kernel log begins that is a report.</summary>
    public const string ReportPrefix = "DNH-REPORT ";

    /// <summary>A note in the comment of every rule of a control that only reports, exceptions included.</summary>
    public const string ReportNote = "report-only";

    /// <summary>Whether a rule belongs to a control that only reports.</summary>
    public static bool IsOfReport(FirewallRule? rule) => rule is not null && (rule.Action == RuleAction.Report || rule.Comment is ReportNote);

    /// <summary>Whether rules that decide for the connections that containers opened jump there.</summary>
    private bool Decides => Action != RuleAction.Report;

    /// <summary>What it does.</summary>
    public RuleAction Action { get; }

    /// <summary>Its name: <c>DNH-REJECT</c>, <c>DNH-DROP</c>.</summary>
    public string Name { get; }

    /// <summary>The chain of an action.</summary>
    public static VerdictChain Of(RuleAction action) => action switch { RuleAction.Reject => Reject, RuleAction.Report => Report, _ => Drop };

    /// <summary>The chain of a name; null if it is none of these.</summary>
    public static VerdictChain? Find(string? name) => All.FirstOrDefault(chain => string.Equals(chain.Name, name, StringComparison.Ordinal));

    /// <summary>Those that a table can have: the kernel rejects in filter only.</summary>
    public static IEnumerable<VerdictChain> In(string table) => table is "filter" ? All : [Drop, Report];

    /// <summary>Those of a table that decide.</summary>
    public static IEnumerable<VerdictChain> DecidingIn(string table) => In(table).Where(chain => chain.Decides);

    /// <summary>Whether a rule matches no packet in the direction of replies.</summary>
    public static bool SparesReplies(FirewallRule rule) => rule.Connections is not null || rule.ConnectionDirection is "ORIGINAL" || rule.ConnectionState is "INVALID,UNTRACKED" or "INVALID" or "UNTRACKED" or "NEW";

    /// <summary>Its lines in a table.</summary>
    public IReadOnlyList<RuleLine> Lines(Family family, string table)
    {
        var error = family == Family.IPv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable";
        IEnumerable<RuleLine> needed = family == Family.IPv4 ? [] : Needed6.Select(type => Line(["-p", "ipv6-icmp", "-m", "icmp6", "--icmpv6-type", type], "RETURN"));
        if (Action == RuleAction.Report)
            return [Line(["-m", "limit", "--limit", ReportRate, "--limit-burst", ReportBurst.ToString(System.Globalization.CultureInfo.InvariantCulture)], "LOG", "--log-prefix", ReportPrefix)];
        // The kernel rate-limits ICMP errors but not resets: of 60 parallel connects 3 were refused at once with ICMP errors, 60 with resets.
        return Action == RuleAction.Reject
            ? [.. needed, Line(["-p", "tcp", .. Sent], "REJECT", "--reject-with", "tcp-reset"), Line(Sent, "REJECT", "--reject-with", error), Line(OfNone, "DROP")]
            : [.. needed, Line(Sent, "DROP"), Line(OfNone, "DROP")];

        RuleLine Line(IEnumerable<string> match, params string[] target) => new(family, table, Name, [.. match, "-m", "comment", "--comment", RuleMark.Owner, "-j", .. target]);
    }

    /// <summary>
    /// The rules that a rule for opened connections means, without a chain that they share: hosts can have rules from before there was one.
    /// </summary>
    public static IReadOnlyList<FirewallRule> Apart(FirewallRule rule)
    {
        if (rule.Connections is null)
            return [rule];
        var rules = new List<FirewallRule>();
        if (rule.Action == RuleAction.Reject && rule.Protocol is null or "tcp")
            rules.Add(rule.With(spec => Decide(spec, "tcp", "tcp-reset", direction: "ORIGINAL")));
        if (rule.Action == RuleAction.Drop || rule.Protocol is not "tcp")
            rules.Add(rule.With(spec => Decide(spec, rule.Protocol, null, direction: "ORIGINAL")));
        rules.Add(rule.With(spec =>
        {
            Decide(spec, rule.Protocol, null, direction: null);
            (spec[RuleFields.ConnectionState], spec[RuleFields.Action]) = ("INVALID,UNTRACKED", RuleAction.Drop);
        }));
        return rules;
    }

    private static void Decide(RuleSpec spec, string? protocol, string? answer, string? direction)
    {
        (spec[RuleFields.Connections], spec.Protocol) = (null, protocol);
        (spec[RuleFields.ConnectionDirection], spec[RuleFields.RejectWith]) = (direction, answer);
    }
}
