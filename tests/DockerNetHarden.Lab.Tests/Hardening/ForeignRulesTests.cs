using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class ForeignRulesOnNft(NftLab lab) : ForeignRulesTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class ForeignRulesOnLegacy(LegacyLab lab) : ForeignRulesTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class ForeignRulesOnTrixie(TrixieLab lab) : ForeignRulesTests(lab);

[Collection(SidCollection.Name)]
public sealed class ForeignRulesOnSid(SidLab lab) : ForeignRulesTests(lab);

/// <summary>None of the host's other rules is ever lost, moved or disabled.</summary>
public abstract class ForeignRulesTests(LabFixture fixture)
{
    private static readonly Control[] Everything = [new MetadataAccess(), new HostAccess(), new InternalAccess(), new SmtpRate()];

    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task An_admins_rules_before_and_behind_our_jumps_still_act_and_stay_byte_identical()
    {
        var saved = await fixture.SaveRulesAsync();
        // Inserted, because Docker's own RETURN ends the chain; our jumps are inserted in front of it later.
        await IptablesAsync("-I", "DOCKER-USER", "-d", LabAddresses.WebSecond, "-m", "comment", "--comment", "admin: \"before\" * us", "-j", "REJECT");
        await IptablesAsync("-I", "INPUT", "-p", "udp", "--dport", "9", "-j", "ACCEPT");
        await IptablesAsync("-t", "mangle", "-A", "POSTROUTING", "-p", "tcp", "--tcp-flags", "SYN,RST", "SYN", "-j", "TCPMSS", "--clamp-mss-to-pmtu");
        await using (var hardening = await Hardening.OfAsync(Lab))
        {
            await hardening.ApplyAsync(Everything);
            await IptablesAsync("-I", "DOCKER-USER", "-d", LabAddresses.Web, "-p", "tcp", "--dport", "80", "-m", "comment", "--comment", "admin: in front", "-j", "DROP");
            await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.WebSecond, 80);
            await Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Web, 80);
            await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
            // Applied again, and with other parameters: the rules are still there, in the same places.
            await hardening.ApplyAsync(Everything);
            await hardening.ApplyAsync(new InternalAccess { Ranges = [Cidr.Parse("10.0.0.0/8")] });
            await Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Web, 80);
            await IptablesAsync("-D", "DOCKER-USER", "-d", LabAddresses.Web, "-p", "tcp", "--dport", "80", "-m", "comment", "--comment", "admin: in front", "-j", "DROP");
            // Disposing it removes all that is ours and compares the rest.
        }
        await fixture.ResetRulesAsync(saved);
    }

    [LabFact]
    public async Task Removing_a_controls_last_rule_removes_its_chain_and_jump_and_no_other()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(Everything);
        var result = await hardening.RunAsync(snapshot => Plan.Without(mark => mark.Control == "MetadataAccess", snapshot));
        Assert.Equal(InvocationStatus.Applied, result.Status);
        var save = await hardening.SaveAsync();
        Assert.DoesNotContain("DNH-METADATA", save, StringComparison.Ordinal);
        Assert.Contains("DNH-HOST", save, StringComparison.Ordinal);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Internal, 80);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.RunAsync(snapshot => Plan.Without(mark => mark.Control == "MetadataAccess", snapshot))).Status);
    }

    [LabFact]
    public async Task A_line_that_an_admin_put_into_our_chain_is_kept_even_when_ours_go()
    {
        var saved = await fixture.SaveRulesAsync();
        await using (var hardening = await Hardening.OfAsync(Lab))
        {
            hardening.CompareForeign = false;
            await hardening.ApplyAsync(new MetadataAccess());
            await IptablesAsync("-I", "DNH-METADATA", "-s", "10.1.2.3", "-j", "RETURN");
            await IptablesAsync("-A", "DNH-METADATA", "-s", "10.3.2.1", "-j", "DROP");
            await hardening.ApplyAsync(new MetadataAccess { Provider = "Aws" });
            var lines = (await Lab.ExecAsync([Lab.Iptables, "-S", "DNH-METADATA"])).OrThrow().Trim().Split('\n');
            Assert.Equal("-A DNH-METADATA -s 10.1.2.3/32 -j RETURN", lines[1]);
            Assert.Equal("-A DNH-METADATA -s 10.3.2.1/32 -j DROP", lines[^1]);
            await hardening.RemoveAllAsync();
            Assert.Contains("-A DNH-METADATA -s 10.3.2.1/32 -j DROP", await hardening.SaveAsync(), StringComparison.Ordinal);
            Assert.Contains(hardening.Sink.Warnings, warning => warning.Contains("not ours", StringComparison.Ordinal));
        }
        await fixture.ResetRulesAsync(saved);
        await IptablesAsync("-t", "filter", "-L", "-n");
    }

    [LabFact]
    public async Task A_missing_a_doubled_and_a_hidden_jump_are_repaired()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new MetadataAccess());
        string[] jump = ["DOCKER-USER", "-m", "comment", "--comment", "DockerNetHarden", "-j", "DNH-METADATA"];

        await IptablesAsync(["-D", .. jump]);
        Assert.Equal(InvocationStatus.Applied, (await hardening.ApplyAsync(new MetadataAccess())).Status);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);

        await IptablesAsync(["-A", .. jump]);
        await hardening.ApplyAsync(new MetadataAccess());
        Assert.Equal(1, (await hardening.SaveAsync()).Split('\n').Count(line => line.Contains("-A DOCKER-USER", StringComparison.Ordinal) && line.EndsWith("-j DNH-METADATA", StringComparison.Ordinal)));

        await IptablesAsync("-I", "DOCKER-USER", "-j", "RETURN");
        await Lab.ExpectAsync(Reach.TimedOut, "c0", LabAddresses.Metadata, 80); // only the backstop is left
        Assert.Equal(InvocationStatus.Applied, (await hardening.ApplyAsync(new MetadataAccess())).Status);
        Assert.Contains(hardening.Sink.Warnings, warning => warning.Contains("hid our jump", StringComparison.Ordinal));
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(new MetadataAccess())).Status);
        await IptablesAsync("-D", "DOCKER-USER", "-j", "RETURN");
    }

    [LabFact]
    public async Task A_custom_accept_does_not_hide_another_controls_block()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        var accept = FirewallRule.Parse("-A DOCKER-USER -i docker0 -j ACCEPT");
        await hardening.ApplyAsync([accept]);
        await hardening.ApplyAsync(new MetadataAccess());
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        await hardening.RemoveAllAsync();
        await hardening.ApplyAsync(new MetadataAccess());
        await hardening.ApplyAsync([accept]);
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Metadata, 80);
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync([accept])).Status);
    }

    [LabFact]
    public async Task Two_admins_at_once_both_get_their_rules()
    {
        await using var one = await Hardening.OfAsync(Lab);
        for (var round = 0; round < 10; round++)
        {
            await using var two = await Hardening.OfAsync(Lab);
            one.CompareForeign = two.CompareForeign = false;
            await Task.WhenAll(one.ApplyAsync(new MetadataAccess()), two.ApplyAsync(new InternalAccess()));
            var left = await one.ApplyAsync(new MetadataAccess(), new InternalAccess());
            Assert.True(left.Status == InvocationStatus.Unchanged, $"{string.Join('\n', left.Removed.Select(line => "- " + line).Concat(left.Added.Select(line => "+ " + line)))}\n{string.Join('\n', one.Sink.Traces.Concat(two.Sink.Traces))}");
            await one.RemoveAllAsync();
        }
    }

    [LabFact]
    public async Task Six_writers_of_one_chain_at_once_lose_nothing_that_any_of_them_saw_verified()
    {
        var hands = new List<Hardening>();
        for (var i = 0; i < 6; i++)
            hands.Add(await Hardening.OfAsync(Lab));
        for (var round = 0; round < 3; round++)
        {
            var rules = hands.Select((_, hand) => FirewallRule.FromProperties(new Dictionary<string, object?>(StringComparer.Ordinal)
            {
                ["Subject"] = $"r{round}-{hand}", ["Destination"] = $"10.{round}.{hand}.1", ["Action"] = "Drop",
            })).ToList();
            // A writer that loses five races in a row is told so, and none of its rules is there; all others have theirs, whoever came after them.
            var outcomes = await Task.WhenAll(hands.Select(async (hand, index) =>
            {
                try
                {
                    return (await hand.ApplyAsync([rules[index]])).Verified;
                }
                catch (HostException error) when (error.Failure is HostFailure.Contended or HostFailure.RestoreFailed)
                {
                    return false;
                }
            }));
            Assert.Contains(true, outcomes);
            var save = await hands[0].SaveAsync();
            for (var hand = 0; hand < hands.Count; hand++)
                Assert.True(!outcomes[hand] || save.Contains($"Custom/r{round}-{hand}\"", StringComparison.Ordinal), $"round {round}: writer {hand} saw its rule verified, and it is gone");
        }
        foreach (var hand in hands)
        {
            hand.CompareForeign = false;
            await hand.DisposeAsync();
        }
    }

    [LabFact]
    public async Task Prune_leaves_only_what_is_given()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(Everything);
        await hardening.ApplyAsync(new MetadataAccess { Provider = "Aws" }.Rules(), new PlanOptions { Prune = true });
        var save = await hardening.SaveAsync() + await hardening.SaveAsync("ip6");
        Assert.Contains("MetadataAccess/aws", save, StringComparison.Ordinal);
        Assert.DoesNotContain("DNH-HOST", save, StringComparison.Ordinal);
        Assert.DoesNotContain("DNH-SMTP", save, StringComparison.Ordinal);
        await Lab.ExpectAsync(Reach.Open, "c0", LabAddresses.WireServer, 80);
    }

    [LabFact]
    public async Task An_answer_of_no_changes_nothing_and_says_what_would_have_been()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.Sink.Answer = false;
        var result = await hardening.ApplyAsync(Everything);
        Assert.Equal(InvocationStatus.Planned, result.Status);
        Assert.Contains(result.Added, line => line.Contains("-j DNH-METADATA", StringComparison.Ordinal));
        Assert.DoesNotContain("DNH-", await hardening.SaveAsync(), StringComparison.Ordinal);
        hardening.Sink.Answer = true;
    }

    private async Task IptablesAsync(params string[] arguments) => (await Lab.ExecAsync([Lab.Iptables, "--wait", "10", .. arguments])).OrThrow();
}
