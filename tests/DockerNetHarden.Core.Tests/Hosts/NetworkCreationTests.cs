using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>In which order a network and its rules come, and what is left if a step fails.</summary>
public sealed class NetworkCreationTests
{
    private static readonly HardenedNetwork Web = new() { Name = "web", Profile = NetworkProfile.ExternalOnly };
    private static readonly HardenedNetwork Given = Web with { Subnets = [Cidr.Parse("10.9.0.0/24")] };

    private readonly Answering _sink = new();

    private Task<CreatedNetwork> MakeAsync(PaperHost paper, HardenedNetwork network, bool force = false, CancellationToken stop = default) => NetworkCreation.RunAsync(
        paper.Host, network.ToSpec(new DockerEngine { Version = "20.10.24", ApiVersion = "1.41" }), host => network.PlanOn(host, new PlanOptions { Force = force }), _sink, force, stop);

    private static async Task<Plan> LeftAsync(PaperHost paper, HardenedNetwork network) => network.PlanOn(await paper.Host.ReadAsync(CancellationToken.None));

    [Fact]
    public async Task Rules_come_before_the_network_and_those_that_need_its_subnet_follow()
    {
        var paper = new PaperHost();
        var atCreation = "";
        paper.Watch = what => atCreation = what is "create" ? paper.Ours : atCreation;
        var made = await MakeAsync(paper, Web);
        Assert.Equal(["write", "create", "write"], paper.Happened);
        Assert.Equal((true, "dnh-web", 2), (made.Verified, made.Network!.Bridge, made.Writes.Count));
        Assert.Contains("-i dnh-web", atCreation, StringComparison.Ordinal);
        Assert.Contains("IPv4 filter -A DOCKER-USER", atCreation, StringComparison.Ordinal);
        Assert.Contains("IPv4 filter -A INPUT", atCreation, StringComparison.Ordinal);
        Assert.DoesNotContain(PaperHost.Subnet, atCreation, StringComparison.Ordinal);
        Assert.Contains($"IPv4 mangle -A DNH-METADATA.1 -s {PaperHost.Subnet}", paper.Ours, StringComparison.Ordinal);
        Assert.True((await LeftAsync(paper, Web)).IsEmpty);
        Assert.Equal(1, _sink.Questions);
    }

    [Fact]
    public async Task With_a_given_subnet_everything_is_written_beforehand()
    {
        var paper = new PaperHost();
        var made = await MakeAsync(paper, Given);
        Assert.Equal(["write", "create"], paper.Happened);
        Assert.True(made is { Verified: true, Writes.Count: 1 });
        Assert.True((await LeftAsync(paper, Given)).IsEmpty);
    }

    [Fact]
    public async Task Rules_that_are_there_are_not_written_again()
    {
        var paper = new PaperHost();
        await MakeAsync(paper, Given);
        Assert.Equal(204, (await RemoveAsync(paper)).Status);
        paper.Happened.Clear();
        var made = await MakeAsync(paper, Given);
        Assert.Equal(["create"], paper.Happened);
        Assert.Equal(InvocationStatus.Unchanged, Assert.Single(made.Writes).Status);
        Assert.Equal(2, _sink.Questions);
    }

    [Fact]
    public async Task Without_its_rules_the_network_is_not_made()
    {
        var paper = new PaperHost { Refuses = static _ => true };
        var error = await Assert.ThrowsAsync<HostException>(() => MakeAsync(paper, Web));
        Assert.Equal(["refused"], paper.Happened);
        Assert.Equal(HostFailure.RestoreFailed, error.Failure);
        Assert.Contains("not today", error.Message, StringComparison.Ordinal);
        Assert.Contains("The network 'web' was not made", error.Message, StringComparison.Ordinal);
        Assert.Equal("", paper.Ours);
    }

    [Fact]
    public async Task If_the_rules_with_its_subnet_cannot_be_written_the_network_and_its_rules_go_again()
    {
        var paper = new PaperHost { Refuses = static text => text.Contains(PaperHost.Subnet, StringComparison.Ordinal) };
        var error = await Assert.ThrowsAsync<HostException>(() => MakeAsync(paper, Web));
        Assert.Equal(["write", "create", "refused", "remove", "write"], paper.Happened);
        Assert.Equal(HostFailure.RestoreFailed, error.Failure);
        foreach (var part in (string[])["not today", "'web', which had just been made, was removed again", "The rules that were written for it were taken back"])
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.False(paper.HasNetwork("web"));
        Assert.Equal("", paper.Ours);
    }

