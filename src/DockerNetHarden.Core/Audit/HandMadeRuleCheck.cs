using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Audit;

/// <summary>
/// Rules that people pasted from guides (Cortex XSOAR's Docker network hardening, articles on containers in AWS and Azure) and that the controls of this module replace. Each does some harm of its
/// own, and none covers what its author meant. Only the chains that those guides use are looked at, INPUT and DOCKER-USER.
/// </summary>
internal sealed partial class HandMadeRuleCheck : ICheck
{
    private static readonly CheckInfo Info = new("HAND-MADE-RULE", "No pasted rule does harm that a control of this module avoids", Severity.Medium);

    // Docker's pools in the guide's words; they include the default VPC of AWS.
    private static readonly Cidr GuidePool = Cidr.Parse("172.16.0.0/12");
    private static readonly Cidr AwsDefault = Cidr.Parse("172.31.0.0/16");
    private static readonly string[] MailPorts = SmtpRate.DefaultPorts.Split(',');

    /// <summary>A hand-made rule, the harm that it does, and the control that replaces it.</summary>
    private sealed record Leftover(RuleLine Line, FirewallRule Rule, string Harm, string Control, string Command);

    public IEnumerable<HardeningFinding> Of(AuditedHost audit)
    {
        var found = audit.Host.Rules.OrderBy(pair => pair.Key)
            .SelectMany(pair => pair.Value["filter", "INPUT"].Select(line => (Line: line, Of: (Func<AuditedHost, Ruleset, FirewallRule, RuleLine, Leftover?>)InInput))
                .Concat(pair.Value["filter", Hook.DockerUser].Select(line => (Line: line, Of: (Func<AuditedHost, Ruleset, FirewallRule, RuleLine, Leftover?>)InDockerUser)))
                .Select(each => Read(each.Line) is { } rule ? each.Of(audit, pair.Value, rule, each.Line) : null))
            .OfType<Leftover>().ToList();
        if (found.Count == 0)
            return [Info.Found(audit, FindingStatus.Pass)];
        var missing = found.Where(each => !IsCovered(audit, each))
            .Select(each => each.Command).Distinct(StringComparer.Ordinal).ToList();
        return
        [
            Info.Found(audit, FindingStatus.Fail, [.. found.Select(each => FormattableString.Invariant($"{Command(audit, each.Line)} {each.Line.Chain} rule {each.Line.Position} ({each.Line.Text}): {each.Harm}"))]) with
            {
                Remedy = string.Join('\n',
                [
                    .. missing.Count == 0 ? ["The controls that replace these rules stand. Remove the old rules:"]
                        : new[] { "First apply the controls that replace these rules:", $"& {{ {string.Join("; ", missing)} }} | Invoke-FirewallRule", "Then remove the old rules:" },
                    .. found.Select(each => Removal(audit, each.Line)),
                    "If your distribution saves rules, save them again (for example netfilter-persistent save), or the old ones are back after a reboot.",
                ]),
            },
        ];
    }

    // Whether blocks of the control stand for every packet that the old rule is about, on every network from which it can come.
    private static bool IsCovered(AuditedHost audit, Leftover leftover)
    {
        var (old, source) = (leftover.Rule, Source(leftover.Rule));
        var bridges = old.InInterface is { } link ? [link] : audit.Networks.Where(network => source is null || network.Network.Subnets.Any(source.Value.Overlaps)).Select(network => network.Bridge).ToList();
        return bridges.Count > 0 && bridges.TrueForAll(bridge => audit.Controls.For(leftover.Control, old.Family, bridge).Any(rule =>
            rule.Action is RuleAction.Drop or RuleAction.Reject
            && (rule.Destination is null || (Destination(old) is { } place && AddressLists.Destinations(rule).Any(wide => wide.Contains(place))))
            && (rule.DestinationPort is null || old.DestinationPort?.Split(',').Except(rule.DestinationPort.Split(','), StringComparer.Ordinal).Any() == false)));
    }

    private static Leftover? InInput(AuditedHost audit, Ruleset rules, FirewallRule rule, RuleLine line)
    {
        if (rule.Action is not (RuleAction.Drop or RuleAction.Reject) || rule.Protocol is not null || rule.ConnectionState is not null || rule.ConnectionDirection is not null)
            return null;
        if (rule.InInterface is null && Source(rule) is { } source && (source == GuidePool || audit.Networks.Any(network => network.Network.Subnets.Any(source.Contains))))
        {
            var vpc = source.Contains(AwsDefault) ? $" ({AwsDefault} is the default VPC of AWS)" : "";
            return new(line, rule, $"it locks out every client in {source}, not only containers{vpc}, and does not stop a container that forges its source.",
                nameof(HostAccess), "Block-ContainerHostAccess");
        }
        return Bridged(audit, rule) is { } from && !PassesReplies(rules, line)
            ? new(line, rule, $"it drops replies too: the host no longer reaches containers on {from.Name}, nor ports published on 127.0.0.1. Other networks are not covered.", nameof(HostAccess), "Block-ContainerHostAccess")
            : null;
    }

