using DockerNetHarden.Addresses;
using DockerNetHarden.Audit;
using DockerNetHarden.Analysis;
using DockerNetHarden.Docker;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>The analysis says about recorded hosts what real packets met there, for every container and every destination that was tried.</summary>
public sealed class RecordedHostTests
{
    // A source port that no rule names.
    private const int AnyPort = 40_000;

    private static readonly Cidr LinkLocal = Cidr.Parse("fe80::/10");

    public static TheoryData<string> Probed => [.. RecordedHost.Probed];

    public static TheoryData<string> All => [.. RecordedHost.All];

    [Theory]
    [MemberData(nameof(Probed))]
    public void The_trace_is_what_packets_met(string name)
    {
        var host = RecordedHost.Of(name);
        var walk = new PacketWalk(host);
        var answers = RecordedHost.Probes(name).Select(probe => (Probe: probe, Part: Ask(host, walk, probe))).ToList();
        Assert.Empty(answers.Where(answer => !Agrees(host, answer.Probe, answer.Part)).Select(answer => $"{answer.Probe}: {answer.Probe.Outcome}, but {Text(answer.Part)}"));
        Assert.Empty(answers.Where(answer => answer.Part is { Verdict: Verdict.Unknown }).Select(answer => $"{answer.Probe}: {Text(answer.Part)}"));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void The_audit_says_something_sensible_about_everything(string name)
    {
        var host = RecordedHost.Of(name);
        var findings = RecordedHost.Findings(name);
        Assert.Empty(findings.Where(finding => finding.Status is FindingStatus.Error).Select(Text));
        // Each bridge network has an answer to every question for all networks.
        foreach (var network in host.Networks.Where(network => network.Bridge is not null))
            Assert.Equal(["GATEWAY-ACCESS", "HOST-ACCESS", "MAIL-RATE", "METADATA-ANY-CLOUD", "NAT-UNPROTECTED"], findings.Where(finding => finding.Network == network.Name).Select(finding => finding.Id)
                .Where(id => id is "GATEWAY-ACCESS" or "HOST-ACCESS" or "MAIL-RATE" or "METADATA-ANY-CLOUD" or "NAT-UNPROTECTED").Order(StringComparer.Ordinal));
        // A network without IPv4 gets no IPv4 questions.
        Assert.Empty(findings.Where(finding => finding.Network is "only6" && finding.Evidence.Any(line => line.Contains("10.18.18.246", StringComparison.Ordinal) || line.Contains("0.0.0.1", StringComparison.Ordinal))).Select(Text));
        Assert.Empty(HardeningAudit.Of(host.InCloud("azure")).Where(finding => finding.Id is "METADATA-AZURE" && finding.Network is "only6" && finding.Status is not FindingStatus.NotApplicable).Select(Text));
        // Nothing in the recording depends on something that is not modelled, except routes by two bridges: the host was used before, and bridges of removed networks are left.
        Assert.DoesNotContain(findings.SelectMany(finding => finding.Evidence), line => line.Contains("Unknown", StringComparison.Ordinal) && !line.Contains(" leaves by br-", StringComparison.Ordinal));
    }

    // Before engine 28 a neighbour with a route reaches unpublished ports if FORWARD accepts; from then on Docker drops that, except in gateway mode nat-unprotected.
    [Theory]
    [InlineData("26.1.5-before", new[] { "bridge", "noicc", "plain", "v6" })]
    [InlineData("28.5.2-before", new[] { "unprot" })]
    // Engine 29's list of containers omits a port that is published in gateway mode routed; inspecting the container shows it.
    [InlineData("29.7.2-iptables-before", new[] { "routed", "unprot" })]
    [InlineData("29.7.2-nftables-before", new[] { "routed", "unprot" })]
    public void What_the_uplink_reaches_is_found_although_it_is_a_veth(string name, string[] networks) =>
        Assert.Equal(networks, RecordedHost.Findings(name).Where(finding => finding is { Id: "NAT-UNPROTECTED", Status: FindingStatus.Fail }).Select(finding => finding.Network));

    // The export closes metadata and mail in IPv4, the host in both families.
    [Fact]
    public void The_export_for_nftables_holds()
    {
        // The recording is older than what is known of some clouds' addresses, so it is asked about a cloud of its time.
        var findings = HardeningAudit.Of(RecordedHost.Of("29.7.2-nftables-after-export-loaded").InCloud("aws")).Where(finding => finding.Id is not "METADATA-OTHER-CLOUD").ToList();
        var controls = findings.Where(finding => finding.Id is "HOST-ACCESS" or "GATEWAY-ACCESS" or "INTERNAL-GATEWAY" or "INTERNAL-VIA-PROXY" or "MAIL-RATE" or "DAEMON-USERLAND-PROXY"
            || finding.Id.StartsWith("METADATA-", StringComparison.Ordinal)).ToList();
        Assert.Empty(controls.Where(finding => finding.Status is FindingStatus.Warning or FindingStatus.Error).Select(Text));
        var failed = controls.Where(finding => finding.Status is FindingStatus.Fail).ToList();
        Assert.Equal(["only6", "routed", "unprot", "v6"], failed.Select(finding => finding.Network!).Distinct().Order(StringComparer.Ordinal));
        Assert.All(failed, finding => Assert.True(finding.Id is "MAIL-RATE" || finding.Id.StartsWith("METADATA-", StringComparison.Ordinal), Text(finding)));
        Assert.All(failed, finding => Assert.All(finding.Evidence.Where(line => line.Contains(": Accept by ", StringComparison.Ordinal)), line => Assert.Contains("Accept by ip6 docker-bridges", line, StringComparison.Ordinal)));
        Assert.All(findings.Where(finding => finding is { Id: "MAIL-RATE", Network: "bridge" or "plain" or "noicc" or "trusted" or "later" }), finding => Assert.Equal(FindingStatus.Pass, finding.Status));
    }

    private static string Text(HardeningFinding finding) => $"{finding.Status} {finding.Id} {finding.Network} {finding.Container}: {string.Join("; ", finding.Evidence)}";

    private static bool Agrees(HostSnapshot host, RecordedProbe probe, AccessPart? part) => (probe.Outcome, part?.Verdict) switch
    {
        // The test itself lists what is Unknown.
        (_, Verdict.Unknown) => true,
        // A family in which the container has no address is not asked about.
        (_, null) => probe.Outcome.StartsWith("UNSENT", StringComparison.Ordinal) && SourceOf(host, probe) is null,
        // A packet to the container's own address never leaves it.
        _ when SourceOf(host, probe) == probe.Destination => true,
        ("OK", Verdict.Accept or Verdict.RateLimited) => true,
        ("TIMEOUT", Verdict.Drop or Verdict.RateLimited) => true,
        ("ECONNREFUSED", Verdict.Reject) => true,
        // Let through, but nobody listens: the host itself would answer, if no docker-proxy listens there.
        ("ECONNREFUSED", Verdict.Accept) => part is { Path: PacketPath.Local, Proxied: null },
        // Let through, but nobody has the address: the bridge of an isolated network has no route, and its packets go outside.
        ("TIMEOUT", Verdict.Accept) => part is { OutInterface: "up0" } && host.Networks.Any(network => network.Name is "isol" && network.Subnets.Any(subnet => subnet.Contains(probe.Destination))),
        // The container has the address but no route: its network has no gateway for it. The recording does not tell what would happen to the packets.
        (var outcome, _) => outcome.StartsWith("UNSENT", StringComparison.Ordinal) && NetworkOf(host, probe) is { Internal: true } network && !network.Subnets.Any(subnet => subnet.Contains(probe.Destination)),
    };

    private static AccessPart? Ask(HostSnapshot host, PacketWalk walk, RecordedProbe probe)
    {
        var request = new TraceRequest { Containers = [probe.Container] }.To(probe.Destination.Address).With(probe.Port.ToString(System.Globalization.CultureInfo.InvariantCulture), probe.Protocol);
        var questions = TraceQuestions.Of(request, host);
        Assert.Empty(questions.Problems);
        if (SourceOf(host, probe) is not { } source)
        {
            // The host is a neighbour, and can be reached from a link-local address.
            Assert.All(questions.All, question => Assert.Equal([LinkLocal], question.Query.Sources));
            return null;
        }
        var packet = new Packet(source.Family, source, probe.Destination, probe.Protocol is "tcp" ? 6 : 17, AnyPort, probe.Port);
        return Assert.Single(questions.All.SelectMany(question => walk.Ask(question.Packets, question.Query.InInterface)), part => part.Packets.Contains(packet));
    }

    private static ContainerAddress PlaceOf(HostSnapshot host, RecordedProbe probe) => host.Containers.Single(container => container.Name == probe.Container).Addresses.Single();

    private static DockerNetwork NetworkOf(HostSnapshot host, RecordedProbe probe) => host.Networks.Single(network => network.Name == PlaceOf(host, probe).Network);

    private static Cidr? SourceOf(HostSnapshot host, RecordedProbe probe) => probe.Destination.Family == Family.IPv4 ? PlaceOf(host, probe).IPv4 : PlaceOf(host, probe).IPv6;

    private static string Text(AccessPart? part) => part is null ? "nothing was asked" : $"{part.Verdict} ({part.Path}): {part.Reason}";
}
