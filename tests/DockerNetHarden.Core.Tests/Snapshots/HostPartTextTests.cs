using System.Text;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Snapshots;

/// <summary>The smaller parts of a snapshot, as the real programs printed them.</summary>
public sealed class HostPartTextTests
{
    [Fact]
    public void Sets_keep_their_members_and_the_mask_that_widens_them()
    {
        const string Text = "create s4 hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0xcad971a6\nadd s4 10.0.0.0/8\nadd s4 192.168.0.0/16 nomatch\n"
            + "create s6 hash:ip,port family inet6 hashsize 1024 maxelem 65536 timeout 300 bucketsize 12 initval 0xa9f1f42a\nadd s6 fd00::1,tcp:80 timeout 299\n"
            + "create bm bitmap:port range 0-1024\nadd bm 80\ncreate ls list:set size 8\nadd ls s4\ncreate m hash:ip family inet netmask 24 hashsize 1024\n";
        Assert.Equal(
            ["s4 hash:net IPv4 10.0.0.0/8|192.168.0.0/16 nomatch", "s6 hash:ip,port IPv6 fd00::1,tcp:80 timeout 299", "bm bitmap:port  80", "ls list:set  s4", "m hash:ip netmask 24 IPv4 "],
            IpSetText.Parse(Text).Select(static set => $"{set.Name} {set.Type} {set.Family} {string.Join('|', set.Members)}"), StringComparer.Ordinal);
        Assert.Empty(IpSetText.Parse(""));
    }

    [Theory]
    [InlineData("add s4 10.0.0.0/8\n")]
    [InlineData("create s4\n")]
    [InlineData("ipset v7.17: Kernel error\n")]
    public void What_is_no_set_is_an_error(string text) => Assert.Throws<FormatException>(() => IpSetText.Parse(text));

    [Fact]
    public void Sysctls_are_named_as_sysctl_names_them()
    {
        var values = SysctlText.Parse("/proc/sys/net/ipv4/ip_forward:1\n/proc/sys/net/ipv4/conf/eth0.5/rp_filter:2\n/proc/sys/net/bridge/bridge-nf-call-iptables:0\ngrep: x: No such file\n");
        Assert.Equal(
            ["net.bridge.bridge-nf-call-iptables=0", "net.ipv4.conf.eth0.5.rp_filter=2", "net.ipv4.ip_forward=1"],
            values.Select(static pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal), StringComparer.Ordinal);
    }

