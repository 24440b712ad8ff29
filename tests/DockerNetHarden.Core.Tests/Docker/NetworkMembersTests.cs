using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Docker;

/// <summary>Containers on networks that the engine does not list for them: another container's, and the bridge by which overlay networks leave.</summary>
public sealed class NetworkMembersTests
{
    private static readonly DockerContainer Main = new() { Id = "aaaa1111", Name = "main", State = "running", NetworkMode = "apps", Addresses = [new("apps", Cidr.Parse("172.18.0.2"), null)] };
    private static readonly ContainerAddress Way = new("docker_gwbridge", Cidr.Parse("172.19.0.3"), null);
    private static readonly DockerNetwork Exit = new() { Name = "docker_gwbridge", Id = "e", Driver = "bridge", Bridge = "docker_gwbridge", Subnets = [Cidr.Parse("172.19.0.0/16")] };
    private static readonly DockerContainer Span = new() { Id = "ffff1111", Name = "span1", State = "running", Pid = 7, NetworkMode = "span", Addresses = [new("span", Cidr.Parse("10.0.1.2"), null), Way] };

    [Theory]
    [InlineData("container:aaaa1111", "apps", "container:aaaa1111")]
    [InlineData("container:main", "apps", "container:main")]
    [InlineData("container:cccc1111", "apps", "container:cccc1111")] // shares what a third one shares
    [InlineData("container:bbbb1111", null, "host")]
    [InlineData("container:gone", null, "container:gone")]
    [InlineData("container:self1111", null, "container:self1111")]
    [InlineData("none", null, "none")]
    public void A_container_that_shares_a_network_is_where_the_other_is(string mode, string? network, string seen)
    {
        DockerContainer[] all =
        [
            Main, new DockerContainer { Id = "bbbb1111", Name = "bare", NetworkMode = "host" }, new DockerContainer { Id = "cccc1111", Name = "third", NetworkMode = "container:aaaa1111" },
            new DockerContainer { Id = "self1111", Name = "asked", State = "running", NetworkMode = mode },
        ];
        var asked = NetworkMembers.Shared(all)[3];
        Assert.Equal((network, seen), (asked.Addresses.SingleOrDefault()?.Network, asked.NetworkMode));
    }

    [Fact]
    public async Task The_address_on_the_bridge_of_overlay_networks_is_asked_for_where_there_are_overlay_networks()
    {
        var id = new string('f', 64);
        var bridge = $$$$$$"""{"Name":"docker_gwbridge","Id":"e1","Driver":"bridge","Options":{"com.docker.network.bridge.name":"docker_gwbridge"},"IPAM":{"Config":[{"Subnet":"172.19.0.0/16"}]},"Containers":{"{{{{{{id}}}}}}":{"Name":"gateway_80","IPv4Address":"172.19.0.3/16","IPv6Address":""},"ingress-sbox":{"Name":"gateway_ingress-sbox","IPv4Address":"172.19.0.2/16","IPv6Address":""}}}""";
        var container = $$$$$$"""{"Id":"{{{{{{id}}}}}}","Name":"/span1","State":{"Status":"running","Pid":7},"HostConfig":{"NetworkMode":"span"},"NetworkSettings":{"Networks":{"span":{"IPAddress":"10.0.1.2"}}}}""";
        await using var engine = new FakeEngine(request => request switch
        {
            "GET /version" => FakeEngine.Reply(200, DockerReplies.Version2010),
            "GET /v1.41/info" => FakeEngine.Reply(200, DockerReplies.Info28),
            "GET /v1.41/networks" => FakeEngine.Reply(200, $$$$$$"""[{{{{{{bridge}}}}}},{"Name":"span","Id":"e2","Driver":"overlay","IPAM":{"Config":[{"Subnet":"10.0.1.0/24"}]}}]"""),
            "GET /v1.41/networks/docker_gwbridge" => FakeEngine.Reply(200, bridge),
            "GET /v1.41/containers/json?all=1" => FakeEngine.Reply(200, $$$$$$"""[{"Id":"{{{{{{id}}}}}}","Names":["/span1"],"State":"running","HostConfig":{"NetworkMode":"span"},"NetworkSettings":{"Networks":{"span":{"IPAddress":"10.0.1.2"}}}}]"""),
            _ => FakeEngine.Reply(200, container),
        });
        await using var docker = HostDocker.At(engine.Endpoint);
        var (_, networks, containers) = await docker.ReadAsync(CancellationToken.None);
        Assert.Equal([new("span", Cidr.Parse("10.0.1.2"), null), Way], Assert.Single(containers).Addresses);
        Assert.All(networks, network => Assert.Equal(["span1"], network.Containers));
    }

