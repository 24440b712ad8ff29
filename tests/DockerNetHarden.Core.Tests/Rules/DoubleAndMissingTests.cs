using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Rules;

/// <summary>What appears twice, or lacks what iptables demands, is refused by name, or means what it means to iptables 1.8.9 (nft and legacy; the lab asks both).</summary>
public sealed class DoubleAndMissingTests
{
    [Theory]
    // iptables: "multiple -j flags not allowed", "multiple -s flags not allowed".
    [InlineData("-A DOCKER-USER -j DROP -j ACCEPT", "-j appears twice")]
    [InlineData("-A DOCKER-USER -j DROP --jump ACCEPT", "--jump appears beside -j")]
    [InlineData("-A DOCKER-USER -j MINE -j DROP", "-j appears twice")]
    [InlineData("-A DOCKER-USER -A INPUT -j DROP", "-A appears twice")]
    [InlineData("-A DOCKER-USER -I INPUT -j DROP", "-I appears beside -A")]
    [InlineData("-A DOCKER-USER -d 10.0.0.1 --dst 10.0.0.2 -j DROP", "--dst appears beside -d")]
    [InlineData("-A DOCKER-USER -s 0.0.0.0/0 -s 10.0.0.1 -j DROP", "-s appears twice")]
    [InlineData("-A DOCKER-USER ! -p tcp -p udp -j DROP", "-p appears twice")]
    // iptables takes the last of two tables; of two families it refuses the command.
    [InlineData("-t filter -t mangle -A POSTROUTING -d 10.0.0.1 -j DROP", "-t appears twice")]
    [InlineData("-4 -6 -A DOCKER-USER -j DROP", "-6 appears beside -4")]
    [InlineData("-6 -6 -A DOCKER-USER -j DROP", "-6 appears twice")]
    [InlineData("ip6tables -4 -A DOCKER-USER -j DROP", "ip6tables and -4 contradict")]
    [InlineData("iptables -6 -A DOCKER-USER -j DROP", "iptables and -6 contradict")]
    // iptables: "option X can only be used once", "Only one of `--syn' or `--tcp-flags' allowed".
    [InlineData("-A DOCKER-USER -m conntrack --ctstate NEW --ctstate RELATED -j DROP", "--ctstate appears twice")]
    [InlineData("-A DOCKER-USER -m conntrack --ctdir REPLY --ctdir ORIGINAL -j DROP", "--ctdir appears twice")]
    [InlineData("-A DOCKER-USER -m limit --limit 5/min --limit 6/min -j ACCEPT", "--limit appears twice")]
    [InlineData("-A DOCKER-USER -m limit --limit 5/min --limit-burst 6 --limit-burst 7 -j ACCEPT", "--limit-burst appears twice")]
    [InlineData("-A DOCKER-USER -m hashlimit --hashlimit-above 5/min --hashlimit-above 6/min -j DROP", "--hashlimit-above appears twice")]
    [InlineData("-A DOCKER-USER -m hashlimit --hashlimit-above 5/min --hashlimit-upto 6/min -j DROP", "--hashlimit-upto appears beside --hashlimit-above")]
    [InlineData("-A DOCKER-USER -m hashlimit --hashlimit-above 5/min --hashlimit-mode srcip --hashlimit-mode dstip -j DROP", "--hashlimit-mode appears twice")]
    [InlineData("-A DOCKER-USER -m hashlimit --hashlimit-above 5/min --hashlimit-burst 2 --hashlimit-burst 3 -j DROP", "--hashlimit-burst appears twice")]
    [InlineData("-A DOCKER-USER -m hashlimit --hashlimit-above 5/min --hashlimit-name a --hashlimit-name b -j DROP", "--hashlimit-name appears twice")]
    [InlineData("-A DOCKER-USER -p tcp --tcp-flags ALL SYN --syn -j DROP", "--syn appears beside --tcp-flags")]
    [InlineData("-A DOCKER-USER -p tcp --syn --syn -j DROP", "--syn appears twice")]
    [InlineData("-A DOCKER-USER -p tcp ! --syn --syn -j DROP", "--syn appears twice")]
    [InlineData("-A DOCKER-USER -p tcp --dport 80 --destination-port 81 -j DROP", "--destination-port appears beside --dport")]
    [InlineData("-A DOCKER-USER -m comment --comment a --comment b -j DROP", "--comment appears twice")]
    [InlineData("-A DOCKER-USER -p tcp -j REJECT --reject-with tcp-reset --reject-with icmp-port-unreachable", "--reject-with appears twice")]
    [InlineData("-A DOCKER-USER -j LOG --log-prefix a --log-prefix b", "--log-prefix appears twice")]
    [InlineData("-A DOCKER-USER ! -s ! 10.0.0.1 -j DROP", "negated twice")]
    // Two matches, which iptables uses one after the other: our rule has one.
    [InlineData("-A DOCKER-USER -m conntrack --ctstate NEW -m conntrack --ctdir REPLY -j DROP", "-m conntrack appears twice")]
    [InlineData("-A DOCKER-USER -m state --state INVALID -m conntrack --ctdir REPLY -j DROP", "-m conntrack appears beside -m state")]
    [InlineData("-A DOCKER-USER -m limit --limit 5/min -m limit --limit-burst 6 -j ACCEPT", "-m limit appears twice")]
    [InlineData("-A DOCKER-USER -m hashlimit --hashlimit-above 5/min -m hashlimit --hashlimit-mode srcip -j DROP", "-m hashlimit appears twice")]
    [InlineData("-A DOCKER-USER -m addrtype --src-type LOCAL -m addrtype --dst-type LOCAL -j DROP", "-m addrtype appears twice")]
    [InlineData("-A DOCKER-USER -m set --match-set a src -m set --match-set b dst -j DROP", "-m set appears twice")]
    [InlineData("-A DOCKER-USER -m comment --comment a -m comment --comment b -j DROP", "-m comment appears twice")]
    [InlineData("-A DOCKER-USER -p tcp -m tcp --dport 80 -m tcp --sport 81 -j DROP", "-m tcp appears twice")]
    [InlineData("-A DOCKER-USER -p icmp -m icmp --icmp-type 8 -m icmp --icmp-type 0 -j DROP", "-m icmp appears twice")]
    [InlineData("-A DOCKER-USER -p tcp -m multiport --dports 1,2 -m multiport --dports 3,4 -j DROP", "--dports appears twice")]
    [InlineData("-A DOCKER-USER -p tcp -m multiport --dports 1,2 -m tcp --dport 7 -j DROP", "--dport appears beside --dports")]
    [InlineData("-A DOCKER-USER -p tcp -m multiport --dports 1,2 --sports 3,4 -j DROP", "one -m multiport takes one option")]
    // Without what iptables demands.
    [InlineData("-A DOCKER-USER -m conntrack -j DROP", "demands one: --ctstate, --ctorigdst, --ctorigdstport, --ctdir")]
    [InlineData("-A DOCKER-USER -m state -j DROP", "demands one: --state")]
    [InlineData("-A DOCKER-USER -m state --ctstate NEW -j DROP", "demands one: --state")]
    [InlineData("-A DOCKER-USER -m addrtype -j DROP", "demands one: --src-type, --dst-type")]
    [InlineData("-A DOCKER-USER -m addrtype -m comment --comment --dst-type -j DROP", "demands one: --src-type, --dst-type")]
    [InlineData("-A DOCKER-USER -m set -j DROP", "demands one: --match-set")]
    [InlineData("-A DOCKER-USER -m hashlimit -j DROP", "demands one: --hashlimit-above")]
    [InlineData("-A DOCKER-USER -m hashlimit --hashlimit-name x -j DROP", "needs its rate")]
    [InlineData("-A DOCKER-USER -p tcp -m multiport -j DROP", "demands one: --sports, --dports")]
    [InlineData("-A DOCKER-USER -m comment -j DROP", "demands one: --comment")]
    [InlineData("-A DOCKER-USER -p icmp -m icmp -j DROP", "demands one: --icmp-type")]
    [InlineData("-A DOCKER-USER -m tcp -j DROP", "-m tcp needs -p tcp")]
    [InlineData("-A DOCKER-USER -m udp -j DROP", "-m udp needs -p udp")]
    [InlineData("-A DOCKER-USER ! -p tcp -m tcp -j DROP", "-m tcp needs -p tcp")]
    [InlineData("-A DOCKER-USER -p udp -m tcp -j DROP", "-m tcp needs -p tcp")]
    [InlineData("-A DOCKER-USER -p udp -m tcp --dport 53 -j DROP", "-m tcp needs -p tcp")]
    [InlineData("-A DOCKER-USER -p tcp -m icmp --icmp-type 8 -j DROP", "-m icmp needs -p icmp")]
    [InlineData("-A DOCKER-USER -m icmp6 --icmpv6-type 8 -j DROP", "-m icmp6 needs -p ipv6-icmp")]
    // iptables takes each as "any", prints it differently or not at all, so it would never be read back as written.
    [InlineData("-A DOCKER-USER -p tcp --tcp-flags NONE NONE -j DROP", "every tcp packet")]
    [InlineData("-A DOCKER-USER -p icmp --icmp-type 255 -j DROP", "any type")]
    [InlineData("-A DOCKER-USER -p icmp --icmp-type 255/3 -j DROP", "any type")]
    [InlineData("-A INPUT -i docker0 --sport 53 --dports docker:published -j RETURN", "need a protocol")]
    public void Is_refused_by_name(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<RefusedValueException>(() => FirewallRule.Parse(text)).Message, StringComparison.Ordinal);