    [Fact]
    public void Services_of_IPVS_are_the_lines_that_name_one()
    {
        const string Text = "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
            + "TCP  0A000001:0050 rr\n  -> 0A000002:0050      Masq    1      0          0\nFWM  00000100 rr\n";
        Assert.Equal(["TCP  0A000001:0050 rr", "FWM  00000100 rr"], IpvsText.Parse(Text), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("ipv4     2 tcp      6 431999 ESTABLISHED src=172.17.0.2 dst=169.254.169.254 sport=40000 dport=80 src=169.254.169.254 dst=10.0.0.5 sport=80 dport=40000 [ASSURED] mark=0 zone=0 use=2", "tcp 172.17.0.2 169.254.169.254 80")]
    [InlineData("ipv4     2 udp      17 29 src=172.17.0.2 dst=10.0.0.2 sport=40000 dport=53 [UNREPLIED] src=10.0.0.2 dst=172.17.0.2 sport=53 dport=40000 mark=0 use=2", "udp 172.17.0.2 10.0.0.2 53")]
    [InlineData("ipv4     2 icmp     1 29 src=172.17.0.2 dst=10.0.0.2 type=8 code=0 id=7 src=10.0.0.2 dst=172.17.0.2 type=0 code=0 id=7 mark=0 use=2", "icmp 172.17.0.2 10.0.0.2 0")]
    [InlineData("ipv6     10 tcp      6 431999 ESTABLISHED src=fd01::2 dst=fd00:ec2::254 sport=4 dport=80 src=fd00:ec2::254 dst=fd01::2 sport=80 dport=4 [ASSURED] mark=0 use=1", "tcp fd01::2 fd00:ec2::254 80")]
    [InlineData("ipv4     2 tcp      6 100 TIME_WAIT src=172.17.0.2 dst=10.0.0.2 sport=1 dport=80 src=10.0.0.2 dst=172.17.0.2 sport=80 dport=1 mark=0 use=1", "")]
    [InlineData("ipv4     2 tcp      6 5 CLOSE src=172.17.0.2 dst=10.0.0.2 sport=1 dport=80 src=10.0.0.2 dst=172.17.0.2 sport=80 dport=1 mark=0 use=1", "")]
    [InlineData("conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.", "")]
    public void A_connection_is_that_of_its_first_packet(string line, string expected) => Assert.Equal(
        expected, string.Join('|', ConnectionText.Parse(line + "\n").Select(static open => $"{open.Protocol} {open.Source.Address} {open.Destination.Address} {open.DestinationPort}")), StringComparer.Ordinal);

    [Theory]
    [InlineData("/usr/bin/dockerd\n-H\nfd://\n--iptables=false\n--userland-proxy=false\n--data-root\n/srv/docker\n--ip6tables\n", "", "data-root=/srv/docker hosts=fd:// ip6tables=true iptables=false userland-proxy=false")]
    [InlineData("dockerd\n-H=unix:///a\n--host\ntcp://0.0.0.0:2375\n-b\nnone\n", "", "bridge=none hosts=unix:///a,tcp://0.0.0.0:2375")]
    [InlineData("dockerd\n", "{\"icc\": false, \"firewall-backend\": \"nftables\", \"hosts\": [\"unix:///a\", \"tcp://b\"], \"live-restore\": true}", "firewall-backend=nftables hosts=unix:///a,tcp://b icc=false live-restore=true")]
    [InlineData("", "", "")]
    // What can hold a password is not read at all.
    [InlineData("dockerd\n--log-opt\ntoken=secret\n--registry-mirror\nhttps://u:p@x\n", "{\"proxies\":{\"http-proxy\":\"http://u:p@x\"},\"log-opts\":{\"splunk-token\":\"secret\"},\"ip\":\"127.0.0.1\"}", "ip=127.0.0.1")]
    public void Dockerds_settings_are_those_that_decide_about_packets(string arguments, string json, string expected) => Assert.Equal(
        expected, string.Join(' ', DaemonText.Parse(arguments, json).Select(static pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal)), StringComparer.Ordinal);

    [Theory]
    [InlineData("{oops")]
    [InlineData("[]")]
    [InlineData("{\"bip\": \"\\ud800\"}")]
    [InlineData("{\"\\ud800\": true}")]
    public void A_configuration_file_that_is_none_is_an_error(string json) => Assert.Throws<FormatException>(() => DaemonText.Parse("dockerd\n", json));

    [Fact]
    public void What_nft_prints_is_chains_rules_maps_and_flowtables()
    {
        const string Text = """
            {"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"table": {"family": "ip", "name": "x", "handle": 1}},
             {"chain": {"family": "ip", "table": "x", "name": "c", "handle": 1, "type": "filter", "hook": "forward", "prio": -10, "policy": "drop"}},
             {"chain": {"family": "ip", "table": "x", "name": "own", "handle": 2}},
             {"rule": {"family": "ip", "table": "x", "chain": "c", "handle": 3, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"set": ["1.1.1.1", "2.2.2.2"]}}}, {"drop": null}]}},
             {"chain": {"family": "netdev", "table": "n", "name": "i", "handle": 1, "dev": "br0", "type": "filter", "hook": "ingress", "prio": 0, "policy": "accept"}},
             {"chain": {"family": "netdev", "table": "n", "name": "j", "handle": 1, "dev": ["br0", "b2"], "type": "filter", "hook": "ingress", "prio": 0, "policy": "accept"}},
             {"flowtable": {"family": "ip", "name": "f", "table": "x", "handle": 4, "hook": "ingress", "prio": 0, "dev": ["br0"]}}, {"set": {"family": "ip", "name": "s", "table": "x"}},
             {"map": {"family": "ip", "name": "m", "table": "x", "type": "ifname", "handle": 9, "map": "verdict", "elem": [["br0", {"jump": {"target": "own"}}]]}},
             {"map": {"family": "ip", "name": "none", "table": "x", "type": "ifname", "handle": 10, "map": "verdict"}}]}
            """;
        var ruleset = NftText.Parse(Encoding.UTF8.GetBytes(Text));
        Assert.Equal(
            ["ip x c filter forward -10 drop ", "ip x own   0  ", "netdev n i filter ingress 0 accept br0", "netdev n j filter ingress 0 accept br0 b2"],
            ruleset.Chains.Select(static chain => $"{chain.Family} {chain.Table} {chain.Name} {chain.Type} {chain.Hook} {chain.Priority} {chain.Policy} {string.Join(' ', chain.Devices)}"), StringComparer.Ordinal);
        var rule = Assert.Single(ruleset.Rules);
        Assert.Equal(("ip", "x", "c", 3L), (rule.Family, rule.Table, rule.Chain, rule.Handle));
        Assert.Equal("{\"drop\": null}", rule.Expressions[1].GetRawText(), StringComparer.Ordinal);
        Assert.Equal("ip x f", Assert.Single(ruleset.Flowtables), StringComparer.Ordinal);
        Assert.Equal(["ip x m: [\"br0\", {\"jump\": {\"target\": \"own\"}}]", "ip x none: "], ruleset.Maps.Select(static map => $"{map.Family} {map.Table} {map.Name}: {string.Join(' ', map.Elements)}"), StringComparer.Ordinal);
        Assert.Empty(NftText.Parse(Encoding.UTF8.GetBytes("\n")).Chains);
    }

    [Theory]
    [InlineData("Error: JSON support not compiled-in")]
    [InlineData("[]")]
    [InlineData("{\"nftables\": [{\"rule\": {\"family\": \"ip\"}}]}")]
    [InlineData("{\"nftables\": [{\"chain\": {\"family\": \"ip\", \"table\": \"x\"}}]}")]
    [InlineData("{\"nftables\": [7]}")]
    [InlineData("{\"nftables\": [{\"chain\": {\"family\": \"ip\", \"table\": \"x\", \"name\": \"\\ud800\"}}]}")]
    [InlineData("{\"nftables\": [{\"rule\": {\"family\": \"ip\", \"table\": \"x\", \"chain\": \"c\", \"handle\": 1, \"expr\": [{\"\\udc00\": 1}]}}]}")]
    public void What_nft_does_not_print_is_an_error(string text) => Assert.Throws<FormatException>(() => NftText.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Bytes_that_are_not_UTF8_are_an_error() =>
        Assert.Throws<FormatException>(() => NftText.Parse(Encoding.Latin1.GetBytes("{\"nftables\": [{\"chain\": {\"family\": \"ip\", \"table\": \"x\", \"name\": \"\u00ff\"}}]}")));
}
