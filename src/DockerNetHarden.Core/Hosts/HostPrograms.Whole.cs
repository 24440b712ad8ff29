namespace DockerNetHarden.Hosts;

/// <content>What is read beyond the rules for an analysis: all else that decides a packet's way. Planning needs none of it.</content>
internal static partial class HostPrograms
{
    // So many connections are printed; one more says that there are more.
    internal const int MostConnections = 20_000;

    private const string HasIp = "command -v ip >/dev/null";
    private const string HasIpAndIPv6 = "[ -e /proc/net/if_inet6 ] && command -v ip >/dev/null";

    // Links without a queue can have no filter but at clsact and ingress; a host has hundreds of veths, and each question is a process.
    private const string Filters = """
        q=$(tc qdisc show) || exit 1
        printf '%s\n' "$q" | while read -r _ kind _ rest; do
        case $kind in noqueue|'') continue ;; esac
        set -f; set -- $rest
        while [ $# -gt 1 ] && [ "$1" != dev ]; do shift; done
        [ $# -gt 1 ] || continue
        printf '@ %s\n' "$2"
        case $kind in
        clsact|ingress) tc filter show dev "$2" ingress; [ "$kind" = ingress ] || tc filter show dev "$2" egress ;;
        *) tc filter show dev "$2" ;;
        esac
        done
        """;

    // One process for all of them. They are those of the network namespace of whoever opens them. What does not exist is not printed.
    private const string Sysctls = """
        grep -s '' /dev/null \
            /proc/sys/kernel/osrelease /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_nonlocal_bind /proc/sys/net/bridge/bridge-nf-* \
            /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/route_localnet /proc/sys/net/ipv4/conf/*/forwarding \
            /proc/sys/net/ipv4/conf/*/accept_local /proc/sys/net/ipv4/conf/*/src_valid_mark /proc/sys/net/ipv4/conf/*/ignore_routes_with_linkdown \
            /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv6/conf/*/disable_ipv6 /proc/sys/net/ipv6/conf/*/force_forwarding || :
        """;

    // The file has both families; conntrack asks one at a time.
    private const string Connections = """
        if [ -e /proc/net/nf_conntrack ]; then
        $S cat /proc/net/nf_conntrack
        exit
        fi
        $S conntrack -L -f ipv4 -o extended || exit
        [ ! -e /proc/net/if_inet6 ] || $S conntrack -L -f ipv6 -o extended
        """;

    /// <summary>The program that reads a host wholly: that of <see cref="Read"/> and what an analysis needs beyond it.</summary>
    internal static ShellProgram ReadWhole() => Read()
        .Section("nft", "$S nft -j list ruleset", when: "command -v nft >/dev/null")
        // busybox's ip has no -V: it says what it is instead.
        .Section("ip", "ip -V 2>&1 || :", when: HasIp)
        .Section("routes4", "ip -4 -o route show table all", when: HasIp)
        .Section("routes6", "ip -6 -o route show table all", when: HasIpAndIPv6)
        .Section("rules4", "ip -4 rule show", when: HasIp)
        .Section("rules6", "ip -6 rule show", when: HasIpAndIPv6)
        .Section("link-details", "ip -d -o link show", when: HasIp)
        .Section("filters", Filters, when: "command -v tc >/dev/null")
        .Section("sysctls", Sysctls)
        .Section("ipvs", "cat /proc/net/ip_vs", when: "[ -e /proc/net/ip_vs ]")
        .Section("ipsets", "$S ipset save", when: "command -v ipset >/dev/null")
        // head's exit code hides the command's: its errors tell.
        .Section("connections", "(\n" + Connections + "\n) | head -n 20001", when: "[ -e /proc/net/nf_conntrack ] || command -v conntrack >/dev/null")
        .ShowFiles();
}
