using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>
/// The programs that read a host, for planning or for an analysis. The sh in here is constant: names of commands, tables, chains and all texts come as data.
/// </summary>
internal static class ReadingProgram
{
    // How many connections are printed; one more line shows that there are more.
    internal const int MostConnections = 20_000;

    // Which iptables there are, for each family. Each program costs the host time, so only those that are needed are called. The file behind a command's links
    // tells which implementation it is: what /usr/sbin/iptables and xtables-nft-multi share is iptables-nft, and the first line of its save has its version. The other
    // backend is only read if it may hold rules. The kernel lists the legacy tables that were ever used; a user who may not read the list asks iptables-legacy-save.
    // A kernel without IPv6 has no /proc/net/if_inet6: there is nothing to read then, and ip6tables would only complain.
    private const string FindTools = """
        dnh_tools= dnh_path4= dnh_path6= dnh_other6=
        dnh_tool() {
        dnh_tools="$dnh_tools$1	$2	$3
        "
        }
        dnh_find xtables-nft-multi
        dnh_multi=$V
        dnh_look() {
        dnh_path= dnh_other=
        dnh_find "$1"
        [ -n "$V" ] || return 0
        dnh_path=$V
        if [ -n "$dnh_multi" ] && [ "$dnh_path" -ef "$dnh_multi" ]; then dnh_version="$1 (nf_tables)"
        elif [ -n "$dnh_path4" ] && [ "$dnh_path" -ef "$dnh_path4" ]; then dnh_version=ip6${dnh_version4#ip}
        else dnh_version=$("$dnh_path" --version 2>&1) || dnh_version=
        fi
        # An ip6tables that does not run counts as missing: the IPv4 half does not need it.
        if [ -z "$dnh_version" ] && [ "$1" = ip6tables ]; then dnh_path=; return; fi
        dnh_tool "$1" "$dnh_path" "$dnh_version"
        case $dnh_version in *nf_tables*) dnh_other=$1-legacy ;; *) dnh_other=$1-nft ;; esac
        dnh_find "$dnh_other-save"
        [ -n "$V" ] || dnh_other=
        case $dnh_other in *-legacy)
        dnh_tables=
        if ! [ -e "$2" ]; then dnh_other=; elif [ -r "$2" ]; then read -r dnh_tables <"$2"; [ -n "$dnh_tables" ] || dnh_other=; fi
        esac
        [ -z "$dnh_other" ] || dnh_tool "$dnh_other" "${V%-save}" "$("$dnh_other" --version 2>&1)"
        }
        dnh_look iptables /proc/net/ip_tables_names
        dnh_path4=$dnh_path dnh_version4=$dnh_version dnh_other4=$dnh_other
        if [ -e /proc/net/if_inet6 ]; then dnh_look ip6tables /proc/net/ip6_tables_names; dnh_path6=$dnh_path dnh_other6=$dnh_other; fi
        """;

    // dockerd can get its DNS servers, or another configuration file, on its command line. Only the dockerd of this network namespace counts: a
    // machine can run several. Without the right to look at a process's namespace the first one found is taken. Its pid file is read first, which is
    // beside its socket: a host can have thousands of processes.
    private const string FindDockerd = """
        dnh_dockerd= dnh_config=/etc/docker/daemon.json
        dnh_is_dockerd() {
        c=
        { read -r c <"$1/comm"; } 2>/dev/null
        [ "$c" = dockerd ] || return 1
        if [ -r "$1/ns/net" ] && ! [ "$1/ns/net" -ef /proc/self/ns/net ]; then return 1; fi
        # One that has ended but was not reaped no longer has arguments or a namespace.
        dnh_dockerd=$(tr '\0' '\n' <"$1/cmdline" 2>/dev/null)
        [ -n "$dnh_dockerd" ]
        }
        p= c=/run/docker.pid
        case ${DOCKER_HOST-} in unix://?*.sock) c=${DOCKER_HOST#unix://}; c=${c%.sock}.pid ;; esac
        { read -r p <"$c"; } 2>/dev/null
        if [ -z "$p" ] || ! dnh_is_dockerd "/proc/$p"; then
        for p in /proc/[0-9]*; do if dnh_is_dockerd "$p"; then break; fi; done
        fi
        case $dnh_dockerd in *--config-file*)
        c= IFS='
        '
        set -f
        for a in $dnh_dockerd; do
        case $c in next) dnh_config=$a ;; esac
        c=
        case $a in --config-file=*) dnh_config=${a#*=} ;; --config-file) c=next ;; esac
        done
        unset IFS; set +f
        esac
        """;

