using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

public sealed class AuditTargetTests
{
    private static readonly HostSnapshot Host = Planning.Snapshots.Host() with
    {
        Addresses =
        [
            new("lo", Cidr.Parse("127.0.0.1")), new("lo", Cidr.Parse("::1")),
            new("eth0", Cidr.Parse("10.0.0.5")), new("eth0", Cidr.Parse("fe80::5")),
            new("apps0", Cidr.Parse("172.18.0.1")), new("apps0", Cidr.Parse("fe80::1")), new("apps0", Cidr.Parse("fd01::1")),
        ],
    };

    [Fact]
    public void Metadata_asks_about_whole_addresses_and_about_single_ports_separately()
    {
        var questions = AccessTargets.Of("metadata", Host, "apps0");
        Assert.All(questions, question => Assert.Equal("apps0", question.InInterface));
        var whole = Assert.Single(questions, question => question.Family == Family.IPv4 && question.Protocol is null);
        Assert.Contains(Cidr.Parse("169.254.169.254"), whole.Destinations);
        Assert.DoesNotContain(Cidr.Parse("168.63.129.16"), whole.Destinations);
        var wireServer = Assert.Single(questions, question => question.Destinations.Contains(Cidr.Parse("168.63.129.16")));
        Assert.Equal("80,443,32526", wireServer.Ports!.ToString());
        Assert.Contains(questions, question => question.Family == Family.IPv6 && question.Destinations.Contains(Cidr.Parse("fd00:ec2::254")));
    }

    [Fact]
    public void Host_is_every_address_that_can_be_reached_over_the_link()
    {
        var questions = AccessTargets.Of("Host", Host, "apps0");
        Assert.Equal(["10.0.0.5/32", "172.18.0.1/32"], questions[0].Destinations.Select(address => address.ToString()));
        Assert.Equal(["fe80::1/128", "fd01::1/128"], questions[1].Destinations.Select(address => address.ToString()));
    }

    [Theory]
    [InlineData("net.ipv4.conf.apps0.route_localnet", true)]
    [InlineData("net.ipv4.conf.all.route_localnet", true)]
    [InlineData("net.ipv4.conf.docker0.route_localnet", false)]
    public void Loopback_addresses_belong_to_the_host_if_the_kernel_routes_them(string sysctl, bool isAsked)
    {
        var host = Host with { Sysctls = new Dictionary<string, string> { [sysctl] = "1" } };
        Assert.Equal(isAsked, AccessTargets.Of("Host", host, "apps0")[0].Destinations.Contains(Cidr.Parse("127.0.0.0/8")));
    }

    [Fact]
    public void Internal_is_the_private_ranges_of_both_families()
    {
        var questions = AccessTargets.Of("INTERNAL", Host, "apps0");
        Assert.Equal([Family.IPv4, Family.IPv6], questions.Select(question => question.Family));
        Assert.Contains(Cidr.Parse("10.0.0.0/8"), questions[0].Destinations);
        Assert.Superset(new HashSet<string> { "fc00::/7", "64:ff9b::a00:0/104", "2002:a00::/24", "::ffff:10.0.0.0/104" }, questions[1].Destinations.Select(range => range.ToString()).ToHashSet());
        // Never forwarded.
        Assert.DoesNotContain(Cidr.Parse("fe80::/10"), questions[1].Destinations);
    }

    [Fact]
    public void An_address_is_itself() =>
        Assert.Equal(["2001:db8::/32"], Assert.Single(AccessTargets.Of("2001:db8::/32", Host, "apps0")).Destinations.Select(range => range.ToString()));

    [Theory]
    [InlineData("Metdata")]
    [InlineData("10.0.0.1/8")]
    [InlineData("")]
    public void Any_other_text_is_refused_with_a_list_of_the_words(string text)
    {
        var error = Assert.Throws<FormatException>(() => AccessTargets.Of(text, Host, "apps0"));
        Assert.Contains("Metadata, Host, Internal", error.Message, StringComparison.Ordinal);
    }
}
