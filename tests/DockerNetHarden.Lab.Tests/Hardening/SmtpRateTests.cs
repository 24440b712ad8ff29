using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class SmtpRateOnNft(NftLab lab) : SmtpRateTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class SmtpRateOnLegacy(LegacyLab lab) : SmtpRateTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class SmtpRateOnTrixie(TrixieLab lab) : SmtpRateTests(lab);

[Collection(SidCollection.Name)]
public sealed class SmtpRateOnSid(SidLab lab) : SmtpRateTests(lab);

public abstract class SmtpRateTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task Of_a_burst_of_20_mails_5_pass_and_all_containers_share()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        Assert.Equal(20, await MailsAsync("c0"));
        await hardening.ApplyAsync(new SmtpRate());
        Assert.Equal(5, await MailsAsync("c0"));
        Assert.Equal(0, await MailsAsync("a1", 5));
        await Lab.ExpectAsync(Probing.Reach.Open, "c0", LabAddresses.Web, 80);
    }

    [LabFact]
    public async Task Per_container_each_has_its_own_5()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new SmtpRate { PerContainer = true });
        Assert.Equal(5, await MailsAsync("c0"));
        Assert.Equal(5, await MailsAsync("a1"));
        Assert.Equal(5, await MailsAsync("a2"));
        Assert.Equal(0, await MailsAsync("c0", 3));
    }

    [LabFact]
    public async Task Per_container_holds_on_a_network_made_later_and_counts_each_connection_once()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await Lab.CreateNetworkAsync("between");
        await Lab.RunContainerAsync(new LabContainerOptions("b1") { Network = "between" });
        await hardening.ApplyAsync(new SmtpRate { PerContainer = true }); // two lines match the br-... of "between"
        await Lab.CreateNetworkAsync("later");
        await Lab.RunContainerAsync(new LabContainerOptions("l1") { Network = "later" });
        Assert.Equal(5, await MailsAsync("b1"));
        Assert.Equal(5, await MailsAsync("l1"));
        foreach (var name in new[] { "b1", "l1" })
            await Lab.RemoveContainerAsync(name);
        foreach (var name in new[] { "between", "later" })
            await Lab.RemoveNetworkAsync(name);
    }

    [LabFact]
    public async Task Per_container_limits_the_same_with_a_log()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(new SmtpRate { PerContainer = true, Log = true, Network = new NetworkReference("apps") });
        Assert.Equal(5, await MailsAsync("a1"));
        Assert.Equal(5, await MailsAsync("a2"));
        Assert.Equal(20, await MailsAsync("c0"));
    }

    [LabTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_second_limit_replaces_the_first_in_the_kernel_too(bool perContainer)
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        // 60 a minute give a token each second, 2 a minute one in 30 seconds. What passes counts, not what iptables prints.
        await hardening.ApplyAsync(new SmtpRate { PerMinute = 60, Burst = 2, PerContainer = perContainer });
        // A SYN is resent after a second, and by then there is a token for it.
        Assert.InRange(await MailsAsync("c0", 6), 2, 4);
        await Task.Delay(2500);
        Assert.InRange(await MailsAsync("c0", 6), 2, 4);

        await hardening.ApplyAsync(new SmtpRate { PerMinute = 2, Burst = 2, PerContainer = perContainer });
        Assert.Equal(2, await MailsAsync("c0", 6));
        await Task.Delay(2500);
        Assert.Equal(0, await MailsAsync("c0", 6));
        Assert.Equal(perContainer ? 7 /* two bridges, five pools of networks made later */ : 1, System.Text.RegularExpressions.Regex.Count(await hardening.SaveAsync(), perContainer ? "hashlimit-upto" : "-m limit", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1)));
    }

    [LabFact]
    public async Task Mail_to_a_published_mail_server_is_not_limited()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await Lab.RunContainerAsync(new LabContainerOptions("mx") { Network = "apps", Publish = ["25:25"] });
        await Lab.ServeAsync("mx", "mx-mail", 25, ServiceKind.Mail);
        await hardening.ApplyAsync(new SmtpRate());
        var burst = await Lab.BurstAsync("net", LabAddresses.Host, 25, 20);
        Assert.Equal(20, burst.Open);
        // Mail within the network is not limited either, whether bridged packets pass iptables or not.
        Lab.SetBridgeNetfilter(true);
        Assert.Equal(20, (await Lab.BurstAsync("a1", (await Lab.ContainerAsync("mx")).Address, 25, 20)).Open);
        Assert.Equal(5, await MailsAsync("a1"));
        await Lab.RemoveContainerAsync("mx");
    }

    [LabFact]
    public async Task Applied_twice_nothing_is_written_and_counters_stay()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        Control[] controls = [new MetadataAccess { Log = true }, new HostAccess { Log = true }, new InternalAccess { Log = true }, new SmtpRate { Log = true }, new SmtpRate { PerContainer = true, Ports = "2525" }];
        await hardening.ApplyAsync(controls);
        Assert.Equal(5, await MailsAsync("c0"));
        await Lab.ExpectAsync(Probing.Reach.Refused, "c0", LabAddresses.Metadata, 80);
        var before = await OursAsync(hardening);
        Assert.Contains("[5:", before, StringComparison.Ordinal);

        var again = await hardening.ApplyAsync(controls);
        Assert.Equal(InvocationStatus.Unchanged, again.Status);
        Assert.Empty(again.Added);
        Assert.Empty(again.Removed);
        Assert.True(again.Unchanged > 20);
        Assert.Equal(before, await OursAsync(hardening));

        // A changed mark keeps the counters of every rule that stays, in whichever part of its chain.
        var counted = await CountedAsync(hardening);
        await hardening.ApplyAsync(new MetadataAccess { Log = true, Provider = "Aws" });
        var after = await CountedAsync(hardening);
        Assert.All(counted, rule => Assert.Contains(rule, after));
    }

    private async Task<int> MailsAsync(string from, int count = 20) => (await Lab.BurstAsync(from, LabAddresses.Web, 25, count)).Open;

    private static async Task<IReadOnlyList<(string Text, long Packets, long Bytes)>> CountedAsync(Hardening hardening) =>
        [.. InstalledRule.ReadAll(await hardening.Host.ReadAsync(CancellationToken.None)).Where(rule => rule.IsOurs).Select(rule => (rule.Text, rule.Packets, rule.Bytes))];

    private static async Task<string> OursAsync(Hardening hardening) =>
        string.Join('\n', (await hardening.SaveAsync()).Split('\n').Where(line => line.Contains("-A DNH-", StringComparison.Ordinal)));
}