    // One process for all files. They belong to the network namespace of whoever opens them; /sys/class/net does not: a shell that entered a network namespace with
    // nsenter still has the old namespace's /sys. Missing files are not printed.
    // The texts of the firmware are the machine's, in every namespace. A pattern without a match is the name of a missing file.
    private const string Files = $"""grep -a -s -e '' -- /dev/null /proc/net/dev /etc/resolv.conf /run/systemd/resolve/resolv.conf "$dnh_config" {PlatformText.Files} || :""";

    // One process for everything that ip knows. busybox's has no -batch and gets one question at a time. The client's address comes from sshd, but a user can set the variable.
    private const string Addresses = """
        c=${SSH_CONNECTION-} q='addr show'
        c=${c%% *}
        case $c in ''|*[!0-9A-Fa-f:.]*) c= ;; *) q="$q
        route get $c" ;; esac
        V=$(ip -o -batch - 2>/dev/null <<dnh_questions
        $q
        dnh_questions
        )
        [ -n "$V" ] || V=$(ip -o addr show 2>/dev/null; [ -z "$c" ] || ip -o route get "$c" 2>/dev/null)
        """;

    private const string HasIp = "command -v ip >/dev/null";
    private const string HasIpAndIPv6 = "[ -e /proc/net/if_inet6 ] && command -v ip >/dev/null";

    // Links without a queue can only have a filter at clsact and ingress; a host has hundreds of veths, and each question is a process.
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

    // One process for all of them. They belong to the network namespace of whoever opens them. Missing files are not printed.
    private const string Sysctls = """
        grep -s '' /dev/null \
            /proc/sys/kernel/osrelease /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_nonlocal_bind /proc/sys/net/bridge/bridge-nf-* \
            /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/route_localnet /proc/sys/net/ipv4/conf/*/forwarding \
            /proc/sys/net/ipv4/conf/*/accept_local /proc/sys/net/ipv4/conf/*/src_valid_mark /proc/sys/net/ipv4/conf/*/ignore_routes_with_linkdown \
            /proc/sys/net/ipv6/conf/*/forwarding /proc/sys/net/ipv6/conf/*/disable_ipv6 /proc/sys/net/ipv6/conf/*/force_forwarding || :
        """;

    // A rule that names a set uses the kernel's module for it. Where the module is not loaded, or nothing uses it, no set is named, and ipset would only load modules or print what nobody asks.
    // A kernel with both built in does not say. Source: Linux Documentation/ABI/testing/sysfs-module.
    private const string NamesSets = """
        dnh_names_sets() {
        if [ -r /sys/module/xt_set/refcnt ]; then read -r c </sys/module/xt_set/refcnt; [ "$c" != 0 ]
        elif [ -e /sys/module/ip_set/refcnt ]; then false
        else [ -e /sys/module/ip_set ] || [ ! -d /sys/module ]
        fi
        }
        """;

    // The file has both families; conntrack lists one at a time.
    private const string Connections = """
        if [ -e /proc/net/nf_conntrack ]; then
        $S cat /proc/net/nf_conntrack
        exit
        fi
        $S conntrack -L -f ipv4 -o extended || exit
        [ ! -e /proc/net/if_inet6 ] || $S conntrack -L -f ipv6 -o extended
        """;

    /// <summary>The beginning of a program that reads a host. It is sent at once: its frame shows that a shell answers.</summary>
    internal static ShellProgram Begin() => new ShellProgram().Section("id", """printf '%s\n' "$dnh_uid" """, subshell: false);

