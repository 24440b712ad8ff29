using DockerNetHarden.Controls;
using DockerNetHarden.Effects;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Engines;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(RichNftCollection.Name)]
public sealed class EffectOnNft(RichNftLab lab) : EffectTests(lab);

[Collection(RichLegacyCollection.Name)]
public sealed class EffectOnLegacy(RichLegacyLab lab) : EffectTests(lab);

[Collection(RichTrixieCollection.Name)]
public sealed class EffectOnTrixie(RichTrixieLab lab) : EffectTests(lab);

[Collection(RichSidCollection.Name)]
public sealed class EffectOnSid(RichSidLab lab) : EffectTests(lab);

/// <summary>What a change is said to do to open connections, and what it does: real connections in both families, in iptables and in our table of nftables.</summary>
public abstract class EffectTests(RichLab fixture)
{
    private const string Timestamps = "/proc/sys/net/netfilter/nf_conntrack_timestamp";

    private LabHost Lab => fixture.Lab;

    [LabTheory]
    [InlineData(FirewallBackend.Iptables, 5432)]
    [InlineData(FirewallBackend.Nftables, 5433)]
    public async Task The_connections_that_are_listed_are_cut_and_all_others_live_on(FirewallBackend backend, int database)
    {
        await using var hardening = await Hardening.OfAsync(Lab, backend);
        hardening.Sink.WantsEffect = true;
        await ServeDatabaseAsync(database);
        var rules = new InternalAccess { Network = new NetworkReference("dual") }.Rules();
        // Until a rule asks for the state of IPv6 connections, the kernel tracks none, and Docker may have no such rule.
        await hardening.ApplyAsync(new MetadataAccess());
        hardening.Sink.Effects.Clear();
        InvocationResult? asked = null, applied = null;
        NetNamespace.Named(Lab.HostNamespace).Write(Timestamps, "1");
        var alive = new[] { ("dual1", LabAddresses.Web, 80), ("plain1", LabAddresses.Internal, database), ("net", LabAddresses.Host, 8084), ("host", LabAddresses.Internal, database) };
        var cut = new[] { ("dual1", LabAddresses.Internal, database), ("dual1", LabAddresses.InternalV6, database) };
        var open = await WhileOpenAsync([.. alive, .. cut], async () =>
        {
            hardening.Sink.Answer = false;
            asked = await hardening.ApplyAsync(rules);
            hardening.Sink.Answer = true;
            applied = await hardening.ApplyAsync(rules);
        });
        NetNamespace.Named(Lab.HostNamespace).Write(Timestamps, "0");

        Assert.Equal((InvocationStatus.Planned, InvocationStatus.Applied, true), (asked!.Status, applied!.Status, applied.Verified));
        foreach (var result in new[] { asked, applied })
        {
            Assert.Empty(result.AffectedNotes);
            // The kernel may still keep a connection that the other row cut: nobody told it that the connection ended.
            var affected = result.Affected!.Where(each => each.Port == database).ToList();
            Assert.All(affected, each => Assert.Equal(("dual1", "dual", ConnectionOpener.Container, "tcp", database, 1, ConnectionEffect.Cut, "InternalAccess:dual"),
                (each.Container, each.Network, each.OpenedBy, each.Protocol, each.Port, each.Count, each.Effect, each.DecidedBy)));
            Assert.Equal([LabAddresses.Internal, LabAddresses.InternalV6], affected.Select(static each => each.Destination), StringComparer.Ordinal);
            Assert.All(affected, static each => Assert.InRange(each.Age!.Value, TimeSpan.Zero, TimeSpan.FromMinutes(5)));
        }
        Assert.Contains(hardening.Sink.Effects, effect => effect.Text.Contains(FormattableString.Invariant($"dual1 on dual -> {LabAddresses.Internal}:{database}/tcp, open for "), StringComparison.Ordinal));
        Assert.Equal(alive, open);
    }

    [LabTheory]
    [InlineData(FirewallBackend.Iptables, 5434)]
    [InlineData(FirewallBackend.Nftables, 5435)]
    public async Task Rules_that_stop_replies_are_seen_to_cut_what_either_side_opened(FirewallBackend backend, int database)
    {
        await using var hardening = await Hardening.OfAsync(Lab, backend);
        hardening.Sink.WantsEffect = true;
        await ServeDatabaseAsync(database);
        InvocationResult? applied = null;
        // Not in the direction of the side that opened the connection: the replies are stopped, of the database and to the client of the published port.
        FirewallRule[] rules =
        [
            FirewallRule.Parse(FormattableString.Invariant($"-A DOCKER-USER -s {LabAddresses.Internal} -p tcp --sport {database} -j DROP")),
            FirewallRule.Parse("-A DOCKER-USER -i dual0 -p tcp --sport 80 -j DROP"),
        ];
        var alive = new[] { ("dual1", LabAddresses.Web, 80), ("net", LabAddresses.Host, 8081) };
        var cut = new[] { ("plain1", LabAddresses.Internal, database), ("net", LabAddresses.Host, 8084) };
        var open = await WhileOpenAsync([.. alive, .. cut], async () => applied = await hardening.ApplyAsync(rules));

        Assert.True(applied!.Verified);
        // Without timestamps nobody knows when a connection was opened.
        Assert.Contains(applied.AffectedNotes, static note => note.Contains("nf_conntrack_timestamp", StringComparison.Ordinal));
        Assert.Equal(
            [("plain1", ConnectionOpener.Container, LabAddresses.Internal, database), ("dual1", ConnectionOpener.Other, LabAddresses.Host, 8084)],
            applied.Affected!.Where(each => each.Port is 8084 || each.Port == database).Select(static each => (each.Container, each.OpenedBy, each.Destination, each.Port)));
        Assert.All(applied.Affected!, static each => Assert.Equal((ConnectionEffect.Cut, null), (each.Effect, each.Age)));
        Assert.Equal(alive, open);
    }

    [LabFact]
    public async Task Nothing_is_listed_where_nothing_is_open_and_what_cannot_be_read_is_said()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.Sink.WantsEffect = true;
        var applied = await hardening.ApplyAsync(new InternalAccess { Network = new NetworkReference("quiet") });
        Assert.Empty(applied.Affected!);
        Assert.Contains("No open connection of a container would be cut.", Assert.Single(hardening.Sink.Effects).Lines);
        Assert.Empty((await hardening.ApplyAsync(new InternalAccess { Network = new NetworkReference("quiet") })).Affected!);
    }

    private async Task ServeDatabaseAsync(int port)
    {
        await Lab.ServeAsync("net", FormattableString.Invariant($"database-{port}"), port, address: LabAddresses.Internal);
        await Lab.ServeAsync("net", FormattableString.Invariant($"database6-{port}"), port, address: LabAddresses.InternalV6);
    }

    // Opens each connection, one within the other, does the work, and then asks again over each; gives those that still answer.
    private async Task<IReadOnlyList<(string From, string To, int Port)>> WhileOpenAsync(IReadOnlyList<(string From, string To, int Port)> connections, Func<Task> work)
    {
        var open = new List<(string, string, int)>();
        await OpenAsync(0);
        return [.. connections.Where(open.Contains)];

        async Task OpenAsync(int at)
        {
            if (at == connections.Count)
            {
                await work();
                return;
            }
            var kept = await Lab.KeepAliveAsync(connections[at].From, connections[at].To, connections[at].Port, () => OpenAsync(at + 1));
            if (kept.Second.IsOpen)
                open.Add(connections[at]);
        }
    }
}
