using DockerNetHarden.Addresses;
using DockerNetHarden.Matching;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Rulesets that contain the right line but block nothing: a check of the text would pass them.</summary>
public sealed class WalkFaultTests
{
    private const string Metadata = "169.254.169.254";
    private const string Block = "-d 169.254.169.254/32 -j DROP";

    [Fact]
    public void A_block_in_DOCKER_USER_decides()
    {
        var part = WalkHost.WithDockerUser(Block, "-j RETURN").AskOne(Metadata, "tcp", "80");
        Assert.Equal(Verdict.Drop, part.Verdict);
        Assert.Equal(("filter", "DOCKER-USER", 1, "nft"), (part.Table, part.Chain, part.Position, part.Backend));
        Assert.Equal("-A DOCKER-USER -d 169.254.169.254/32 -j DROP", part.Rule!.Text);
        Assert.Equal(["filter FORWARD", "filter DOCKER-USER"], part.Chains);
        Assert.Equal((PacketPath.Forward, "eth0"), (part.Path, part.OutInterface));
    }

    [Fact]
    public void A_rule_behind_the_RETURN_of_older_engines_is_never_reached()
    {
        var part = WalkHost.WithDockerUser("-j RETURN", Block).AskOne(Metadata, "tcp", "80");
        Assert.Equal(Verdict.Accept, part.Verdict);
        Assert.Equal("filter FORWARD's policy is ACCEPT and no rule before it decided.", part.Reason);
    }

    [Fact]
    public void A_chain_nobody_jumps_to_blocks_nothing()
    {
        var host = WalkHost.Of($"""
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :DOCKER-USER - [0:0]
            -A DOCKER-USER {Block}
            COMMIT

            """);
        Assert.Equal(Verdict.Accept, host.AskOne(Metadata).Verdict);
    }

    [Fact]
    public void A_block_in_OUTPUT_or_INPUT_does_not_stop_what_is_forwarded()
    {
        var host = WalkHost.Of($"""
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A INPUT {Block}
            -A OUTPUT {Block}
            COMMIT

            """);
        Assert.Equal(Verdict.Accept, host.AskOne(Metadata).Verdict);
    }

    [Fact]
    public void A_block_on_docker0_leaves_the_other_networks_open()
    {
        var host = WalkHost.WithDockerUser("-d 169.254.169.254/32 -i docker0 -j DROP");
        Assert.Equal(Verdict.Drop, host.AskOne(Metadata).Verdict);
        Assert.Equal(Verdict.Accept, host.AskOne(Metadata, link: "apps0", source: "172.18.0.2").Verdict);
    }

    [Fact]
    public void Another_tools_ACCEPT_before_the_jump_takes_the_packets_away()
    {
        var host = WalkHost.Of($"{WalkHost.DockerUser.Replace("-A FORWARD", "-A FORWARD -i docker0 -j ACCEPT\n-A FORWARD", StringComparison.Ordinal)}\n-A DOCKER-USER {Block}\nCOMMIT\n");
        var part = host.AskOne(Metadata);
        Assert.Equal((Verdict.Accept, "FORWARD", 1), (part.Verdict, part.Chain, part.Position));
    }

    [Fact]
    public void A_block_behind_another_tools_ACCEPT_still_holds_in_mangle_POSTROUTING()
    {
        var host = WalkHost.Of($"""
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A FORWARD -j ACCEPT
            COMMIT
            *mangle
            :POSTROUTING ACCEPT [0:0]
            -A POSTROUTING -d 169.254.169.254/32 -m addrtype ! --src-type LOCAL -j DROP
            COMMIT

            """);
        var part = host.AskOne(Metadata);
        Assert.Equal((Verdict.Drop, "mangle", "POSTROUTING"), (part.Verdict, part.Table, part.Chain));
        Assert.Equal("dropped by mangle POSTROUTING rule 1.", part.Reason);
    }

    [Fact]
    public void The_address_of_the_ECS_agent_is_redirected_before_DOCKER_USER_sees_it()
    {
        const string Agent = "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 127.0.0.1:51679\nCOMMIT\n";
        var blocked = WalkHost.Of($"{Agent}{WalkHost.DockerUser}\n-A DOCKER-USER -d 169.254.170.2/32 -j DROP\nCOMMIT\n").With("net.ipv4.conf.all.route_localnet", "1");
        var part = blocked.AskOne("169.254.170.2", "tcp", "80");
        Assert.Equal((Verdict.Accept, PacketPath.Local), (part.Verdict, part.Path));
        Assert.Equal(Cidr.Parse("127.0.0.1"), part.NewDestination);

        var byOrigin = WalkHost.Of($"""
            {Agent.TrimEnd()}
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            -A INPUT -p tcp -m conntrack --ctorigdst 169.254.170.2 --ctorigdstport 80 -j REJECT --reject-with icmp-port-unreachable
            COMMIT

            """).With("net.ipv4.conf.all.route_localnet", "1");
        Assert.Equal(Verdict.Reject, byOrigin.AskOne("169.254.170.2", "tcp", "80").Verdict);
    }

    [Fact]
    public void A_drop_in_the_legacy_twin_holds_and_an_accept_there_opens_nothing()
    {
        const string Open = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
        const string Accepting = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n";
        const string Closed = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -d 169.254.169.254/32 -j DROP\nCOMMIT\n";
        var part = WalkHost.Of(Open, Closed).AskOne(Metadata);
        Assert.Equal((Verdict.Drop, "legacy"), (part.Verdict, part.Backend));
        Assert.Equal(Verdict.Drop, WalkHost.Of(Closed, Accepting).AskOne(Metadata).Verdict);
        Assert.Equal(Verdict.Accept, WalkHost.Of(Open, Accepting).AskOne(Metadata).Verdict);
    }
}