    [Fact]
    public void What_leaves_an_overlay_network_is_asked_about_at_its_bridge_and_what_stays_within_it_is_said_to()
    {
        var host = Host();
        string Asked(TraceRequest request) => string.Join("; ", TraceQuestions.Of(request.To("1.2.3.4"), host).All
            .Select(question => $"{question.Network} {question.Container} {question.Query.InInterface} {string.Join(',', question.Query.Sources)}"));
        Assert.Equal("docker_gwbridge span1 docker_gwbridge 172.19.0.3/32", Asked(new TraceRequest { Containers = ["span1"] }));
        Assert.Equal("span  docker_gwbridge 172.19.0.0/16", Asked(new TraceRequest { Networks = ["span"] }));

        foreach (var request in new[] { new TraceRequest { Containers = ["span1"] }, new TraceRequest { Networks = ["span"] } })
        {
            Assert.Empty(TraceQuestions.Of(request.To("10.0.1.9"), host).All);
            Assert.Contains("tunnel", Assert.Single(TraceQuestions.Of(request.To("10.0.1.9"), host).Problems).Message, StringComparison.Ordinal);
            // A wider destination is asked about as far as packets leave.
            var wide = Assert.Single(TraceQuestions.Of(request.To("10.0.0.0/16"), host).All);
            Assert.False(wide.Packets.IsEmpty);
            Assert.DoesNotContain(wide.Packets.Destinations, place => place.Overlaps(Cidr.Parse("10.0.1.0/24")));
        }
        var question = TraceQuestions.Of(new TraceRequest { Networks = ["span"] }.To("1.2.3.4").With("80", "tcp"), host).All.Single();
        var part = Assert.Single(new PacketWalk(host).Ask(question.Packets, question.Query.InInterface));
        Assert.Equal(7, ProbeChoice.Find(ProbeChoice.Containers(question, host), question, part)?.Pid);
    }

    [Theory]
    [InlineData("naked", "host", "OUTPUT")]
    [InlineData("alone", "none", "sends nothing")]
    [InlineData("widow", "container:gone", "is not there")]
    public void Of_a_container_that_enters_by_no_bridge_it_is_said_what_is_known(string name, string mode, string reason)
    {
        var host = Host() with { Containers = [new DockerContainer { Id = "12345678", Name = name, State = "running", NetworkMode = mode }] };
        Assert.Contains(reason, Assert.Single(TraceQuestions.Of(new TraceRequest { Containers = [name] }.To("1.2.3.4"), host).Problems).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("span", true, FindingStatus.Pass, "docker_gwbridge")]
    [InlineData("span", false, FindingStatus.Warning, "docker_gwbridge")]
    [InlineData("closed", true, FindingStatus.NotApplicable, "internal")]
    public void An_audit_says_where_the_packets_of_an_overlay_network_are_judged(string network, bool hasExit, FindingStatus status, string evidence)
    {
        var host = hasExit ? Host() : Host() with { Networks = [.. Host().Networks.Where(other => other.Name is not "docker_gwbridge")] };
        var finding = Assert.Single(HardeningAudit.Of(host), finding => finding.Id is "NETWORK-NOT-FILTERED" && finding.Network == network);
        Assert.Equal(status, finding.Status);
        Assert.Contains(evidence, Assert.Single(finding.Evidence), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("span", "-Network docker_gwbridge")]
    [InlineData("closed", "needs no rule")]
    public void Rules_for_an_overlay_network_are_refused_with_the_bridge_by_which_its_packets_enter(string network, string remedy)
    {
        var refused = Assert.Throws<PlanException>(() => Plan.From(new InternalAccess { Network = new NetworkReference(network) }.Rules(), Host()));
        Assert.Contains(remedy, refused.Remedy, StringComparison.Ordinal);
        Assert.NotEmpty(Plan.From(new InternalAccess { Network = new NetworkReference("docker_gwbridge") }.Rules(), Host()).Added);
    }

    // An internal network forbids nothing that its containers do by another network; a profile does.
    [Theory]
    [InlineData(null, FindingStatus.Pass)]
    [InlineData("Isolated", FindingStatus.Fail)]
    public void A_container_on_an_internal_network_and_another_one_is_a_fault_only_if_a_profile_forbids_what_the_other_allows(string? profile, FindingStatus status)
    {
        var host = FixtureHost.Docker28.WithNetwork("inner", network => profile is null ? network : network.WithProfile(profile));
        var both = new DockerContainer { Id = "9", Name = "both", State = "running", Addresses = [new("plain", null, null), new("inner", null, null)] };
        Assert.Equal(status, HardeningAudit.Of(host with { Containers = [both] }).Single(finding => finding is { Id: "CONTAINER-SEVERAL-NETWORKS" }).Status);
    }

    private static HostSnapshot Host() => FixtureHost.Docker28 with
    {
        Networks =
        [
            .. FixtureHost.Docker28.Networks, Exit, new DockerNetwork { Name = "span", Id = "s", Driver = "overlay", Subnets = [Cidr.Parse("10.0.1.0/24")] },
            new DockerNetwork { Name = "closed", Id = "c", Driver = "overlay", Internal = true },
        ],
        Containers = [.. FixtureHost.Docker28.Containers, Span],
        Links = [.. FixtureHost.Docker28.Links, "docker_gwbridge"],
    };
}
