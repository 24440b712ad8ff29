using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Lab;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Benchmarks;

/// <summary>
/// How many rules the four controls are, and how many of them an ordinary outbound packet meets, over the number of networks; and how long it takes to apply
/// them there. What the packet meets is computed by <see cref="PacketWay"/>, and the kernel's own counters must agree with it.
/// </summary>
internal sealed class RulesPart : IPart
{
    private const int Sent = 1000;
    private const int Port = 5201;

    public string Name => "rules";

    public string? WhyUnavailable() => LabHost.WhyUnavailable();

    public async Task RunAsync(Run run)
    {
        var host = await LabHost.RaiseAsync(new LabOptions { Containers = false }).ConfigureAwait(false);
        await using (host.ConfigureAwait(false))
        {
            var pwsh = await PwshSession.StartAsync(host.Shell, ("DOCKER_HOST", host.DockerHost)).ConfigureAwait(false);
            await using (pwsh.ConfigureAwait(false))
            {
                var networks = new Networks(host);
                foreach (var count in run.Quick ? (int[])[1, 4] : [1, 2, 5, 10, 20, 50, 100, 200])
                {
                    await networks.GrowAsync(count).ConfigureAwait(false);
                    pwsh.ForgetPeak();
                    await new InTurn(run, "sweep.apply.networks", "ms") { X = count, Rounds = run.Quick ? 1 : 3 }.MeasureAsync(
                        Measured.Timed("first time", () => pwsh.RunAsync(PwshSession.Harden)) with { Before = () => pwsh.RunAsync("Remove-FirewallRule -All") },
                        Measured.Timed("unchanged", () => pwsh.RunAsync(PwshSession.Harden))).ConfigureAwait(false);
                    run.Add(new Measurement("sweep.apply.networks.memory", "pwsh, peak", "MB", count, [pwsh.Peak()]));
                    await CountAsync(run, host, networks).ConfigureAwait(false);
                }
            }
        }
    }

    private static async Task CountAsync(Run run, LabHost host, Networks networks)
    {
        var container = await host.RunContainerAsync(new LabContainerOptions("packet") { Network = networks.Last }).ConfigureAwait(false);
        var first = await Firewall.SaveAsync(host, counters: true).ConfigureAwait(false);
        var before = Ruleset.Parse(Family.IPv4, first.Four);
        run.Add(new Measurement("rules.total", "rules of ours, both families", "rules", networks.Count, [(await Firewall.SaveAsync(host).ConfigureAwait(false)).OurRules]));

        string[] inside = ["nsenter", $"--net=/proc/{container.Pid}/ns/net", "--"];
        string[] outside = ["nsenter", "--net=/run/netns/" + host.OutsideNamespace, "--"];
        var target = $"{LabAddresses.Web}:{Port}";
        await Load.RunAsync("udp", new LoadEnd(inside, "0.0.0.0:0"), target, new LoadEnd(outside, target), 5, Sent).ConfigureAwait(false);
        var after = Ruleset.Parse(Family.IPv4, (await Firewall.SaveAsync(host, counters: true).ConfigureAwait(false)).Four);
        await host.RemoveContainerAsync("packet").ConfigureAwait(false);

        var packet = new Packet(networks.LastBridge, "up0", container.Address, LabAddresses.Web, "udp", 40000, Port, "ESTABLISHED");
        var way = PacketWay.Of(before, packet);
        Check(before, after, way);
        foreach (var (name, met) in ((string, IReadOnlyList<Met>)[])[("of a connection that stands", way), ("the first of a connection", PacketWay.Of(before, packet with { State = "NEW" }))])
            run.Add(new Measurement("rules.met", name, "rules", networks.Count, [met.Count(static each => Firewall.IsOurs(each.Rule.Text))]));
        run.Add(new Measurement("rules.met", "Docker's, of a connection that stands", "rules", networks.Count, [way.Count(static each => !Firewall.IsOurs(each.Rule.Text))]));
    }

    // The kernel counted the packets of every rule that matched: every rule of filter and mangle must have the packets that were computed for it. The first packet and
    // the answer to it take other ways, and other traffic of the host may pass: a few packets.
    private static void Check(Ruleset before, Ruleset after, IReadOnlyList<Met> way)
    {
        var expected = way.Where(static each => each.Matched).GroupBy(static each => (each.Rule.Table, each.Rule.Chain, each.Rule.Position)).ToDictionary(static rule => rule.Key, static rule => (long)rule.Count() * Sent);
        foreach (var (was, now) in before.AllRules.Zip(after.AllRules).Where(static pair => pair.First.Table is "filter" or "mangle"))
        {
            if (was.Text != now.Text)
                throw new LabException($"The rules changed while packets were counted: '{was.Text}' became '{now.Text}'.");
            var (counted, wanted) = (now.Packets - was.Packets, expected.GetValueOrDefault((was.Table, was.Chain, was.Position)));
            if (Math.Abs(counted - wanted) > Sent / 50)
                throw new LabException($"Of {Sent} packets the kernel counted {counted} in '{was.Table}: {was.Text}', and {wanted} were computed.");
        }
    }
}
