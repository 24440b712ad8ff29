using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Planning;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>A network's own block stands before an exception for the whole host: whoever applies one of them hears of the other.</summary>
public sealed class NarrowerFirstTests
{
    private static readonly NetworkReference Apps = new("apps", "apps0", [Cidr.Parse("172.18.0.0/16")]);

    private static HostAccess Open(params string[] ports) => new() { AllowPorts = PortSpec.ParseAll(ports) };

    [Fact]
    public void The_warning_names_the_winner_and_the_command_makes_the_exception_hold()
    {
        var host = Apply(Snapshots.Host(), new HostAccess { Network = Apps });
        var warning = Assert.Single(Plan.From(Open("8443/tcp").Rules(), host).Warnings);
        Assert.Equal("The rules HostAccess:apps come before the rules HostAccess, so containers on apps do not get the exception for 8443/tcp. "
            + "To open that there: Block-ContainerHostAccess -Network apps -AllowPort 8443/tcp | Invoke-FirewallRule. "
            + "To let the rules for all networks decide there too: Remove-FirewallRule -Control HostAccess -Network apps.", warning);
        // Applied again, when nothing has to be written.
        Assert.Equal(warning, Assert.Single(Plan.From(Open("8443/tcp").Rules(), Apply(host, Open("8443/tcp"))).Warnings));
        // Either command ends it.
        var opened = Apply(host, Open("8443/tcp") with { Network = Apps });
        Assert.Empty(Plan.From(Open("8443/tcp").Rules(), opened).Warnings);
        var removed = host.After(Plan.Without(mark => mark is { Control: "HostAccess", Network: "apps" }, host).Steps.Select(step => (step.Family, step.Restore)));
        Assert.Empty(Plan.From(Open("8443/tcp").Rules(), removed).Warnings);
    }

    [Fact]
    public void The_command_keeps_the_exceptions_that_the_network_has()
    {
        var host = Apply(Snapshots.Host(), Open("80/tcp", "443/tcp") with { Network = Apps });
        Assert.Contains("-AllowPort 80/tcp,443/tcp,8443/tcp |", Assert.Single(Plan.From(Open("443/tcp", "8443/tcp").Rules(), host).Warnings), StringComparison.Ordinal);
        // Ports at addresses beside ports at all of them: no call of the cmdlet says both.
        host = Apply(Snapshots.Host(), Open("80/tcp") with { Network = Apps, AllowAddresses = [Cidr.Parse("10.0.0.5")] });
        var warning = Assert.Single(Plan.From(Open("8443/tcp").Rules(), host).Warnings);
        Assert.DoesNotContain("Block-Container", warning, StringComparison.Ordinal);
        Assert.Contains("Remove-FirewallRule -Control HostAccess -Network apps", warning, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_said_of_a_later_block_and_not_if_both_are_given()
    {
        var host = Apply(Snapshots.Host(), Open("8443/tcp"));
        Assert.Contains("HostAccess:apps", Assert.Single(Plan.From(new HostAccess { Network = Apps }.Rules(), host).Warnings), StringComparison.Ordinal);
        Assert.Empty(Plan.From([.. Open("8443/tcp").Rules(), .. new HostAccess { Network = Apps }.Rules()], host).Warnings);
    }

    [Fact]
    public void Exceptions_that_both_have_and_those_of_other_networks_are_not_said()
    {
        var host = Apply(Snapshots.Host(), new HostAccess { Network = Apps }, new MetadataAccess { Network = Apps });
        Assert.Empty(Plan.From(new HostAccess().Rules(), host).Warnings);
        Assert.Empty(Plan.From(new MetadataAccess().Rules(), host).Warnings);
        Assert.Empty(Plan.From(new HostAccess { ExceptNetworks = ["bridge"] }.Rules(), host).Warnings);
        Assert.Contains("from apps0", Assert.Single(Plan.From(new HostAccess { ExceptNetworks = ["apps"] }.Rules(), host).Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("InternalAccess", "-AllowPort 5432/tcp -AllowAddress 10.0.0.5 |")]
    [InlineData("MetadataAccess", "-AllowPort 8080/tcp |")]
    public void Other_controls_say_it_too(string control, string command)
    {
        Control block = control is "InternalAccess" ? new InternalAccess { Network = Apps } : new MetadataAccess { Network = Apps };
        Control open = control is "InternalAccess"
            ? new InternalAccess { AllowPorts = PortSpec.ParseAll(["5432/tcp"]), AllowAddresses = [Cidr.Parse("10.0.0.5")] }
            : new MetadataAccess { AllowPorts = PortSpec.ParseAll(["8080/tcp"]) };
        Assert.Contains($"Block-Container{control} -Network apps {command}", Assert.Single(Plan.From(open.Rules(), Apply(Snapshots.Host(), block)).Warnings), StringComparison.Ordinal);
    }

    private static HostSnapshot Apply(HostSnapshot host, params Control[] controls) =>
        host.After(Plan.From([.. controls.SelectMany(control => control.Rules())], host).Steps.Select(step => (step.Family, step.Restore)));
}
