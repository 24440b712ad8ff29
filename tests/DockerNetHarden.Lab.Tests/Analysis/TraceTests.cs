using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Matching;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Lab.Tests.Analysis;

[Collection(NftCollection.Name)]
public sealed class TraceOnNft(NftLab lab) : TraceTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class TraceOnLegacy(LegacyLab lab) : TraceTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class TraceOnTrixie(TrixieLab lab) : TraceTests(lab);

[Collection(SidCollection.Name)]
public sealed class TraceOnSid(SidLab lab) : TraceTests(lab);

/// <summary>Computed verdicts of a hardened host, compared with what real connections to real services meet.</summary>
public abstract class TraceTests(LabFixture fixture)
{
    [LabTheory]
    [InlineData(FirewallBackend.Iptables)]
    [InlineData(FirewallBackend.Nftables)]
    public async Task Computed_verdicts_are_what_real_connections_meet(FirewallBackend place)
    {
        await using var hardening = await Hardening.Hardening.OfAsync(fixture.Lab, place);
        await hardening.ApplyAsync(
            new MetadataAccess { Action = Rules.RuleAction.Drop },
            new HostAccess { Network = new NetworkReference("apps") },
            new InternalAccess { Network = new NetworkReference("bridge") });
        var host = await hardening.Host.ReadWholeAsync(CancellationToken.None);
        var walk = new PacketWalk(host);
        var request = new TraceRequest().To(LabAddresses.Metadata, LabAddresses.Web, LabAddresses.Internal, LabAddresses.Host).With("80", "tcp");
        var asked = TraceQuestions.Of(request, host).All
            .SelectMany(question => walk.Ask(question.Packets, question.Query.InInterface).Select(part => (Question: question, Part: part)))
            .Select(each => (each.Question, each.Part, Probe: ProbeChoice.Find(ProbeChoice.Containers(each.Question, host), each.Question, each.Part)))
            .Where(each => each.Probe is not null)
            .ToList();
        await using var shell = new ProcessShell("lab", fixture.Lab.Shell[0], [.. fixture.Lab.Shell.Skip(1), "/bin/sh"]);
        var results = await ProbeProgram.RunAsync(shell, [.. asked.Select(each => each.Probe!)], CancellationToken.None);

        var seen = asked.Zip(results).Select(pair => $"{pair.First.Question.Network} {pair.First.Question.Target} {pair.First.Part.Verdict} {pair.Second.Outcome}").Order(StringComparer.Ordinal);
        string[] expected =
        [
            "apps 10.0.0.5 Accept Connected", "apps 169.254.169.254 Drop TimedOut", $"apps {LabAddresses.Host} Reject Refused", $"apps {LabAddresses.Web} Accept Connected",
            // The internal ranges contain the metadata addresses, and their chain comes first.
            "bridge 10.0.0.5 Reject Refused", "bridge 169.254.169.254 Reject Refused", $"bridge {LabAddresses.Host} Accept Refused", $"bridge {LabAddresses.Web} Accept Connected",
        ];
        Assert.Equal(string.Join('\n', expected.Order(StringComparer.Ordinal)), string.Join('\n', seen));
        Assert.DoesNotContain(asked.Zip(results), pair => pair.Second.Confirms(pair.First.Part.Verdict) == false);
        // A rule of a control decides, not the chain that all of them share.
        Assert.All(asked.Where(each => each.Part.Verdict is Verdict.Drop or Verdict.Reject), each => Assert.Matches(place == FirewallBackend.Nftables ? "^(filter|mangle)_.*(access|rate)_ip$" : "^DNH-(METADATA|HOST|INTERNAL)", each.Part.Chain!));
    }
}
