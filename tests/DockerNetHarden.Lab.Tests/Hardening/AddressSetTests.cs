using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Engines;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class AddressSetsOnNft(NftLab lab) : AddressSetTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class AddressSetsOnLegacy(LegacyLab lab) : AddressSetTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class AddressSetsOnTrixie(TrixieLab lab) : AddressSetTests(lab);

[Collection(SidCollection.Name)]
public sealed class AddressSetsOnSid(SidLab lab) : AddressSetTests(lab);

/// <summary>Lists of addresses as sets beside a running Docker, with packets: applied, traced, changed and removed.</summary>
public abstract class AddressSetTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_block_list_closes_its_addresses_for_its_containers_and_nothing_else(bool isControl)
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Internal, 80);
        var (with, more, without) = (Rules(isControl, List(20)), Rules(isControl, List(30)), Rules(isControl, [.. List(20).Skip(1)]));
        var applied = await hardening.ApplyAsync(with);
        Assert.Equal((InvocationStatus.Applied, true), (applied.Status, applied.Verified));
        Assert.NotEmpty(await SetsAsync());
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(with)).Status);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.Internal, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Web, 80);
        await TracedAsync(hardening);

        // From one list to another no packet gets through to what both close.
        var change = hardening.ApplyAsync(more);
        do
            await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);
        while (!change.IsCompleted);
        Assert.True((await change).Verified);
        Assert.True((await hardening.ApplyAsync(without)).Verified);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Internal, 80);
        await TracedAsync(hardening);

        Assert.True((await hardening.RemoveAllAsync()).Verified);
        Assert.Empty(await SetsAsync());
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Internal, 80);
    }

    [LabTheory]
    [InlineData(FirewallBackend.Iptables, true)]
    [InlineData(FirewallBackend.Iptables, false)]
    [InlineData(FirewallBackend.Nftables, true)]
    [InlineData(FirewallBackend.Nftables, false)]
    public async Task Ten_thousand_prefixes_are_applied_traced_and_removed(FirewallBackend backend, bool isControl)
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        var options = new PlanOptions { Backend = backend };
        var rules = Rules(isControl, List(10_000));
        Assert.True((await hardening.ApplyAsync(rules, options)).Verified);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(rules, options)).Status);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Web, 80);
        await TracedAsync(hardening);
        Assert.Empty(RuleEffect.Problems(isControl ? rules : [.. rules.Take(20)], new PacketWalk(await hardening.Host.ReadWholeAsync(CancellationToken.None))));
        Assert.True((await hardening.RemoveAllAsync()).Verified);
        Assert.Empty(await SetsAsync());
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Internal, 80);
    }

    private async Task TracedAsync(Hardening hardening)
    {
        var proof = new TraceProof(Lab, await hardening.Host.ReadWholeAsync(CancellationToken.None));
        proof.Ask(new TraceRequest().To([LabAddresses.Internal, LabAddresses.Web, LabAddresses.WebSecond]).With("80", "tcp"));
        Assert.True(await proof.ConfirmAsync() > 3);
    }

    private async Task<string[]> SetsAsync() => [.. (await Lab.ExecAsync(["ipset", "list", "-n"])).OrThrow().Split('\n').Where(name => name.StartsWith("DNH-", StringComparison.Ordinal))];

    // The first is the internal server; no two can be put together.
    private static List<Cidr> List(int count) =>
        [.. Enumerable.Range(0, count).Select(index => index == 0 ? Cidr.Parse(LabAddresses.Internal) : Cidr.Parse(FormattableString.Invariant($"10.{1 + (index / 100)}.{index % 100 * 2}.0/{(index % 3 == 0 ? 32 : 24)}")))];

    private static IReadOnlyList<FirewallRule> Rules(bool isControl, IReadOnlyList<Cidr> list) => isControl ? new InternalAccess { Network = new NetworkReference("apps"), Ranges = list, Dns = false }.Rules()
        : [.. list.Select(prefix => FirewallRule.Parse($"-A DOCKER-USER -i apps0 -d {prefix} -p tcp -j REJECT --reject-with tcp-reset"))];
}