    [Fact]
    public async Task A_network_that_cannot_be_removed_again_keeps_its_rules()
    {
        var paper = new PaperHost
        {
            Refuses = static text => text.Contains(PaperHost.Subnet, StringComparison.Ordinal),
            Answers = static what => what is "remove" ? (403, "network web has active endpoints") : null,
        };
        var error = await Assert.ThrowsAsync<HostException>(() => MakeAsync(paper, Web));
        Assert.Equal(["write", "create", "refused", "remove"], paper.Happened);
        Assert.Contains("could not be removed again", error.Message, StringComparison.Ordinal);
        Assert.Contains("active endpoints", error.Message, StringComparison.Ordinal);
        Assert.Contains("-i dnh-web", paper.Ours, StringComparison.Ordinal);
    }

    [Fact]
    public async Task If_Docker_refuses_the_network_its_rules_go_again()
    {
        var paper = new PaperHost { Answers = static what => what is "create" ? (400, "no such option") : null };
        var error = await Assert.ThrowsAsync<DockerException>(() => MakeAsync(paper, Web));
        Assert.Equal(["write", "create", "write"], paper.Happened);
        Assert.Equal(DockerFailure.BadRequest, error.Failure);
        Assert.Contains("no such option", error.Message, StringComparison.Ordinal);
        Assert.Contains("The rules that were written for it were taken back", error.Message, StringComparison.Ordinal);
        Assert.Equal("", paper.Ours);
    }

