using System.Collections.Immutable;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>Random matches for rules of one family, as a user could write them.</summary>
/// <param name="dice">The chance.</param>
/// <param name="family">The family.</param>
/// <param name="foreign">Whether some are matches that the walk does not model.</param>
internal sealed class MatchGenerator(Dice dice, Family family, bool foreign)
{
    private const string Tcp = "tcp";

    private bool IsV4 => family == Family.IPv4;

    /// <summary>Matches for a rule.</summary>
    /// <param name="chain">The rule's built-in chain; null for a user's chain, where all options are allowed.</param>
    /// <param name="count">How many of them.</param>
    /// <param name="protocol">A protocol that the rule must name; null for any or none.</param>
    public ImmutableList<string> Take(string? chain, int count, string? protocol)
    {
        var matches = new List<string>();
        var kinds = new HashSet<string>(StringComparer.Ordinal);
        if (protocol is not null)
            matches.Add("-p " + protocol);
        for (var i = 0; i < count; i++)
        {
            var kind = foreign && dice.Chance(25) ? "foreign" : Kind(chain);
            if (!kinds.Add(kind is "port" or "ports" or "flags" or "icmp" ? "transport" : kind))
                continue;
            if (kind is "transport" or "port" or "ports" or "flags" or "icmp")
                Transport(matches, kind, ref protocol);
            else
                matches.Add(One(kind));
        }
        return [.. matches];
    }

    private string Kind(string? chain)
    {
        var kind = dice.Weighted(
            (12, "in"), (7, "out"), (12, "source"), (14, "destination"), (8, "transport"), (12, "port"), (7, "ports"), (4, "flags"), (4, "icmp"), (5, "state"), (3, "direction"),
            (6, "original"), (4, "originalport"), (3, "originalsource"), (6, "addrtype"), (9, "set"), (5, "range"), (4, "mark"), (3, "comment"), (3, "exact"));
        return kind switch
        {
            "in" when chain is "POSTROUTING" => "destination",
            "out" when chain is "PREROUTING" or "INPUT" => "source",
            _ => kind,
        };
    }

    private string One(string kind) => kind switch
    {
        "in" => Negatable("-i", Link()),
        "out" => Negatable("-o", Link()),
        "source" => Negatable("-s", dice.Chance(10) ? dice.Pick(OracleSites.Masked(family)) : SourceAddress()),
        "destination" => Negatable("-d", dice.Chance(10) ? dice.Pick(OracleSites.Masked(family)) : Address()),
        // Matches of modules that are seldom exact, and are here.
        "exact" => dice.Pick("-m statistic --mode random --probability 1", "-m statistic --mode random ! --probability 0", "-m statistic --mode random ! --probability 1",
            "-m statistic --mode nth --every 1 --packet 0", "-m statistic --mode nth ! --every 1 --packet 0", "-m physdev --physdev-is-in", "-m physdev ! --physdev-is-in",
            "-m physdev --physdev-is-bridged", "-m physdev ! --physdev-is-bridged", "-m physdev --physdev-in p+", "-m physdev ! --physdev-in p+", "-m recent --set --name seen"),
        "state" => "-m conntrack " + dice.Pick("--ctstate NEW", "--ctstate RELATED,ESTABLISHED", "--ctstate INVALID", "! --ctstate INVALID", "! --ctstate NEW", "--ctstate NEW,RELATED",
            "--ctstate UNTRACKED", "! --ctstate UNTRACKED", "--ctstate DNAT", "! --ctstate DNAT", "--ctstate NEW --ctdir ORIGINAL"),
        "direction" => "-m conntrack --ctdir " + dice.Pick("ORIGINAL", "ORIGINAL", "REPLY"),
        "original" => "-m conntrack " + Negatable("--ctorigdst", Address()) + (dice.Chance(25) ? $" --ctorigdstport {Ports()} --ctdir ORIGINAL" : ""),
        "originalport" => dice.Chance(70) ? $"-m conntrack {Not()}--ctorigdstport {Ports()}" : $"-m conntrack {Not()}--ctorigsrcport {Ports()}",
        "originalsource" => dice.Chance(60) ? "-m conntrack " + Negatable("--ctorigsrc", SourceAddress()) : $"-m conntrack {Not()}--ctproto {dice.Pick("6", "17", "132")}",
        "addrtype" => AddressType(),
        "set" => Set(),
        "range" => $"-m iprange {Not()}{dice.Pick("--src-range", "--dst-range")} {Range()}",
        "mark" => $"-m mark {Not()}--mark {dice.Pick("0x1/0x1", "0x2", "0x0/0x3", "0x3/0xff", "0x0")}",
        "comment" => "-m comment --comment " + dice.Pick("plain", "\"two words\"", "\"-j ACCEPT\"", "\"a \\\"quoted\\\" * ! word\""),
        _ => Foreign(),
    };

    private string Not() => dice.Chance(25) ? "! " : "";

    // iptables-nft refuses a rule that nothing can match.
    private string Negatable(string option, string value) => $"{(value is "+" or "0.0.0.0/0" or "::/0" ? "" : Not())}{option} {value}";

    private string Link() => dice.Chance(15) ? dice.Pick("br-+", "out+", "br-dnhorc+", "eth0", "+") : dice.Pick(OracleSites.Links);

