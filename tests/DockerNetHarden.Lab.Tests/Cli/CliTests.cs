using System.Text.Json;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Lab.Tests.Hardening;

namespace DockerNetHarden.Lab.Tests.Cli;

/// <summary>docker-net-harden on a Docker host, as its own process, the way a service or a pipeline runs it.</summary>
[Collection(NftCollection.Name)]
public sealed class CliTests(NftLab lab) : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private const string From = "c0";
    private const string Metadata = LabAddresses.Metadata;

    private readonly string _policy = Path.Combine(Path.GetTempPath(), $"dnh-policy-{Guid.NewGuid():N}.json");
    private (string V4, string V6) _saved;

    public async Task InitializeAsync()
    {
        if (LabHost.WhyUnavailable() is null)
            _saved = await lab.SaveRulesAsync();
    }

    public async Task DisposeAsync()
    {
        File.Delete(_policy);
        if (LabHost.WhyUnavailable() is not null)
            return;
        foreach (var network in new[] { "clinet", "late" })
            await lab.Lab.ExecAsync(["docker", "network", "rm", network]);
        await lab.ResetRulesAsync(_saved);
    }

    [LabFact]
    public async Task A_policy_is_planned_applied_and_then_in_force()
    {
        await File.WriteAllTextAsync(_policy, """{ "version": 1, "networks": [ { "name": "clinet", "profile": "Default" } ], "controls": [ { "control": "MetadataAccess" } ] }""");
        await lab.Lab.ExpectAsync(Reach.Open, From, Metadata, 80);

        var planned = await RunAsync("plan", _policy);
        Assert.Equal(2, planned.ExitCode);
        Assert.Contains("network clinet would be created", planned.Output, StringComparison.Ordinal);
        Assert.Contains("+ iptables -I DOCKER-USER", planned.Output, StringComparison.Ordinal);
        await lab.Lab.ExpectAsync(Reach.Open, From, Metadata, 80);

        var applied = await RunAsync("apply", _policy);
        Assert.Equal((0, ""), (applied.ExitCode, applied.Errors));
        // The network's own rules first, then the network, then what else the policy says.
        Assert.Matches(@"(?s)^localhost: applied \+.*localhost: network clinet created\n.*localhost: applied \+", applied.Output);
        await lab.Lab.ExpectAsync(Reach.Refused, From, Metadata, 80);

        var again = await RunAsync("apply", _policy, "--json");
        Assert.Equal(0, again.ExitCode);
        using var line = JsonDocument.Parse(again.Output);
        Assert.Equal(("unchanged", true), (line.RootElement.GetProperty("status").GetString(), line.RootElement.GetProperty("verified").GetBoolean()));
        Assert.Equal(0, (await RunAsync("plan", _policy)).ExitCode);

        // The empty policy with --prune takes everything back.
        await File.WriteAllTextAsync(_policy, """{ "version": 1 }""");
        Assert.Equal(0, (await RunAsync("apply", _policy, "--prune", "--force")).ExitCode);
        await lab.Lab.ExpectAsync(Reach.Open, From, Metadata, 80);
    }

    [LabFact]
    public async Task An_audit_tells_what_is_open_and_its_exit_code_says_so()
    {
        await File.WriteAllTextAsync(_policy, """{ "version": 1, "controls": [ { "control": "MetadataAccess" } ] }""");
        var bare = await RunAsync("audit", "--json", "--severity", "critical");
        Assert.Equal(2, bare.ExitCode);
        var lines = bare.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(text => JsonDocument.Parse(text).RootElement.Clone()).ToList();
        Assert.Contains(lines, line => line.GetProperty("status").GetString() is "fail" && line.GetProperty("severity").GetString() is "critical" && line.GetProperty("network").GetString() is "bridge");
        Assert.Equal(2, (await RunAsync("audit", _policy, "--severity", "critical")).ExitCode);

        Assert.Equal(0, (await RunAsync("apply", _policy)).ExitCode);
        var good = await RunAsync("audit", _policy, "--severity", "critical");
        Assert.True(good.ExitCode == 0, good.Output + good.Errors);
    }

    [LabFact]
    public async Task Watching_follows_networks_and_the_daemon_and_ends_cleanly()
    {
        await File.WriteAllTextAsync(_policy, """{ "version": 1, "controls": [ { "control": "SmtpRate" } ] }""");
        await using var watch = WatchProcess.Start(lab.Lab, _policy);
        await watch.WaitForAsync(static line => line.GetProperty("event").GetString() is "result" && line.GetProperty("cause").GetString() is "start", Patience);

        // The rules name bridges, so a new network changes them.
        await lab.Lab.CreateNetworkAsync("late", "late0");
        var came = await watch.WaitForAsync(static line => line.TryGetProperty("cause", out var cause) && cause.GetString()!.Contains("network create late", StringComparison.Ordinal), Patience);
        Assert.Equal(("applied", true), (came.GetProperty("status").GetString(), came.GetProperty("verified").GetBoolean()));
        Assert.Matches(@"-A DNH-SMTP(\.\d+)? -i late0 -o late0", (await lab.Lab.ExecAsync(["iptables-nft-save"])).OrThrow());

        // While the daemon is away there are no events; what was removed meanwhile is back once the daemon is.
        await lab.Lab.StopDockerAsync();
        await watch.WaitForAsync(static line => line.GetProperty("event").GetString() is "disconnected", Patience);
        (await lab.Lab.ExecAsync(["iptables-nft", "-F", "DNH-SMTP"])).OrThrow();
        await lab.Lab.StartDockerAsync();
        var back = await watch.WaitForAsync(static line => line.TryGetProperty("cause", out _) && line.GetProperty("status").GetString() is "applied", Patience);
        Assert.True(back.GetProperty("verified").GetBoolean());
        Assert.Matches(@"-A DNH-SMTP(\.\d+)? -i late0 -o late0", (await lab.Lab.ExecAsync(["iptables-nft-save"])).OrThrow());

        Assert.Equal(0, await watch.TerminateAsync(Patience));
        Assert.Contains("-A DNH-SMTP", (await lab.Lab.ExecAsync(["iptables-nft-save"])).OrThrow(), StringComparison.Ordinal);
    }

    private async Task<CommandResult> RunAsync(params string[] arguments) => await lab.Lab.ExecAsync(["dotnet", WatchProcess.Program, .. arguments]);
}
