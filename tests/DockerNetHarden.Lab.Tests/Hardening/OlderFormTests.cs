using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Iptables;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class OlderFormOnNft(NftLab lab) : OlderFormTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class OlderFormOnLegacy(LegacyLab lab) : OlderFormTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class OlderFormOnTrixie(TrixieLab lab) : OlderFormTests(lab);

[Collection(SidCollection.Name)]
public sealed class OlderFormOnSid(SidLab lab) : OlderFormTests(lab);

/// <summary>A host whose rules stand one after the other in the chains of their controls, without gates and shared chains, moves with the next change while packets run.</summary>
public abstract class OlderFormTests(LabFixture fixture)
{
    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task It_moves_with_the_next_change_and_no_request_gets_through()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        FirewallRule[] controls = [.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new InternalAccess().Rules(), .. new SmtpRate().Rules()];
        await hardening.ApplyAsync(controls);
        var laid = await LinesAsync(hardening);
        await MakeOlderAsync(await hardening.Host.ReadAsync(CancellationToken.None));
        var older = await LinesAsync(hardening);
        Assert.DoesNotContain(older, line => line.Contains("DNH-REJECT", StringComparison.Ordinal) || line.Contains(" -g ", StringComparison.Ordinal));
        Assert.True(older.Count > laid.Count, $"{older.Count} lines in the older form, {laid.Count} in this one");
        // The rules count as there, and they hold.
        Assert.Empty(RulePresence.Problems(controls, await hardening.Host.ReadAsync(CancellationToken.None)));
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Metadata, 80);

        var before = await Lab.CountAsync("metadata");
        using var until = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        var stream = Lab.StreamAsync("a1", LabAddresses.Metadata, 80, 200, until.Token);
        await Task.Delay(500, until.Token);
        var result = await hardening.ApplyAsync([FirewallRule.Parse("-A DOCKER-USER -d 198.51.100.1 -j DROP").Named("other")]);
        await Task.Delay(500, until.Token);
        await until.CancelAsync();
        var asked = await stream;
        Assert.True(asked.Count > 50, $"only {asked.Count} requests were sent");
        Assert.Equal(0, asked.Open);
        await Task.Delay(500); // an open connection would be counted by now
        Assert.Equal(before, await Lab.CountAsync("metadata"));

        Assert.True(result.Verified);
        Assert.Empty(result.Removed);
        Assert.DoesNotContain(result.Added, line => !line.Contains("DNH-CUSTOM", StringComparison.Ordinal));
        Assert.Equal(laid, (await LinesAsync(hardening)).Where(line => !line.Contains("DNH-CUSTOM", StringComparison.Ordinal)));
        Assert.Equal(InvocationStatus.Unchanged, (await hardening.ApplyAsync(controls)).Status);
        // What must work does, and what was closed is.
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Web, 80);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Metadata, 80);
    }

    private static async Task<List<string>> LinesAsync(Hardening hardening)
    {
        var lines = new List<string>();
        foreach (var family in new[] { "ip", "ip6" })
            lines.AddRange((await hardening.SaveAsync(family)).Split('\n').Where(line => line.Contains("-A ", StringComparison.Ordinal) && line.Contains("DNH-", StringComparison.Ordinal)).Select(line => line[(line.IndexOf(']', StringComparison.Ordinal) + 1)..].Trim()).Order(StringComparer.Ordinal));
        return lines;
    }

    private async Task MakeOlderAsync(HostSnapshot host)
    {
        foreach (var (family, rules) in host.Rules)
        {
            var text = new StringBuilder();
            foreach (var table in OurChain.ReadAll(rules).GroupBy(chain => chain.Hook.Table, StringComparer.Ordinal))
            {
                var parts = rules.ChainsOf(table.Key).Select(chain => chain.Name).Where(name => Hook.IsOurs(table.Key, name) && Hook.OwnerOf(table.Key, name) is null).ToList();
                text.Append(System.Globalization.CultureInfo.InvariantCulture, $"*{table.Key}\n");
                foreach (var chain in table)
                {
                    text.Append(System.Globalization.CultureInfo.InvariantCulture, $":{chain.Name} - [0:0]\n");
                    foreach (var rule in chain.With(chain.Lines).Lines.SelectMany(line => VerdictChain.Apart(line.Rule!)).SelectMany(Single))
                        text.Append(System.Globalization.CultureInfo.InvariantCulture, $"-A {chain.Name} {SaveTokenizer.Join(rule.Tokens)}\n");
                }
                text.Append(string.Concat(parts.Select(part => $"-F {part}\n"))).Append(string.Concat(parts.Select(part => $"-X {part}\n"))).Append("COMMIT\n");
            }
            var restore = (family == Family.IPv4 ? host.Iptables.Prefix4 : host.Iptables.Prefix6) + "-restore";
            (await Lab.ExecAsync([restore, "--noflush"], text.ToString())).OrThrow();
        }
    }

    private static IEnumerable<FirewallRule> Single(FirewallRule rule) =>
        AddressLists.Destinations(rule) is { Count: > 1 } places ? places.Select(place => rule.With(spec => spec.Destination = place.ToString())) : [rule];
}