    /// <summary>Adds everything that a snapshot needs, in independent sections.</summary>
    internal static ShellProgram Lean(ShellProgram program) => program
        .Do(FindTools)
        .Note("tools", "V=$dnh_tools")
        .Section("save4", "$S iptables-save -c", when: """[ -n "$dnh_path4" ] && command -v iptables-save >/dev/null""")
        .Section("save6", "$S ip6tables-save -c", when: """[ -n "$dnh_path6" ] && command -v ip6tables-save >/dev/null""")
        // The legacy save commands read /proc/net/ip_tables_names and create no table; `iptables-legacy -S` would.
        .Section("save4-nft", "$S iptables-nft-save -c", when: """[ "$dnh_other4" = iptables-nft ]""")
        .Section("save6-nft", "$S ip6tables-nft-save -c", when: """[ "$dnh_other6" = ip6tables-nft ]""")
        .Section("save4-legacy", "$S iptables-legacy-save -c", when: """[ "$dnh_other4" = iptables-legacy ]""")
        .Section("save6-legacy", "$S ip6tables-legacy-save -c", when: """[ "$dnh_other6" = ip6tables-legacy ]""")
        .Section(OwnTables.Section, OwnTables.List, when: "command -v nft >/dev/null")
        .Note("ipset", "V=1", when: "command -v ipset >/dev/null")
        .Section(OwnSets.Section, OwnSets.List, when: OwnSets.MayExist)
        .Note("ipv6", "V=0; [ ! -e /proc/net/if_inet6 ] || V=1")
        .Note("addresses", Addresses, when: "command -v ip >/dev/null")
        .Note("session", """V=$SSH_CONNECTION""", when: """[ -n "${SSH_CONNECTION-}" ]""")
        .Do(FindDockerd)
        .Note("dockerd", "V=$dnh_dockerd", when: """[ -n "$dnh_dockerd" ]""")
        .Note("daemon-path", "V=$dnh_config")
        .Section("files", Files)
        .Section("daemon", """$S cat "$dnh_config" """, when: """[ -e "$dnh_config" ] && ! { [ -f "$dnh_config" ] && { true <"$dnh_config"; } 2>/dev/null; }""");

    /// <summary>Adds what <see cref="Lean"/> adds and what the kernel log says about rules of this module.</summary>
    internal static ShellProgram Logged(ShellProgram program) => Lean(program)
        .Section("uptime", "cat /proc/uptime")
        // tail's exit code hides the command's, so its errors are read.
        .Section("kernel-log", "$S dmesg | grep -F DNH | tail -n 20000", when: "command -v dmesg >/dev/null");

    /// <summary>Adds everything about the whole host: what <see cref="Lean"/> adds and what an analysis also needs.</summary>
    internal static ShellProgram Whole(ShellProgram program) => Lean(program)
        .Section("nft", "$S nft -j list ruleset", when: "command -v nft >/dev/null")
        // busybox's ip has no -V, but its error shows what it is.
        .Section("ip", "ip -V 2>&1 || :", when: HasIp)
        .Section("routes4", "ip -4 -o route show table all", when: HasIp)
        .Section("routes6", "ip -6 -o route show table all", when: HasIpAndIPv6)
        .Section("rules4", "ip -4 rule show", when: HasIp)
        .Section("rules6", "ip -6 rule show", when: HasIpAndIPv6)
        .Section("link-details", "ip -d -o link show", when: HasIp)
        .Section("filters", Filters, when: "command -v tc >/dev/null")
        .Section("sysctls", Sysctls)
        .Section("ipvs", "cat /proc/net/ip_vs", when: "[ -e /proc/net/ip_vs ]")
        .Do(NamesSets)
        .Section("ipsets", "$S ipset save", when: "command -v ipset >/dev/null && dnh_names_sets")
        // head's exit code hides the command's, so its errors are read.
        .Section("connections", "(\n" + Connections + "\n) | head -n 20001", when: "[ -e /proc/net/nf_conntrack ] || command -v conntrack >/dev/null")
        .ShowFiles();
}