    private static Leftover? InDockerUser(AuditedHost audit, Ruleset rules, FirewallRule rule, RuleLine line)
    {
        if (rule.Protocol is "tcp" && rule.DestinationPort is { } ports && ports.Split(',').All(port => MailPorts.Contains(port, StringComparer.Ordinal)))
        {
            return rule.Action switch
            {
                RuleAction.Return or RuleAction.Accept when rule.Limit is not null => Mail("mail within the rate skips every later rule of the chain, and mail to a published mail server counts too."),
                RuleAction.Drop or RuleAction.Reject => Mail("it drops mail to a published mail server too; without the rate limit before it, it drops all mail."),
                _ => null,
            };
        }
        if (Destination(rule) is not { } place || Bridged(audit, rule) is not { } from)
            return null;
        if (MetadataAccessOf.Addresses.Contains(place))
        {
            return rule.Action is RuleAction.Drop or RuleAction.Reject or RuleAction.Accept or RuleAction.Return
                ? new(line, rule, $"it is about {from.Name} alone: other networks are not covered{(rule.Action is RuleAction.Drop or RuleAction.Reject ? ", and it does not hold while Docker removes its jump to DOCKER-USER" : "")}.", nameof(MetadataAccess), "Block-ContainerMetadataAccess")
                : null;
        }
        return rule is { Action: RuleAction.Drop or RuleAction.Reject, Protocol: null, ConnectionState: null, ConnectionDirection: null, OutInterface: null }
            && InternalAccess.DefaultRanges.Any(range => range == place) && !PassesReplies(rules, line)
            ? new(line, rule, $"it drops the replies of containers on {from.Name} to clients in {place}, so that they cannot use a published port.", nameof(InternalAccess), "Block-ContainerInternalAccess" + (from.WhyUnbindable is null ? " -Network " + from.Name : ""))
            : null;

        Leftover Mail(string harm) => new(line, rule, harm, nameof(SmtpRate), "Set-SmtpRateLimit");
    }

    // A line with a match that this module does not know cannot come from those guides.
    private static FirewallRule? Read(RuleLine line)
    {
        try
        {
            // Tens of thousands of lines may block an address each (fail2ban); the guides name no single source.
            return line.Target is not ("ACCEPT" or "DROP" or "REJECT" or "RETURN") || RuleOptions.LastValueOf(line.Tokens, "-s")?.EndsWith("/32", StringComparison.Ordinal) == true ? null
                : FirewallRule.Parse(Plan.CommandLine(line));
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static Cidr? Source(FirewallRule rule) => Cidr.TryParse(rule.Source, out var source) ? source : null;

    private static Cidr? Destination(FirewallRule rule) => Cidr.TryParse(rule.Destination, out var destination) ? destination : null;

    private static AuditedNetwork? Bridged(AuditedHost audit, FirewallRule rule) => audit.Networks.FirstOrDefault(network => string.Equals(network.Bridge, rule.InInterface, StringComparison.Ordinal));

    // Many hosts begin with -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT; then only new connections meet the rule.
    private static bool PassesReplies(Ruleset rules, RuleLine line) => rules[line.Table, line.Chain].Take(line.Position - 1).Any(before =>
        Read(before) is { Action: RuleAction.Accept or RuleAction.Return, InInterface: null, Source: null, Destination: null, Protocol: null, ConnectionState: { } states } && states.Split(',').Contains("ESTABLISHED", StringComparer.Ordinal));

    private static string Removal(AuditedHost audit, RuleLine line)
    {
        var command = Command(audit, line);
        return line.Tokens.Any(token => ShownText.Plain(token) != token)
            ? $"# {line.Chain} holds a rule with characters that cannot be typed; find its number with {command} -L {line.Chain} --line-numbers"
            : $"{command} -D {line.Chain} {string.Join(' ', line.Tokens.Select(Quoted))}";
    }

    private static string? Command(AuditedHost audit, RuleLine line) => line.Family == Family.IPv4 ? audit.Host.Iptables.Prefix4 : audit.Host.Iptables.Prefix6;

    // For a POSIX shell.
    private static string Quoted(string token) => Bare().IsMatch(token) ? token : $"'{token.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    [GeneratedRegex(@"\A[A-Za-z0-9_./:,+=-]+\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Bare();
}
