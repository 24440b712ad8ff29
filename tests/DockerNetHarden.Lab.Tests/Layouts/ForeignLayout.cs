namespace DockerNetHarden.Lab.Tests.Layouts;

/// <summary>The rules of another program as it leaves them on a host beside Docker's: texts for iptables-restore --noflush, and what has to stand before them.</summary>
internal sealed class ForeignLayout(string rules)
{
    /// <summary>Commands that are run before.</summary>
    public IReadOnlyList<string> Before { get; init; } = [];

    /// <summary>Commands that take away what tables do not hold.</summary>
    public IReadOnlyList<string> After { get; init; } = [];

    /// <summary>The rules of ip6tables.</summary>
    public string? Rules6 { get; init; }

    public static ForeignLayout Of(string name) => name switch
    {
        "ufw" => Ufw,
        "ufw-docker" => UfwDocker,
        "CrowdSec" => CrowdSec,
        "mailcow" => Mailcow,
        "k3s" => K3s,
        "Tailscale" => Tailscale,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, null),
    };

    public async Task LayAsync(LabHost lab)
    {
        await RunAsync(lab, Before);
        (await lab.ExecAsync([lab.Iptables + "-restore", "--noflush"], rules)).OrThrow();
        if (Rules6 is not null)
            (await lab.ExecAsync([lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal) + "-restore", "--noflush"], Rules6)).OrThrow();
    }

    public static async Task RunAsync(LabHost lab, IEnumerable<string> commands)
    {
        foreach (var command in commands)
            (await lab.ExecAsync(["/bin/sh", "-c", command])).OrThrow();
    }

    // ufw of Debian with "default deny incoming" and "allow 22,8080/tcp": before.rules, user.rules and the policies.
    private static ForeignLayout Ufw => new(UfwText("icmp -m icmp --icmp-type 8", "")) { Rules6 = UfwText("ipv6-icmp", "6") };

    private static string UfwText(string ping, string six) => $"""
        *filter
        :INPUT DROP [0:0]
        :FORWARD DROP [0:0]
        :ufw{six}-before-input - [0:0]
        :ufw{six}-before-forward - [0:0]
        :ufw{six}-user-input - [0:0]
        :ufw{six}-user-forward - [0:0]
        :ufw{six}-not-local - [0:0]
        :ufw{six}-after-input - [0:0]
        -A INPUT -j ufw{six}-before-input
        -A INPUT -j ufw{six}-after-input
        -A FORWARD -j ufw{six}-before-forward
        -A ufw{six}-before-input -i lo -j ACCEPT
        -A ufw{six}-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A ufw{six}-before-input -m conntrack --ctstate INVALID -j DROP
        -A ufw{six}-before-input -p {ping} -j ACCEPT
        -A ufw{six}-before-input -j ufw{six}-not-local
        -A ufw{six}-before-input -j ufw{six}-user-input
        -A ufw{six}-not-local -m addrtype --dst-type LOCAL -j RETURN
        -A ufw{six}-not-local -m addrtype --dst-type MULTICAST -j RETURN
        -A ufw{six}-not-local -j DROP
        -A ufw{six}-user-input -p tcp -m tcp --dport 22 -j ACCEPT
        -A ufw{six}-user-input -p tcp -m tcp --dport 8080 -m comment --comment "dapp_web'ui" -j ACCEPT
        -A ufw{six}-after-input -p udp -m udp --dport 137 -j DROP
        -A ufw{six}-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A ufw{six}-before-forward -p {ping} -j ACCEPT
        -A ufw{six}-before-forward -j ufw{six}-user-forward
        COMMIT

        """;

    // https://github.com/chaifeng/ufw-docker, README, "Modify the UFW configuration file /etc/ufw/after.rules"; engines before 28 put a RETURN at the chain's end, so the text flushes the chain as ufw does.
    private static ForeignLayout UfwDocker => new("""
        *filter
        :ufw-user-forward - [0:0]
        :ufw-docker-logging-deny - [0:0]
        :DOCKER-USER - [0:0]
        -A DOCKER-USER -j ufw-user-forward
        -A DOCKER-USER -s 10.0.0.0/8 -j RETURN
        -A DOCKER-USER -s 172.16.0.0/12 -j RETURN
        -A DOCKER-USER -s 192.168.0.0/16 -j RETURN
        -A DOCKER-USER -p udp -m udp --sport 53 --dport 1024:65535 -j RETURN
        -A DOCKER-USER -d 192.168.0.0/16 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ufw-docker-logging-deny
        -A DOCKER-USER -d 10.0.0.0/8 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ufw-docker-logging-deny
        -A DOCKER-USER -d 172.16.0.0/12 -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ufw-docker-logging-deny
        -A DOCKER-USER -d 172.16.0.0/12 -p udp -m udp --dport 0:32767 -j ufw-docker-logging-deny
        -A DOCKER-USER -j RETURN
        -A ufw-docker-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW DOCKER BLOCK] "
        -A ufw-docker-logging-deny -j DROP
        COMMIT

        """);

    // crowdsec-firewall-bouncer in mode iptables with iptables_chains INPUT, FORWARD and DOCKER-USER.
    private static ForeignLayout CrowdSec => new("""
        *filter
        :CROWDSEC_CHAIN - [0:0]
        -A CROWDSEC_CHAIN -m set --match-set crowdsec-blacklists-0 src -j DROP
        -A CROWDSEC_CHAIN -m set --match-set crowdsec-blacklists-1 src -j DROP
        -I INPUT -j CROWDSEC_CHAIN
        -I FORWARD -j CROWDSEC_CHAIN
        -I DOCKER-USER -j CROWDSEC_CHAIN
        COMMIT

        """)
    {
        Before =
        [
            "ipset create crowdsec-blacklists-0 hash:net timeout 300 maxelem 131072", "ipset create crowdsec-blacklists-1 hash:net timeout 300 maxelem 131072",
            "ipset add crowdsec-blacklists-0 192.0.2.0/24 timeout 14400", "ipset add crowdsec-blacklists-0 198.51.100.66",
            // A ban that ends while the host is looked at, and one that covers a network's containers.
            "ipset add crowdsec-blacklists-1 203.0.113.99 timeout 1",
        ],
        // The kernel lets go of a set some time after its last rule.
        After = ["for i in 1 2 3 4 5 6 7 8 9; do ipset destroy && exit; sleep 0.2; done; exit 1"],
    };

    // mailcow's netfilter container: its chain first in INPUT and FORWARD, with bans and the isolation of its own bridge.
    private static ForeignLayout Mailcow => new($"""
        *filter
        :MAILCOW - [0:0]
        -A MAILCOW ! -i br-mailcow -o br-mailcow -p tcp -m multiport --dports 3306,6379,8983,12345 -m comment --comment "mailcow isolation" -j DROP
        -A MAILCOW -s 192.0.2.77/32 -j REJECT --reject-with icmp-port-unreachable
        -A MAILCOW -s 192.0.2.128/25 -j REJECT --reject-with icmp-port-unreachable
        -I INPUT -m comment --comment mailcow -j MAILCOW
        -I FORWARD -m comment --comment mailcow -j MAILCOW
        COMMIT

        """);

    // k3s with flannel and kube-router's network policies: marks that accept, and chains before and behind Docker's.
    private static ForeignLayout K3s => new("""
        *mangle
        :KUBE-IPTABLES-HINT - [0:0]
        COMMIT
        *filter
        :FLANNEL-FWD - [0:0]
        :KUBE-FIREWALL - [0:0]
        :KUBE-FORWARD - [0:0]
        :KUBE-EXTERNAL-SERVICES - [0:0]
        :KUBE-PROXY-FIREWALL - [0:0]
        :KUBE-ROUTER-FORWARD - [0:0]
        :KUBE-ROUTER-INPUT - [0:0]
        :KUBE-SERVICES - [0:0]
        -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
        -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
        -A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
        -A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A KUBE-ROUTER-FORWARD -m comment --comment "rule to explicitly ACCEPT traffic that comply to network policies" -m mark --mark 0x20000/0x20000 -j ACCEPT
        -A KUBE-ROUTER-INPUT -d 10.43.0.0/16 -m comment --comment "allow traffic to primary/secondary cluster IP range" -j RETURN
        -A KUBE-ROUTER-INPUT -p tcp -m comment --comment "allow LOCAL TCP traffic to node ports" -m addrtype --dst-type LOCAL -m multiport --dports 30000:32767 -j RETURN
        -A FLANNEL-FWD -s 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
        -A FLANNEL-FWD -d 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
        -I INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
        -I INPUT -j KUBE-FIREWALL
        -I INPUT -m comment --comment "kube-router netpol - 4IA2OSFRMVNDXBVV" -j KUBE-ROUTER-INPUT
        -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
        -I FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -I FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
        -I FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
        -I FORWARD -m comment --comment "kube-router netpol - TEMCG2JMHZYE7H7T" -j KUBE-ROUTER-FORWARD
        COMMIT

        """);

    // tailscaled in its usual netfilter mode. Everything for the tailnet is accepted before Docker's jump, and the tailnet's range holds a cloud's metadata address.
    private static ForeignLayout Tailscale => new("""
        *filter
        :ts-forward - [0:0]
        :ts-input - [0:0]
        -A ts-input -s 100.101.102.103/32 -i lo -j ACCEPT
        -A ts-input -s 100.115.92.0/23 ! -i tailscale0 -j RETURN
        -A ts-input -s 100.64.0.0/10 ! -i tailscale0 -j DROP
        -A ts-input -i tailscale0 -j ACCEPT
        -A ts-input -p udp -m udp --dport 41641 -j ACCEPT
        -A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
        -A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
        -A ts-forward -s 100.64.0.0/10 -o tailscale0 -j DROP
        -A ts-forward -o tailscale0 -j ACCEPT
        -I INPUT -j ts-input
        -I FORWARD -j ts-forward
        COMMIT
        *nat
        :ts-postrouting - [0:0]
        -A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE
        -I POSTROUTING -j ts-postrouting
        COMMIT

        """)
    {
        Before =
        [
            "ip tuntap add tailscale0 mode tun && ip addr add 100.101.102.103/32 dev tailscale0 && ip link set tailscale0 up",
            "ip route add 100.100.100.100 dev tailscale0 table 52 && ip route add 100.64.0.0/10 dev tailscale0 table 52",
            "ip rule add pref 5210 fwmark 0x80000/0xff0000 table main && ip rule add pref 5230 fwmark 0x80000/0xff0000 table default && ip rule add pref 5250 fwmark 0x80000/0xff0000 unreachable && ip rule add pref 5270 table 52",
        ],
        After = ["for pref in 5210 5230 5250 5270; do ip rule del pref $pref; done; ip route flush table 52; ip link del tailscale0"],
    };

    /// <summary>What administrators write who run Docker with "iptables": false: what leaves the host is translated. The careful ones also drop what they do not know.</summary>
    public static async Task LayInsteadOfDockerAsync(LabHost lab, bool isCareful)
    {
        var bridges = (await lab.ContainersAsync()).Select(container => (Link: container.Network is "bridge" ? "docker0" : container.Network + "0", Subnet: Subnet(container))).Distinct().ToList();
        await new ForeignLayout($"""
            *nat
            {string.Join('\n', bridges.Select(bridge => $"-A POSTROUTING -s {bridge.Subnet} ! -o {bridge.Link} -j MASQUERADE"))}
            COMMIT
            *filter
            :FORWARD {(isCareful ? "DROP" : "ACCEPT")} [0:0]
            -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            {string.Join('\n', bridges.Select(bridge => $"-A FORWARD -i {bridge.Link} -j ACCEPT"))}
            COMMIT

            """).LayAsync(lab);

        // Docker's own pools are of 16 bits.
        static string Subnet(LabContainer container) => string.Join('.', container.Gateway.Split('.')[..2]) + ".0.0/16";
    }
}