    // The right column means the same to iptables 1.8.9 as the left one; it has what iptables-save prints of it, without a -m tcp that has no option.
    [Theory]
    [InlineData("-m limit -j ACCEPT", "-m limit --limit 3/hour -j ACCEPT")]
    [InlineData("-m limit --limit-burst 7 -j ACCEPT", "-m limit --limit 3/hour --limit-burst 7 -j ACCEPT")]
    [InlineData("-p tcp -m tcp -j DROP", "-p tcp -j DROP")]
    [InlineData("-m udp -p 17 -j DROP", "-p udp -j DROP")]
    [InlineData("-p tcp -m tcp -m multiport --dports 1,2 -j DROP", "-p tcp -m multiport --dports 1,2 -j DROP")]
    [InlineData("-p tcp -m multiport --sports 3,4 -m multiport --dports 1,2 -j DROP", "-p tcp -m multiport --sports 3,4 -m multiport --dports 1,2 -j DROP")]
    [InlineData("-p tcp -m multiport --dport 7 -j DROP", "-p tcp -m tcp --dport 7 -j DROP")]
    [InlineData("-p tcp -m multiport --sports 3,4 -m tcp --dport 7 -j DROP", "-p tcp -m tcp --dport 7 -m multiport --sports 3,4 -j DROP")]
    [InlineData("-p udplite -m multiport --dports 7 -j DROP", "-p udplite -m multiport --dports 7 -j DROP")]
    [InlineData("-p ospf -j DROP", "-p 89 -j DROP")]
    public void Is_meant_as_iptables_means_it(string text, string canonical) =>
        Assert.Equal($"-A DOCKER-USER {canonical.Replace("-j", "-m comment --comment \"DockerNetHarden:Custom\" -j", StringComparison.Ordinal)}", FirewallRule.Parse("-A DOCKER-USER " + text).ToString());

    [Theory]
    [InlineData("iptables -4 -A DOCKER-USER -j DROP", Family.IPv4)]
    [InlineData("ip6tables -6 -A DOCKER-USER -j DROP", Family.IPv6)]
    [InlineData("ip6tables -A DOCKER-USER -j DROP", Family.IPv6)]
    public void A_command_and_an_option_may_say_the_same_family(string text, Family family) => Assert.Equal(family, FirewallRule.Parse(text).Family);

    [Fact]
    public void A_property_that_a_bag_has_twice_is_refused() =>
        Assert.Contains("Destination appears twice", Assert.Throws<RefusedValueException>(() => FirewallRule.FromProperties(
            new Dictionary<string, object?>(StringComparer.Ordinal) { ["Destination"] = "10.0.0.1", ["destination"] = "10.0.0.2", ["Action"] = "Drop" })).Message, StringComparison.Ordinal);
}
