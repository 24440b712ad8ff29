using DockerNetHarden.Addresses;
using DockerNetHarden.Core.Tests.Rules;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class KernelRoundTripOnNft(NftLab lab) : KernelRoundTripTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class KernelRoundTripOnLegacy(LegacyLab lab) : KernelRoundTripTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class KernelRoundTripOnTrixie(TrixieLab lab) : KernelRoundTripTests(lab);

[Collection(SidCollection.Name)]
public sealed class KernelRoundTripOnSid(SidLab lab) : KernelRoundTripTests(lab);

/// <summary>The kernel keeps a rule exactly as it was asked for: random rules over the whole vocabulary go in and come back, and then there is nothing left to do.</summary>
public abstract class KernelRoundTripTests(LabFixture fixture)
{
    [LabFact]
    public async Task Random_rules_of_the_whole_vocabulary_come_back_as_they_went_in()
    {
        await using var hardening = await Hardening.OfAsync(fixture.Lab);
        // Where ip6tables has no DOCKER-USER, these controls need no second half in IPv6, and a plan leaves it out.
        var rules = new RandomRules(7).Take(1500).Distinct()
            .Where(rule => rule is not { Family: Family.IPv6, Table: "mangle", Chain: "POSTROUTING", Control: "MetadataAccess" or "InternalAccess" }).ToList();
        var result = await hardening.ApplyAsync(rules, new PlanOptions { Force = true });
        Assert.True(result.Verified);
        Assert.True(result.Added.Count >= rules.Count);
        var before = await hardening.SaveAsync();
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(rules, new PlanOptions { Force = true })).Status);
        Assert.Equal(Lines(before), Lines(await hardening.SaveAsync()));

        // Rule by rule, so that a rule that is read back as a different one cannot hide behind a third.
        var snapshot = await hardening.Host.ReadAsync(CancellationToken.None);
        var there = snapshot.Rules.Values.SelectMany(OurChain.ReadAll).SelectMany(chain => chain.Lines).Select(line => line.Rule?.ToString()).ToHashSet(StringComparer.Ordinal);
        Assert.All(rules, rule => Assert.Contains(rule.ToString(), there));
        Assert.Equal(rules.Count, there.Count);
    }

    [LabFact]
    public async Task A_hostile_value_is_data_all_the_way_to_the_kernel_and_back()
    {
        await using var hardening = await Hardening.OfAsync(fixture.Lab);
        var marker = Path.Combine(Path.GetTempPath(), $"dnh-{Guid.NewGuid():N}");
        var rules = new[] { $"$(touch {marker})", $"'; touch {marker} #", $"`touch {marker}`", "-j ACCEPT", "COMMIT", "DNH_EOF" }
            .Select(text => FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal) { ["Destination"] = "10.99.0.1", ["Action"] = "Drop", ["Comment"] = text, ["LogPrefix"] = null }))
            .ToList();
        var result = await hardening.ApplyAsync(rules);
        Assert.True(result.Verified);
        Assert.False(File.Exists(marker));
        var snapshot = await hardening.Host.ReadAsync(CancellationToken.None);
        Assert.Equal(
            rules.Select(rule => rule.Comment).Order(StringComparer.Ordinal),
            OurChain.ReadAll(snapshot.Rules[Family.IPv4]).SelectMany(chain => chain.Lines).Select(line => line.Rule!.Comment).Order(StringComparer.Ordinal));
    }

    [LabFact]
    public async Task Which_hashlimit_rates_the_kernel_takes_is_known_before_it_is_asked()
    {
        await using var hardening = await Hardening.OfAsync(fixture.Lab);
        foreach (var rate in new[] { "1/hour", "2/hour", "1/min", "1000000/sec" })
            Assert.True((await hardening.ApplyAsync([FirewallRule.Parse($"-A DOCKER-USER -p tcp -m hashlimit --hashlimit-above {rate} --hashlimit-mode srcip -j DROP")])).Verified, rate);
        foreach (var rate in new[] { "1/day", "0/sec", "1000001/sec" })
            Assert.Throws<RefusedValueException>(() => FirewallRule.Parse($"-A DOCKER-USER -p tcp -m hashlimit --hashlimit-above {rate} --hashlimit-mode srcip -j DROP"));
    }

    private static string Lines(string save) => string.Join('\n', save.Split('\n').Where(line => line.Contains("DNH-", StringComparison.Ordinal)));
}
