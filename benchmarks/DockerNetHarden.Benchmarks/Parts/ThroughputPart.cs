using System.Globalization;
using System.Text.Json;
using DockerNetHarden.Lab;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Benchmarks;

/// <summary>
/// What passes a hardened host beside the same host without our rules: small UDP packets and small TCP segments, outwards and to a published port, with iptables-nft and
/// iptables-legacy, and with a large ipset. The rule sets are exchanged as a whole between two loads, so that pairs lie a second apart.
/// </summary>
internal sealed class ThroughputPart : IPart
{
    private const string Bare = "without rules";
    private const string Hardened = "four controls";
    private const string Blocked = "four controls and an ipset";
    private const int Port = 5201;
    private const int Prefixes = 10_000;

    public string Name => "throughput";

    public string? WhyUnavailable() => LabHost.WhyUnavailable() ?? (Commands.Has("taskset") && Commands.Has("ipset") ? null : "needs taskset and ipset");

    public async Task RunAsync(Run run)
    {
        foreach (var backend in (LabBackend[])[LabBackend.Nft, LabBackend.Legacy])
        {
            var host = await LabHost.RaiseAsync(new LabOptions { Backend = backend, Containers = false }).ConfigureAwait(false);
            await using (host.ConfigureAwait(false))
                await MeasureAsync(run, host).ConfigureAwait(false);
        }
    }

    private static async Task MeasureAsync(Run run, LabHost host)
    {
        var networks = new Networks(host);
        await networks.GrowAsync(run.Quick ? 5 : 50).ConfigureAwait(false);
        var container = await host.RunContainerAsync(new LabContainerOptions("load") { Network = networks.Last, Publish = [Publish("tcp"), Publish("udp")] }).ConfigureAwait(false);
        string[] inside = ["nsenter", string.Create(CultureInfo.InvariantCulture, $"--net=/proc/{container.Pid}/ns/net"), "--"];
        string[] outside = ["nsenter", "--net=/run/netns/" + host.OutsideNamespace, "--"];
        await Load.SegmentsAsync(inside, "eth0").ConfigureAwait(false);
        await Load.SegmentsAsync(outside, "in0").ConfigureAwait(false);
        var rules = await RuleSetsAsync(host).ConfigureAwait(false);
        var seconds = run.Quick ? 0.3 : 1.0;
        foreach (var kind in (string[])["udp", "tcp"])
        {
            var unit = kind is "udp" ? "packets/s" : "bytes/s";
            var far = string.Create(CultureInfo.InvariantCulture, $"{LabAddresses.Web}:{Port}");
            Task<double> Out() => Load.RunAsync(kind, new LoadEnd(inside, "0.0.0.0:0"), far, new LoadEnd(outside, far), seconds);
            Task<double> In() => Load.RunAsync(kind, new LoadEnd(outside, LabAddresses.Web + ":0"), string.Create(CultureInfo.InvariantCulture, $"{LabAddresses.Host}:{Port}"),
                new LoadEnd(inside, string.Create(CultureInfo.InvariantCulture, $"0.0.0.0:{Port}")), seconds);
            var size = await BytesPerPacketAsync(host, Out).ConfigureAwait(false);
            if (size > 700)
                throw new LabException($"A packet of {kind} has {size:0} bytes on the cable: segments are sent together, and what a rule costs would not be seen.");
            Run.Say(string.Create(CultureInfo.InvariantCulture, $"{host.Iptables}, {kind}: {size:0} bytes a packet on the cable"));
            await Turns("out").MeasureAsync([With(Bare, Out), With(Hardened, Out), With(Blocked, Out)]).ConfigureAwait(false);
            await Turns("in").MeasureAsync([With(Bare, In), With(Hardened, In)]).ConfigureAwait(false);

            InTurn Turns(string way) => new(run, $"throughput.{kind}.{way}.{(host.Backend == LabBackend.Nft ? "nft" : "legacy")}", unit) { X = networks.Count, Turning = true };
            Measured With(string name, Func<Task<double>> load) => new(name, load) { Before = () => rules[name].RestoreAsync(host) };
        }
    }

    // The three rule sets as the module makes them, each as a text.
    private static async Task<Dictionary<string, Firewall>> RuleSetsAsync(LabHost host)
    {
        var all = new Dictionary<string, Firewall>(StringComparer.Ordinal) { [Bare] = await Firewall.SaveAsync(host).ConfigureAwait(false) };
        var set = $"create blocked hash:net maxelem 65536\n{string.Concat(Enumerable.Range(0, Prefixes).Select(static number => $"add blocked 11.{number / 250}.{number % 250}.0/24\n"))}";
        (await host.ExecAsync(["ipset", "restore"], set).ConfigureAwait(false)).OrThrow();
        var pwsh = await PwshSession.StartAsync(host.Shell, ("DOCKER_HOST", host.DockerHost)).ConfigureAwait(false);
        await using (pwsh.ConfigureAwait(false))
        {
            await pwsh.RunAsync(PwshSession.Harden).ConfigureAwait(false);
            all[Hardened] = await Firewall.SaveAsync(host).ConfigureAwait(false);
            await pwsh.RunAsync("New-FirewallRule -Name blocked -Set 'blocked dst' -Action Drop | Invoke-FirewallRule").ConfigureAwait(false);
            all[Blocked] = await Firewall.SaveAsync(host).ConfigureAwait(false);
        }
        if (all[Bare].OurRules > 0 || all[Hardened].OurRules == 0 || all[Blocked].OurRules <= all[Hardened].OurRules)
            throw new LabException($"The rule sets are not what they are meant to be: {string.Join(", ", all.Select(static pair => $"{pair.Key} has {pair.Value.OurRules} rules of ours"))}.");
        return all;
    }

    private static async Task<double> BytesPerPacketAsync(LabHost host, Func<Task<double>> load)
    {
        var before = await ReadAsync().ConfigureAwait(false);
        await load().ConfigureAwait(false);
        var after = await ReadAsync().ConfigureAwait(false);
        return (double)(after.Bytes - before.Bytes) / Math.Max(1, after.Packets - before.Packets);

        async Task<(long Bytes, long Packets)> ReadAsync()
        {
            using var link = JsonDocument.Parse(await Commands.RunAsync(["ip", "-n", host.OutsideNamespace, "-s", "-j", "link", "show", "dev", "in0"]).ConfigureAwait(false));
            var received = link.RootElement[0].GetProperty("stats64").GetProperty("rx");
            return (received.GetProperty("bytes").GetInt64(), received.GetProperty("packets").GetInt64());
        }
    }

    private static string Publish(string protocol) => string.Create(CultureInfo.InvariantCulture, $"{Port}:{Port}/{protocol}");
}
