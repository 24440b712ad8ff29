using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests.Hardening;

[Collection(NftCollection.Name)]
public sealed class InternalAccessOnNft(NftLab lab) : InternalAccessTests(lab);

[Collection(LegacyCollection.Name)]
public sealed class InternalAccessOnLegacy(LegacyLab lab) : InternalAccessTests(lab);

[Collection(TrixieCollection.Name)]
public sealed class InternalAccessOnTrixie(TrixieLab lab) : InternalAccessTests(lab);

[Collection(SidCollection.Name)]
public sealed class InternalAccessOnSid(SidLab lab) : InternalAccessTests(lab);

public abstract class InternalAccessTests(LabFixture fixture)
{
    private static readonly string[] Internals = [LabAddresses.Internal, LabAddresses.NeighbourSecond, LabAddresses.Neighbour];

    private LabHost Lab => fixture.Lab;

    [LabFact]
    public async Task External_only_reaches_the_outside_and_no_internal_range()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        await hardening.ApplyAsync(NetworkProfiles.Rules(NetworkProfile.ExternalOnly, new NetworkReference("apps", "apps0")));
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Web, 80);
        foreach (var address in Internals)
        {
            await Lab.ExpectAsync(Reach.Refused, "a1", address, 80);
            await Lab.ExpectAsync(Reach.Open, "c0", address, 80);
        }
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Metadata, 80);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Host, LabAddresses.HostHttpPort);
    }

    [LabTheory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Two_containers_of_one_network_talk_with_br_netfilter_on_and_off(bool bridged)
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        var a2 = await Lab.ContainerAsync("a2");
        await Lab.ServeAsync("a2", $"inner-{bridged}", bridged ? 8001 : 8000);
        Lab.SetBridgeNetfilter(bridged);
        await Lab.ExpectAsync(Reach.Open, "a1", a2.Address, bridged ? 8001 : 8000);
        await hardening.ApplyAsync(NetworkProfiles.Rules(NetworkProfile.ExternalOnly, new NetworkReference("apps", "apps0")));
        await Lab.ExpectAsync(Reach.Open, "a1", a2.Address, bridged ? 8001 : 8000);
        await hardening.ApplyAsync(new InternalAccess(), new MetadataAccess(), new HostAccess(), new SmtpRate());
        await Lab.ExpectAsync(Reach.Open, "a1", a2.Address, bridged ? 8001 : 8000);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);
        Lab.SetBridgeNetfilter(true);
    }

    [LabFact]
    public async Task Published_ports_and_host_to_container_work_in_all_profiles()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await Lab.RunContainerAsync(new LabContainerOptions("web") { Network = "apps", Publish = ["8081:80", "127.0.0.1:8082:80"] });
        await Lab.ServeAsync("web", "web-inner", 80);
        var web = await Lab.ContainerAsync("web");
        await AllOpenAsync();
        foreach (var profile in Enum.GetValues<NetworkProfile>())
        {
            // A different profile on the same network removes blocks, which needs Force.
            await hardening.ApplyAsync(NetworkProfiles.Rules(profile, new NetworkReference("apps", "apps0")), new DockerNetHarden.Planning.PlanOptions { Force = true });
            await AllOpenAsync();
        }
        await hardening.ApplyAsync(new MetadataAccess(), new HostAccess(), new InternalAccess(), new SmtpRate());
        await AllOpenAsync();
        await Lab.RemoveContainerAsync("web");

        async Task AllOpenAsync()
        {
            // Internal clients, from ranges that ExternalOnly blocks, get their replies.
            foreach (var source in new[] { LabAddresses.Internal, LabAddresses.Neighbour, LabAddresses.NeighbourSecond, LabAddresses.Web })
                await Lab.ExpectAsync(Reach.Open, "net", LabAddresses.Host, 8081, source: source);
            await Lab.ExpectAsync(Reach.Open, "host", "127.0.0.1", 8082);
            await Lab.ExpectAsync(Reach.Open, "host", web.Address, 80);
        }
    }

    [LabFact]
    public async Task Resolvers_stay_open_allowed_addresses_too_and_block_dns_closes_them()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await Lab.RunContainerAsync(new LabContainerOptions("dns") { Network = "apps", Dns = [LabAddresses.InternalDns] });
        var apps = new NetworkReference("apps");
        await hardening.ApplyAsync(new InternalAccess { Network = apps });
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.InternalDns, 53, ProbeProtocol.Dns);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);

        await hardening.ApplyAsync(new InternalAccess { Network = apps, Dns = false });
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.InternalDns, 53, ProbeProtocol.Dns);

        await hardening.ApplyAsync(new InternalAccess { Network = apps, AllowAddresses = [Cidr.Parse(LabAddresses.Internal)], AllowPorts = PortSpec.ParseAll(["80/tcp"]) });
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Internal, 80);
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Neighbour, 80);

        await hardening.ApplyAsync(new InternalAccess { Network = apps, Ranges = [Cidr.Parse("10.0.0.0/8")] });
        await Lab.ExpectAsync(Reach.Refused, "a1", LabAddresses.Internal, 80);
        await Lab.ExpectAsync(Reach.Open, "a1", LabAddresses.Neighbour, 80);
        await Lab.RemoveContainerAsync("dns");
    }

    [LabFact]
    public async Task A_network_made_later_is_closed_too()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await hardening.ApplyAsync(new InternalAccess());
        await Lab.CreateNetworkAsync("later");
        await Lab.RunContainerAsync(new LabContainerOptions("l1") { Network = "later" });
        await Lab.ExpectAsync(Reach.Refused, "l1", LabAddresses.Internal, 80);
        await Lab.ExpectAsync(Reach.Open, "l1", LabAddresses.Web, 80);
        await Lab.RemoveContainerAsync("l1");
        await Lab.RemoveNetworkAsync("later");
    }

    [LabFact]
    public async Task An_isolated_network_reaches_nothing_and_the_host_still_reaches_its_containers()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false;
        await Lab.CreateNetworkAsync("closed", "closed0", ["--internal"]);
        var inside = await Lab.RunContainerAsync(new LabContainerOptions("i1") { Network = "closed", Publish = ["127.0.0.1:8083:80"] });
        var gateway = (await Lab.ExecAsync(["ip", "-4", "-o", "addr", "show", "closed0"])).OrThrow().Split(' ', StringSplitOptions.RemoveEmptyEntries)[3].Split('/')[0];
        await Lab.ServeAsync("i1", "closed-inner", 80);
        await Lab.ExpectAsync(Reach.Open, "i1", gateway, LabAddresses.HostHttpPort);
        await hardening.ApplyAsync(NetworkProfiles.Rules(NetworkProfile.Isolated, new NetworkReference("closed", "closed0")));
        await Lab.ExpectAsync(Reach.Refused, "i1", gateway, LabAddresses.HostHttpPort);
        foreach (var address in new[] { LabAddresses.Web, LabAddresses.Internal, LabAddresses.Metadata, LabAddresses.Host })
            Assert.NotEqual(Reach.Open, (await Lab.AskAsync("i1", address, 80)).Result);
        // Docker does not publish ports of an internal network; the host itself still gets in.
        await Lab.ExpectAsync(Reach.Open, "host", inside.Address, 80);
        await Lab.RemoveContainerAsync("i1");
        await Lab.RemoveNetworkAsync("closed");
    }

    [LabFact]
    public async Task The_backstop_holds_while_the_jump_is_away()
    {
        await using var hardening = await Hardening.OfAsync(Lab);
        hardening.CompareForeign = false; // the jump comes back at the head, wherever Docker had it
        await hardening.ApplyAsync(new InternalAccess());
        (await Lab.ExecAsync([Lab.Iptables, "-D", "FORWARD", "-j", "DOCKER-USER"])).OrThrow();
        foreach (var container in new[] { "c0", "a1" })
        {
            await Lab.ExpectAsync(Reach.TimedOut, container, LabAddresses.Internal, 80);
            await Lab.ExpectAsync(Reach.Open, container, LabAddresses.Web, 80);
        }
        (await Lab.ExecAsync([Lab.Iptables, "-I", "FORWARD", "-j", "DOCKER-USER"])).OrThrow();
        await Lab.ExpectAsync(Reach.Refused, "c0", LabAddresses.Internal, 80);
    }
}
