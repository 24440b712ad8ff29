using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Rules pasted from guides, named with the harm that they do and the command that removes them.</summary>
public sealed class HandMadeRuleTests
{
    private static readonly HostSnapshot Bare = FixtureHost.Docker20.WithIPv4Only();

    [Theory]
    [InlineData("INPUT -s 172.16.0.0/12 -d 10.0.0.5/32 -j DROP", "172.31.0.0/16", "Block-ContainerHostAccess")]
    [InlineData("INPUT -s 172.18.0.0/16 -d 10.0.0.5/32 -j DROP", "every client in 172.18.0.0/16", "Block-ContainerHostAccess")]
    [InlineData("INPUT -d 172.17.0.1/32 -i docker0 -j DROP", "drops replies too", "Block-ContainerHostAccess")]
    [InlineData("INPUT -i plain0 -j REJECT --reject-with icmp-port-unreachable", "drops replies too", "Block-ContainerHostAccess")]
    [InlineData("DOCKER-USER -d 169.254.169.254/32 -i docker0 -j DROP", "other networks are not covered", "Block-ContainerMetadataAccess")]
    [InlineData("DOCKER-USER -d 169.254.169.254/32 -i docker0 -p udp -m udp --dport 53 -j ACCEPT", "other networks are not covered", "Block-ContainerMetadataAccess")]
    [InlineData("DOCKER-USER -d 10.0.0.0/8 -i plain0 -j DROP", "clients in 10.0.0.0/8", "Block-ContainerInternalAccess -Network plain")]
    [InlineData("DOCKER-USER -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m multiport --dports 25,465,587 -m limit --limit 5/min -j RETURN", "skips every later rule", "Set-SmtpRateLimit")]
    [InlineData("DOCKER-USER -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m multiport --dports 25,465,587 -j DROP", "published mail server", "Set-SmtpRateLimit")]
    public void A_pasted_rule_is_named_with_its_harm_and_its_removal(string line, string harm, string command)
    {
        var finding = Find(Bare.Iptables("-I " + line));
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.Contains(harm, Assert.Single(finding.Evidence), StringComparison.Ordinal);
        Assert.Contains($"& {{ {command} }} | Invoke-FirewallRule", finding.Remedy!.Split('\n'));
        Assert.Equal(line.Contains("172.16.0.0/12", StringComparison.Ordinal), finding.Evidence[0].Contains("172.31.0.0/16", StringComparison.Ordinal));
        Assert.Equal(harm is "other networks are not covered" && line.EndsWith("-j DROP", StringComparison.Ordinal), finding.Evidence[0].Contains("does not hold while", StringComparison.Ordinal));
        Assert.Equal("iptables -D " + line, Assert.Single(Commands(finding)));

        // Whoever has the controls is not told to apply them first.
        var hardened = Bare.Applied([.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new InternalAccess().Rules(), .. new SmtpRate().Rules()]).Iptables("-A " + line);
        Assert.StartsWith("The controls that replace these rules stand.", Find(hardened).Remedy, StringComparison.Ordinal);
    }

    // A control of that name stands, but not for what the old rule is about.
    [Theory]
    [InlineData("INPUT -i plain0 -j DROP", "HostAccess of another network")]
    [InlineData("INPUT -i plain0 -j DROP", "HostAccess of one address")]
    [InlineData("INPUT -s 172.16.0.0/12 -j DROP", "HostAccess of another network")]
    [InlineData("DOCKER-USER -d 10.0.0.0/8 -i plain0 -j DROP", "InternalAccess of one range")]
    [InlineData("DOCKER-USER -d 169.254.169.254/32 -i plain0 -j DROP", "MetadataAccess of another address")]
    [InlineData("DOCKER-USER -p tcp -m tcp --dport 587 -j DROP", "SmtpRate of one port")]
    public void A_control_that_covers_less_replaces_nothing(string line, string control)
    {
        var other = new NetworkReference("quiet", "quiet0", [Cidr.Parse("172.20.0.0/16")]);
        IReadOnlyList<FirewallRule> rules = control switch
        {
            "HostAccess of another network" => new HostAccess { Network = other }.Rules(),
            "HostAccess of one address" => new HostAccess { HostAddresses = [Cidr.Parse("10.0.0.5")] }.Rules(),
            "InternalAccess of one range" => new InternalAccess { Ranges = [Cidr.Parse("192.168.0.0/16")] }.Rules(),
            "MetadataAccess of another address" => new MetadataAccess { Provider = "Alibaba" }.Rules(),
            _ => new SmtpRate { Ports = "25" }.Rules(),
        };
        Assert.StartsWith("First apply the controls", Find(Bare.Applied(rules).Iptables("-I " + line)).Remedy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("INPUT -s 172.16.0.0/12 -p tcp -m tcp --dport 22 -j DROP")]
    [InlineData("INPUT -s 192.0.2.0/24 -j DROP")]
    [InlineData("INPUT -i eth0 -j DROP")]
    [InlineData("INPUT -s 172.16.0.0/12 -i plain0 -m conntrack --ctstate NEW -j DROP")]
    [InlineData("DOCKER-USER -d 169.254.169.254/32 -j DROP")]
    [InlineData("DOCKER-USER -d 10.0.0.0/8 -i plain0 -m conntrack --ctdir ORIGINAL -j DROP")]
    [InlineData("DOCKER-USER -d 10.0.0.0/8 -i plain0 -m u32 --u32 \"6&0xFF=0x6\" -j DROP")]
    [InlineData("DOCKER-USER -d 10.0.0.0/8 -i eth0 -j DROP")]
    [InlineData("DOCKER-USER -p tcp -m tcp --dport 80 -j DROP")]
    public void Other_rules_are_somebody_elses_business(string line) => Assert.Equal(FindingStatus.Pass, Find(Bare.Iptables("-I " + line)).Status);

    [Fact]
    public void Behind_a_rule_that_accepts_replies_a_drop_harms_nobody()
    {
        var host = Bare.Iptables("-I INPUT -d 172.17.0.1/32 -i docker0 -j DROP", "-I INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT");
        Assert.Equal(FindingStatus.Pass, Find(host).Status);
    }

    [Fact]
    public void Our_own_rules_are_none() =>
        Assert.Equal(FindingStatus.Pass, Find(Bare.Applied([.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new InternalAccess().Rules(), .. new SmtpRate().Rules()])).Status);

    [Fact]
    public void A_comment_with_quotes_and_an_expansion_is_one_word_of_the_command()
    {
        var finding = Find(Bare.Iptables("-I INPUT -d 172.17.0.1/32 -i docker0 -m comment --comment \"it's $(reboot) `x`; \\\"y\\\"\" -j DROP"));
        Assert.Equal("""iptables -D INPUT -d 172.17.0.1/32 -i docker0 -m comment --comment 'it'\''s $(reboot) `x`; "y"' -j DROP""", Assert.Single(Commands(finding)));
        var untypable = Find(Bare.Iptables("-I INPUT -d 172.17.0.1/32 -i docker0 -m comment --comment \"a\u001b[2J\" -j DROP"));
        Assert.Empty(Commands(untypable));
        Assert.Contains("--line-numbers", untypable.Remedy!, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', untypable.Remedy!);
    }

    private static HardeningFinding Find(HostSnapshot host) => Assert.Single(HardeningAudit.Of(host), finding => finding.Id == "HAND-MADE-RULE");

    private static IEnumerable<string> Commands(HardeningFinding finding) => finding.Remedy!.Split('\n').Where(line => line.StartsWith("iptables -D ", StringComparison.Ordinal));
}
