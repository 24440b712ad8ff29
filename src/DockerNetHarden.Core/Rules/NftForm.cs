using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>A field's value in nft's words, or why nft has none for it. Source: nft(8).</summary>
/// <param name="Text">A match, ready for a rule.</param>
/// <param name="Problem">Why nft cannot say it, with the way out.</param>
internal readonly record struct NftForm(string? Text, string? Problem = null)
{
    /// <summary>For what the renderer expresses in another way: as a chain, a verdict, a limit or several rules.</summary>
    public static NftForm ByTheRenderer(RuleSpec rule, Negatable value) => default;

    public static Func<RuleSpec, Negatable, NftForm> Interface(string key) => (_, name) => $"{key} {Not(name)}\"{Link(name.Value)}\"";

    /// <summary>An interface's name or pattern as nft writes it.</summary>
    public static string Link(string name) => name.EndsWith('+') ? name[..^1] + "*" : name.EndsWith('*') ? name[..^1] + @"\*" : name;

    /// <summary>The name or pattern that nft writes so.</summary>
    public static string LinkOf(string text) => text.EndsWith(@"\*", StringComparison.Ordinal) ? text[..^2] + "*" : text.EndsWith('*') ? text[..^1] + "+" : text;

    public static Func<RuleSpec, Negatable, NftForm> Address(string key, string before = "") => (rule, cidr) =>
        $"{before}{Word(rule.Family!.Value)} {key} {Not(cidr)}{OneOrSet(string.Join(',', AddressLists.Split(cidr.Value).Select(Prefix)))}";

    public static NftForm Protocol(RuleSpec rule, Negatable name) => $"meta l4proto {Not(name)}{name.Value switch
    {
        // Names that nft knows by itself; the others by number, whatever the host's /etc/protocols says. The numbers: IANA's protocol numbers.
        "ipv6-icmp" => "icmpv6",
        "gre" => "47",
        var other => other,
    }}";

    public static Func<RuleSpec, Negatable, NftForm> Port(string key) => (rule, ports) => $"{rule.Protocol} {key} {Not(ports)}{Ports(ports.Value)}";

    public static NftForm TcpFlags(RuleSpec rule, Negatable flags)
    {
        var parts = flags.Value.Split(' ');
        return $"tcp flags & {Flags(parts[0])} {(flags.Not ? "!=" : "==")} {Flags(parts[1])}";
    }

    public static NftForm IcmpType(RuleSpec rule, Negatable type)
    {
        var parts = type.Value.Split('/');
        var word = rule.Family == Family.IPv4 ? "icmp" : "icmpv6";
        return parts.Length == 2 && type.Not
            ? Cannot("an ICMP type and code together cannot be negated in nft; negate the type alone.")
            : $"{word} type {Not(type)}{parts[0]}{(parts.Length == 2 ? $" {word} code {parts[1]}" : "")}";
    }

    // nft takes the port's type from the protocol before it.
    public static NftForm OriginalPort(RuleSpec rule, Negatable port) => RuleWords.HasPorts(rule.Protocol)
        ? $"ct original proto-dst {Not(port)}{port.Value.Replace(':', '-')}"
        : Cannot("an original port is compared within one protocol that has ports; add -p tcp, for example.");

    public static Func<RuleSpec, Negatable, NftForm> AddressType(string key) => (_, types) =>
        types.Value.Split(',').FirstOrDefault(type => type is "THROW" or "NAT" or "XRESOLVE") is { } unknown
            ? Cannot($"nft has no address type {unknown}; leave it out.")
            : $"fib {key} type {Not(types)}{OneOrSet(types.Value.ToLowerInvariant())}";

    public static NftForm Cannot(string problem) => new(null, problem);

    /// <summary>Ports and ranges as nft writes them: <c>{ 25, 465-587 }</c>.</summary>
    /// <param name="ports">The same as iptables writes them.</param>
    public static string Ports(string ports) => OneOrSet(ports.Replace(':', '-'));

    /// <summary>The word for an address of a rule's family: <c>ip</c> or <c>ip6</c>.</summary>
    public static string Word(Family family) => family == Family.IPv4 ? "ip" : "ip6";

    /// <summary>The word for a family as a packet's protocol: <c>ipv4</c> or <c>ipv6</c>.</summary>
    public static string Protocol(Family family) => family == Family.IPv4 ? "ipv4" : "ipv6";

    /// <summary>The type of a set with addresses of a family: <c>ipv4_addr</c> or <c>ipv6_addr</c>.</summary>
    public static string SetType(Family family) => Protocol(family) + "_addr";

    public static implicit operator NftForm(string text) => new(text);

    private static string Not(Negatable value) => value.Not ? "!= " : "";

    private static string OneOrSet(string list) => list.Contains(',', StringComparison.Ordinal) ? $"{{ {list.Replace(",", ", ", StringComparison.Ordinal)} }}" : list;

    private static string Flags(string list) => list is "NONE" ? "0x0" : $"({string.Join(" | ", list.Split(',').Select(flag => flag.ToLowerInvariant()))})";

    private static string Prefix(string cidr) => Cidr.Parse(cidr) is { IsSingleAddress: true } ? cidr[..cidr.IndexOf('/', StringComparison.Ordinal)] : cidr;
}