    [Fact]
    public async Task Rules_that_were_there_before_stay_or_come_back()
    {
        var paper = new PaperHost();
        // Other words under the same mark, which the profile replaces, and another network's rules.
        var old = new MetadataAccess { Network = new NetworkReference("web", "dnh-web", [Cidr.Parse("10.9.0.0/24")]), Action = RuleAction.Drop }.Rules();
        await paper.Host.ApplyAsync(host => Plan.From([.. old, .. new MetadataAccess { Network = new NetworkReference("apps") }.Rules()], host), _sink, CancellationToken.None);
        var before = paper.Ours;
        paper.Answers = static what => what is "create" ? (500, "no") : null;
        paper.Happened.Clear();
        await Assert.ThrowsAsync<DockerException>(() => MakeAsync(paper, Given));
        Assert.Equal(["write", "create", "write"], paper.Happened);
        // In any order of chains.
        Assert.Equal(before.Split('\n').Order(StringComparer.Ordinal), paper.Ours.Split('\n').Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Rules_that_were_all_there_before_are_not_taken_back()
    {
        var paper = new PaperHost();
        await paper.Host.ApplyAsync(host => Given.PlanOn(host), _sink, CancellationToken.None);
        var before = paper.Ours;
        paper.Answers = static what => what is "create" ? (500, "no") : null;
        var error = await Assert.ThrowsAsync<DockerException>(() => MakeAsync(paper, Given));
        Assert.Contains("Its rules were there before and stay", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, paper.Ours);
    }

    // Somebody else made it at the same time: it must keep the rules.
    [Fact]
    public async Task If_the_network_is_there_after_all_its_rules_stay()
    {
        var paper = new PaperHost();
        paper.Answers = what =>
        {
            if (what is not "create")
                return null;
            paper.AddNetwork("web", "dnh-web", PaperHost.Subnet, "ExternalOnly");
            return (409, "network with name web already exists");
        };
        var error = await Assert.ThrowsAsync<DockerException>(() => MakeAsync(paper, Web));
        Assert.Equal(DockerFailure.Conflict, error.Failure);
        Assert.Contains("so its rules stay. Run the command again", error.Message, StringComparison.Ordinal);
        Assert.Equal(["write", "create"], paper.Happened);
        Assert.Contains("-i dnh-web", paper.Ours, StringComparison.Ordinal);
    }

    [Fact]
    public async Task If_Dockers_answer_is_lost_the_rules_stay()
    {
        var paper = new PaperHost();
        paper.Watch = static what => _ = what is "create" ? throw new HttpRequestException("broken pipe") : 0;
        var error = await Assert.ThrowsAsync<DockerException>(() => MakeAsync(paper, Web));
        Assert.Contains("is not known, so the rules for it stay", error.Message, StringComparison.Ordinal);
        Assert.Contains("-i dnh-web", paper.Ours, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_bridge_of_another_network_gets_no_rules()
    {
        var paper = new PaperHost();
        var error = await Assert.ThrowsAsync<DockerException>(() => MakeAsync(paper, Web with { BridgeName = "apps0" }));
        Assert.Equal(DockerFailure.Conflict, error.Failure);
        Assert.Contains("is of the network 'apps'", error.Message, StringComparison.Ordinal);
        Assert.Empty(paper.Happened);
    }

    [Fact]
    public async Task An_interface_of_the_host_gets_no_rules()
    {
        var paper = new PaperHost();
        var error = await Assert.ThrowsAsync<HostException>(() => MakeAsync(paper, Web with { BridgeName = "eth0" }));
        Assert.Equal(HostFailure.NeedsForce, error.Failure);
        Assert.Empty(paper.Happened);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_a_no_nothing_is_changed(bool rulesAreThere)
    {
        var paper = new PaperHost();
        if (rulesAreThere)
            await paper.Host.ApplyAsync(host => Given.PlanOn(host), _sink, CancellationToken.None);
        paper.Happened.Clear();
        _sink.Answer = false;
        var made = await MakeAsync(paper, Given);
        Assert.Null(made.Network);
        Assert.Equal(rulesAreThere ? InvocationStatus.Unchanged : InvocationStatus.Planned, Assert.Single(made.Writes).Status);
        Assert.Empty(paper.Happened);
    }

    [Fact]
    public async Task Cancelled_in_between_it_leaves_rules_without_a_network()
    {
        var paper = new PaperHost();
        using var stop = new CancellationTokenSource();
        paper.Watch = _ => stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => MakeAsync(paper, Web, stop: stop.Token));
        Assert.Equal(["write"], paper.Happened);
        Assert.Contains("-i dnh-web", paper.Ours, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancelled_once_the_network_is_being_made_it_is_finished()
    {
        var paper = new PaperHost();
        using var stop = new CancellationTokenSource();
        paper.Watch = what => _ = what is "create" ? Task.Run(stop.Cancel) : null;
        Assert.True((await MakeAsync(paper, Web, stop: stop.Token)).Verified);
        Assert.Equal(["write", "create", "write"], paper.Happened);
    }

    [Fact]
    public async Task Rules_that_no_packet_reaches_do_not_count()
    {
        var save = Planning.Snapshots.Save.Replace("[0:0] -A FORWARD -j DOCKER-USER\n", "", StringComparison.Ordinal);
        var paper = new PaperHost(save);
        var error = await Assert.ThrowsAsync<HostException>(() => MakeAsync(paper, Web));
        Assert.Equal(HostFailure.NotVerified, error.Failure);
        Assert.Equal(["write", "write"], paper.Happened);
        Assert.Equal("", paper.Ours);
        Assert.Contains(_sink.Warnings, static text => text.Contains("FORWARD does not jump to DOCKER-USER", StringComparison.Ordinal));

        paper = new PaperHost(save);
        Assert.False((await MakeAsync(paper, Web, force: true)).Verified);
        Assert.True(paper.HasNetwork("web"));
    }

    [Fact]
    public async Task A_network_that_is_there_is_planned_with_its_own_bridge_and_subnets()
    {
        var paper = new PaperHost();
        paper.AddNetwork("web", "dnh-web", "10.1.0.0/16");
        var plan = await LeftAsync(paper, Web);
        Assert.Contains(plan.Added, static line => line.Text.Contains("-s 10.1.0.0/16", StringComparison.Ordinal));
        Assert.Contains(plan.Added, static line => line.Text.Contains("profile=ExternalOnly", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_is_planned_if_Docker_does_not_answer()
    {
        await using var host = new DockerHost(new PaperHost());
        var snapshot = await host.ReadAsync(CancellationToken.None);
        Assert.Equal(PlanFailure.UnresolvedOperand, Assert.Throws<PlanException>(() => Web.PlanOn(snapshot)).Failure);
    }

    private static async Task<(int Status, string Name)> RemoveAsync(PaperHost paper)
    {
        var network = await paper.Host.Docker.FindNetworkAsync("web", CancellationToken.None);
        await paper.Host.Docker.RemoveNetworkAsync(network!.Id, CancellationToken.None);
        return (paper.HasNetwork("web") ? 0 : 204, network.Name);
    }

    private sealed class Answering : IFleetSink
    {
        public bool Answer { get; set; } = true;

        public int Questions { get; private set; }

        public List<string> Warnings { get; } = [];

        public void Failure(string host, Exception error) => throw error;

        public void Warning(string host, string message) => Warnings.Add(message);

        public void Trace(string host, string message)
        {
        }

        public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop)
        {
            Questions++;
            return Task.FromResult(Answer);
        }
    }
}
