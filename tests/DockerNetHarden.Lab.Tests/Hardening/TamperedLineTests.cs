using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Iptables;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class TamperedLineOnNft(NftLab lab) : TamperedLineTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class TamperedLineOnLegacy(LegacyLab lab) : TamperedLineTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class TamperedLineOnTrixie(TrixieLab lab) : TamperedLineTests(lab);

[Collection(SidCollection.Name)]
public sealed class TamperedLineOnSid(SidLab lab) : TamperedLineTests(lab);

/// <summary>A block of ours that somebody made another with one argument more is no longer the block: it is found by reading the host, and mended.</summary>
public abstract class TamperedLineTests(LabFixture fixture)
{
    [LabFact]
    public async Task A_second_match_in_a_block_is_found_and_mended()
    {
        await using var hardening = await Hardening.OfAsync(fixture.Lab);
        var rules = new MetadataAccess().Rules();
        await hardening.ApplyAsync(rules);
        await fixture.Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        Assert.Empty(RulePresence.Problems(rules, await hardening.Host.ReadAsync(CancellationToken.None)));

        // No packet is of both directions, so this block stops none.
        var parts = (await fixture.Lab.ExecAsync([fixture.Lab.Iptables, "-S"])).OrThrow().Trim().Split('\n').Where(line => line.StartsWith("-N DNH-METADATA", StringComparison.Ordinal)).Select(line => line.Split(' ')[1]);
        var tampered = 0;
        foreach (var part in parts)
        {
            var lines = (await fixture.Lab.ExecAsync([fixture.Lab.Iptables, "-S", part])).OrThrow().Trim().Split('\n')[1..];
            for (var i = 0; i < lines.Length; i++)
            {
                if (!lines[i].Contains("-j DNH-REJECT", StringComparison.Ordinal))
                    continue;
                var tokens = SaveTokenizer.Split(lines[i].Replace("-m comment", "-m conntrack --ctdir ORIGINAL -m conntrack --ctdir REPLY -m comment", StringComparison.Ordinal));
                (await fixture.Lab.ExecAsync([fixture.Lab.Iptables, "--wait", "10", "-R", part, $"{i + 1}", .. tokens.Skip(2)])).OrThrow();
                tampered++;
            }
        }
        Assert.True(tampered > 0);
        await fixture.Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Metadata, 80); // only the backstop is left

        var host = await hardening.Host.ReadAsync(CancellationToken.None);
        Assert.Equal(tampered, RulePresence.Problems(rules, host).Count(problem => problem.Contains("is not there", StringComparison.Ordinal)));
        Assert.Equal(tampered, InstalledRule.ReadAll(host).Count(line => line.IsOurs && line.Rule is null));
        var result = await hardening.ApplyAsync(rules);
        Assert.True(result.Verified);
        Assert.Equal(tampered, result.Added.Count);
        Assert.Equal(tampered, result.Removed.Count(line => line.Contains("--ctdir REPLY", StringComparison.Ordinal)));
        await fixture.Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(rules)).Status);
    }
}