    private string Address() => dice.Chance(50) ? dice.Pick(OracleSites.Prefixes(family)) : dice.Pick(OracleSites.Destinations(family));

    private string SourceAddress() => dice.Chance(50) ? dice.Pick(OracleSites.Prefixes(family)) : dice.Pick(OracleSites.Sources(family));

    private int Port() => dice.Pick(OracleSites.Ports);

    private string Ports()
    {
        if (dice.Chance(60))
            return Text(Port());
        var (a, b) = (Port(), Port());
        if (a == b)
            return Text(a);
        return $"{Text(Math.Min(a, b))}:{Text(Math.Max(a, b))}";
    }

    private static string Text(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private string Range()
    {
        var (a, b) = (Cidr.Parse(dice.Pick(OracleSites.Destinations(family))), Cidr.Parse(dice.Pick(OracleSites.Sources(family))));
        return a.Bits < b.Bits ? $"{a.Address}-{b.Address}" : $"{b.Address}-{a.Address}";
    }

    // In one rule: the protocol once, then the matches that need it.
    private void Transport(List<string> matches, string kind, ref string? protocol)
    {
        if (kind is "icmp" && protocol is null)
            protocol = IsV4 ? "icmp" : "ipv6-icmp";
        else if (kind is "flags" && protocol is null)
            protocol = Tcp;
        else if (kind is not "transport" && protocol is null)
            protocol = dice.Pick(Tcp, Tcp, "udp", "sctp");
        else if (protocol is null)
        {
            protocol = dice.Pick(Tcp, "udp", IsV4 ? "icmp" : "ipv6-icmp", "sctp", "50", "89");
            matches.Add($"{Not()}-p {protocol}");
            return;
        }
        if (!matches.Contains("-p " + protocol, StringComparer.Ordinal))
            matches.Add("-p " + protocol);
        if (kind is "flags" && protocol is Tcp)
            matches.Add("-m tcp " + dice.Pick("--syn", "! --syn", "--tcp-flags SYN,ACK SYN", "--tcp-flags FIN,RST NONE", "--tcp-flags SYN,RST SYN,RST", "! --tcp-flags SYN,FIN SYN", "--tcp-flags FIN,SYN,RST,ACK SYN"));
        else if (kind is "icmp" && protocol is "icmp")
            matches.Add($"-m icmp {Not()}--icmp-type {dice.Pick("8", "0", "3/1", "any", "8/0", "13", "17", "echo-request", "255", "255/3")}");
        else if (kind is "icmp" && protocol is "ipv6-icmp")
            matches.Add($"-m icmp6 {Not()}--icmpv6-type {dice.Pick("128", "129", "1/4", "128/0", "139", "echo-request", "255", "128/255")}");
        else if (kind is "ports" && protocol is Tcp or "udp" or "sctp")
            matches.Add($"-m multiport {Not()}{dice.Pick("--dports", "--dports", "--sports", "--ports")} {Ports()},{Ports()}{(dice.Chance(50) ? "," + Ports() : "")}");
        else if (kind is "port" && protocol is Tcp or "udp" or "sctp")
            matches.Add($"-m {protocol} {Not()}{dice.Pick("--dport", "--dport", "--dport", "--sport")} {Ports()}");
    }

    private string AddressType()
    {
        // IPv6 has no broadcast, and the kernel refuses to match it (net/netfilter/xt_addrtype.c).
        var type = dice.Pick("LOCAL", "LOCAL", "UNICAST", IsV4 ? "BROADCAST" : "LOCAL", "MULTICAST");
        var side = dice.Pick("--dst-type", "--dst-type", "--src-type");
        return $"-m addrtype {Not()}{side} {type}";
    }

    private string Set()
    {
        if (dice.Chance(15))
            return $"-m set {Not()}--match-set webports {dice.Pick("dst", "src")}";
        var name = dice.Pick("nets", "hosts", "services", "servicenets", "links", "triples", "wide", "lists") + (IsV4 ? "4" : "6");
        var side = dice.Pick("src", "dst", "dst");
        // Sometimes less is looked up than the set needs, and it finds nothing.
        return $"-m set {Not()}--match-set {name} {(dice.Chance(5) ? side : name[..^1] switch
        {
            "services" or "servicenets" => side + ",dst",
            "links" or "lists" => side + dice.Pick(",src", ",dst"),
            "triples" => dice.Pick("dst,dst,src", "src,dst,dst", "dst,src,src"),
            _ => side,
        })}";
    }

    private string Foreign() => dice.Pick(
        "-m length --length 0:48", "-m length ! --length 40:60", IsV4 ? "-m ttl --ttl-gt 63" : "-m hl --hl-gt 63", "-m dscp --dscp 0x00", "-m pkttype --pkt-type unicast",
        "-m statistic --mode nth --every 3 --packet 0", "-m statistic --mode random --probability 0.5", "-m statistic --mode random --probability 0.5", "-m recent --rcheck --name seen", "-m mac --mac-source 02:00:00:00:00:99", "-m u32 --u32 0=0", "-m string --algo bm --string x", "-m cpu --cpu 0",
        "-m connmark --mark 0x1", "-m addrtype --dst-type UNREACHABLE", "-m connbytes --connbytes 2 --connbytes-mode packets --connbytes-dir both");
}
