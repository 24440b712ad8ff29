using DockerNetHarden.Addresses;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>
/// The addresses of the little world in which rulesets are tried: small pools, so that random rules and random packets often meet. Sources and
/// destinations share no address: a packet that answers another one would not be a first packet.
/// </summary>
internal static class OracleSites
{
    public const string FirstBridge = "br-dnhorc";
    public const string SecondBridge = "br-dnhor2";
    public const string FirstUplink = "out0";
    public const string SecondUplink = "out1";

    public static readonly string[] Bridges = [FirstBridge, SecondBridge];
    public static readonly string[] Links = [FirstBridge, SecondBridge, FirstUplink, SecondUplink];
    public static readonly int[] Ports = [22, 53, 80, 443, 8080, 51679, 1, 65535];

    private static readonly string[] Sources4 =
        ["172.30.0.2", "172.30.0.3", "172.30.7.200", "172.30.255.254", "172.31.5.2", "172.31.5.99", "10.0.0.77", "192.168.7.70", "203.0.113.99", "8.8.4.4"];

    private static readonly string[] Sources6 =
        ["fd30::2", "fd30::3", "fd30::ffff:1", "fd31::2", "fd31::99", "fd00:a::77", "2001:db8:5::99", "2a00::4"];

    // Outside, the router itself, neighbours on its links, and destinations that its routes refuse.
    private static readonly string[] Outside4 =
        ["169.254.169.254", "169.254.170.2", "168.63.129.16", "10.0.0.5", "10.1.2.3", "10.255.255.255", "192.168.7.7", "203.0.113.25", "203.0.113.128", "8.8.8.8", "100.100.100.200"];

    private static readonly string[] Outside6 = ["fd00:ec2::254", "fd00:a::5", "fd20:ce::254", "2001:db8:5::25", "2001:db8:5::80", "2a00::8"];

    public static readonly string[] Router4 = ["172.30.0.1", "172.31.5.1", "192.0.2.1", "10.9.0.1", "10.9.0.7"];
    public static readonly string[] Router6 = ["fd30::1", "fd31::1", "2001:db8:1::1", "fd09::1", "fd09::7"];
    public static readonly string[] Neighbours4 = ["172.30.0.9", "172.31.5.9", "192.0.2.50"];
    public static readonly string[] Neighbours6 = ["fd30::9", "fd31::9", "2001:db8:1::50"];
    public static readonly string[] Refused4 = ["198.18.0.5", "198.18.1.5", "198.18.2.5"];
    public static readonly string[] Refused6 = ["2001:db8:ff00::5", "2001:db8:ff01::5", "2001:db8:ff02::5"];

    private static readonly string[] Prefixes4 =
    [
        "0.0.0.0/0", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "203.0.113.0/25", "203.0.113.128/25", "8.8.8.8/32", "172.30.0.0/16",
        "172.30.0.2/31", "172.31.5.0/24", "128.0.0.0/1", "198.18.0.0/15", "100.64.0.0/10", "10.9.0.0/24", "192.0.2.0/24",
    ];

    private static readonly string[] Prefixes6 =
        ["::/0", "fd00::/8", "fd30::/64", "fd31::/64", "fd00:ec2::/32", "2001:db8::/32", "2001:db8:5::/48", "2001:db8:5::/121", "fd09::/64", "2001:db8:ff00::/40", "8000::/1"];

    // Masks that are not prefixes, as iptables-save prints them.
    private static readonly string[] Masked4 = ["10.0.0.5/255.255.0.255", "8.8.0.8/255.255.0.255", "172.30.0.2/255.255.240.3"];
    private static readonly string[] Masked6 = ["fd00:a::5/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff", "fd30::2/ffff:ffff:ffff:ffff:ffff:ffff:ffff:fe"];

    public static string[] Masked(Family family) => family == Family.IPv4 ? Masked4 : Masked6;

    public static string[] Sources(Family family) => family == Family.IPv4 ? Sources4 : Sources6;

    public static string[] Outside(Family family) => family == Family.IPv4 ? Outside4 : Outside6;

    public static string[] Router(Family family) => family == Family.IPv4 ? Router4 : Router6;

    public static string[] Neighbours(Family family) => family == Family.IPv4 ? Neighbours4 : Neighbours6;

    public static string[] Refused(Family family) => family == Family.IPv4 ? Refused4 : Refused6;

    public static string[] Prefixes(Family family) => family == Family.IPv4 ? Prefixes4 : Prefixes6;

    public static IReadOnlyList<string> Destinations(Family family) => [.. Outside(family), .. Router(family), .. Neighbours(family), .. Refused(family)];

    /// <summary>The sets that rules may name, as <c>ipset restore</c> reads them.</summary>
    public const string IpSets = """
        create nets4 hash:net family inet
        add nets4 10.0.0.0/8
        add nets4 10.1.0.0/16 nomatch
        add nets4 172.30.0.0/30
        add nets4 203.0.113.25/32
        create hosts4 hash:ip family inet
        add hosts4 169.254.169.254
        add hosts4 8.8.8.8
        add hosts4 172.30.0.3
        add hosts4 192.0.2.1
        create services4 hash:ip,port family inet
        add services4 8.8.8.8,udp:53
        add services4 10.0.0.5,tcp:80
        add services4 203.0.113.25,tcp:443
        create servicenets4 hash:net,port family inet
        add servicenets4 10.0.0.0/8,tcp:80
        add servicenets4 172.16.0.0/12,tcp:443
        add servicenets4 203.0.113.0/24,udp:53
        create webports bitmap:port range 0-65535
        add webports 80
        add webports 443
        add webports 8000-9000
        create links4 hash:net,iface family inet
        add links4 10.0.0.0/8,out1
        add links4 172.30.0.0/16,br-dnhorc
        add links4 172.30.0.0/30,br-dnhorc nomatch
        add links4 203.0.113.0/24,out0
        add links4 10.0.0.0/8,br-dnhor2
        create triples4 hash:ip,port,ip family inet
        add triples4 8.8.8.8,udp:53,172.30.0.2
        add triples4 10.0.0.5,tcp:80,172.30.0.3
        add triples4 203.0.113.25,icmp:echo-request,172.30.0.2
        create wide4 hash:ip family inet netmask 24
        add wide4 203.0.113.0
        add wide4 172.30.7.0
        create lists4 list:set
        add lists4 hosts4
        add lists4 services4
        add lists4 links4
        create nets6 hash:net family inet6
        add nets6 fd00::/8
        add nets6 fd00:a::/32 nomatch
        add nets6 2001:db8:5::80/128
        create links6 hash:net,iface family inet6
        add links6 fd00::/8,out1
        add links6 fd30::/64,br-dnhorc
        create triples6 hash:ip,port,ip family inet6
        add triples6 2a00::8,udp:53,fd30::2
        add triples6 fd00:a::5,tcp:80,fd30::3
        add triples6 2001:db8:5::25,icmpv6:echo-request,fd30::2
        create wide6 hash:ip family inet6 netmask 48
        add wide6 2001:db8:5::
        create hosts6 hash:ip family inet6
        add hosts6 fd00:ec2::254
        add hosts6 fd30::3
        add hosts6 2001:db8:1::1
        create services6 hash:ip,port family inet6
        add services6 2a00::8,udp:53
        add services6 fd00:a::5,tcp:80
        create servicenets6 hash:net,port family inet6
        add servicenets6 fd00::/8,tcp:80
        add servicenets6 2001:db8::/32,udp:53
        create lists6 list:set
        add lists6 hosts6
        add lists6 services6
        add lists6 links6

        """;
}
