using System.Diagnostics;
using DockerNetHarden.Controls;
using DockerNetHarden.Policy;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Policy;

public sealed class HardeningPolicyTests
{
    private const string Whole = """
        {
          // Readers in git learn why.
          "version": 1,
          "networks": [
            { "name": "aws", "profile": "MetadataAccess", "bridge": "docker-metadata", "subnets": ["10.9.0.0/24"], "gateways": ["10.9.0.1/32"], "disableIcc": true, "labels": { "team": "soc" } },
            { "name": "external", "profile": "ExternalOnly" }
          ],
          "controls": [
            { "control": "MetadataAccess", "provider": "aws", "exceptNetworks": ["aws"], "allowPorts": ["53/udp"], "action": "Drop", "log": true },
            { "control": "HostAccess", "allowPorts": ["8080/tcp"], "allowAddresses": ["10.0.0.5/32"], "allowPublishedPorts": true, "dns": false },
            { "control": "InternalAccess", "network": "web", "ranges": ["10.0.0.0/8"], "dns": true },
            { "control": "SmtpRate", "perMinute": 9, "burst": 3, "ports": "25", "perContainer": true, "action": "Reject" }
          ],
          "rules": ["iptables -A DOCKER-USER -d 198.51.100.7/32 -m comment --comment \"DockerNetHarden:Custom/block-c2\" -j DROP"]
        }
        """;

    [Fact]
    public void A_file_says_everything_that_a_control_and_a_network_can()
    {
        var policy = HardeningPolicy.Parse(Whole, "p.json");
        var aws = policy.Networks[0];
        Assert.Equal(("aws", NetworkProfile.MetadataAccess, "docker-metadata", true), (aws.Name, aws.Profile, aws.Bridge, aws.DisableIcc));
        Assert.Equal("dnh-external", policy.Networks[1].Bridge);
        var metadata = Assert.IsType<MetadataAccess>(policy.Controls[0]);
        Assert.Equal(("aws", RuleAction.Drop, true, "aws"), (metadata.Provider, metadata.Action, metadata.Log, Assert.Single(metadata.ExceptNetworks)));
        var host = Assert.IsType<HostAccess>(policy.Controls[1]);
        Assert.Equal((false, true, "8080/tcp", "10.0.0.5"), (host.Dns, host.AllowPublishedPorts, host.AllowPorts[0].ToString(), host.AllowAddresses[0].ToShortString()));
        var inside = Assert.IsType<InternalAccess>(policy.Controls[2]);
        Assert.Equal((true, "web", "10.0.0.0/8"), (inside.Dns, inside.Network!.Name, Assert.Single(inside.Ranges).ToString()));
        var mail = Assert.IsType<SmtpRate>(policy.Controls[3]);
        Assert.Equal((9, 3, "25", true, RuleAction.Reject), (mail.PerMinute, mail.Burst, mail.Ports, mail.PerContainer, mail.Action));
        Assert.Equal("block-c2", Assert.Single(policy.SingleRules).Subject);
    }

    [Fact]
    public void What_is_written_is_read_back_as_the_same_rules_and_the_same_text()
    {
        var policy = HardeningPolicy.Parse(Whole, "p.json");
        var text = policy.ToString();
        var again = HardeningPolicy.Parse(text, "again.json");
        Assert.Equal(text, again.ToString());
        Assert.Equal(policy.Rules(), again.Rules());
        Assert.Contains(policy.Rules(), rule => rule.Network == "external" && rule.Control == "InternalAccess");
    }

    // A new parameter of a control that the table of fields lacks would be lost in the file.
    [Theory]
    [InlineData(typeof(MetadataAccess))]
    [InlineData(typeof(HostAccess))]
    [InlineData(typeof(InternalAccess))]
    [InlineData(typeof(SmtpRate))]
    public void Every_parameter_of_a_control_is_a_key(Type control)
    {
        var keys = PolicyShapes.Controls[control.Name].Fields.Select(field => field.Name).Order(StringComparer.OrdinalIgnoreCase);
        var parameters = control.GetProperties().Where(property => property.SetMethod is { IsPublic: true }).Select(property => property.Name is "Target" ? "network" : property.Name);
        Assert.Equal(parameters.Order(StringComparer.OrdinalIgnoreCase), keys, StringComparer.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("{\n \"version\": 1,\n \"control\": []\n}", 3, "control", "not a known key")]
    [InlineData("{\n \"controls\": []\n}", 1, "", "'version' is missing")]
    [InlineData("{ \"version\": 2 }", 1, "version", "reads version 1, not 2")]
    [InlineData("{ \"version\": 1,\n \"controls\": [\n  { \"control\": \"MetaData\" } ] }", 3, "controls[0].control", "'MetaData' is not a control")]
    [InlineData("{ \"version\": 1,\n \"controls\": [\n  { \"network\": \"a\" } ] }", 3, "controls[0]", "'control' is missing")]
    [InlineData("{ \"version\": 1,\n \"controls\": [ { \"control\": \"SmtpRate\",\n\n \"perMinute\": 0 } ] }", 4, "controls[0].perMinute", "0 is not a whole number from 1")]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"SmtpRate\", \"perMinute\": 1.5 } ] }", 1, "controls[0].perMinute", "1.5 is not a whole number")]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"HostAccess\", \"log\": \"yes\" } ] }", 1, "controls[0].log", "true or false is expected here, this is a text")]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"HostAccess\", \"allowPort\": [] } ] }", 1, "controls[0].allowPort", "the keys are control, network")]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"HostAccess\", \"allowAddresses\": [\"10.0.0.1\",\n\"10.0.0.1/8\"] } ] }", 2, "controls[0].allowAddresses[1]", "10.0.0.1/8")]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"HostAccess\", \"action\": \"Accept\" } ] }", 1, "controls[0].action", "not one of Drop, Reject")]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"MetadataAccess\", \"provider\": \"asw\" } ] }", 1, "controls[0].provider", "the providers are")]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"MetadataAccess\", \"permit\": true } ] }", 1, "controls[0]", "metadata is permitted to a network")]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"MetadataAccess\", \"network\": \"$(id)\" } ] }", 1, "controls[0].network", "$(id)")]
    [InlineData("{ \"version\": 1,\n \"controls\": [ { \"control\": \"HostAccess\" },\n { \"control\": \"HostAccess\", \"log\": true } ] }", 3, "controls[1]", "controls[0] (line 2) already sets HostAccess")]
    [InlineData("{ \"version\": 1,\n \"networks\": [ { \"name\": \"a\", \"profile\": \"Default\" } ],\n \"controls\": [ { \"control\": \"HostAccess\", \"network\": \"a\" } ] }", 3, "controls[0]", "networks[0] (line 2) already sets HostAccess:a")]
    [InlineData("{ \"version\": 1, \"networks\": [ { \"name\": \"a\" } ] }", 1, "networks[0]", "'profile' is missing")]
    [InlineData("{ \"version\": 1, \"networks\": [ { \"name\": \"a\", \"profile\": \"Default\", \"bridge\": \"sixteen-chars-xx\" } ] }", 1, "networks[0]", "sixteen-chars-xx")]
    [InlineData("{ \"version\": 1, \"networks\": [ { \"name\": \"a\", \"profile\": \"Default\", \"gateways\": [\"10.0.0.1\"] } ] }", 1, "networks[0]", "not an address within the subnets")]
    [InlineData("{ \"version\": 1, \"rules\": [\n \"iptables -F\" ] }", 2, "rules[0]", "iptables -F")]
    [InlineData("{ \"version\": 1,\n \"log\": true, \"log\": false }", 2, "log", "appears twice")]
    [InlineData("{ \"version\": 1,\n \"controls\": [ }", 2, "", "this is not JSON")]
    [InlineData("", 1, "", "this is not JSON")]
    [InlineData("[]", 1, "", "an object is expected here")]
    [InlineData("{\0\"\0", 1, "", "UTF-16 without a byte order mark")]
    public void A_wrong_file_is_refused_with_line_place_and_reason(string text, int line, string path, string reason)
    {
        var error = Assert.Throws<PolicyException>(() => HardeningPolicy.Parse(text, "p.json"));
        Assert.Equal((line, path), (error.Line, error.Path));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.StartsWith($"p.json, line {line}", error.Message, StringComparison.Ordinal);
    }

    // A hundred times the keys take about a hundred times as long; comparing each key with each before it would take ten thousand times as long. The two are so far apart that a busy machine cannot mix them up.
    [Fact]
    public void The_keys_of_an_object_cost_no_more_the_more_there_are()
    {
        var few = Enumerable.Range(0, 5).Min(_ => TimeOf(2_000));
        Assert.InRange(TimeOf(200_000) / few, 0, 1_500);

        static double TimeOf(int count)
        {
            var text = $$"""{ "version": 1, "networks": [ { "name": "a", "profile": "Default", "labels": { {{string.Join(", ", Enumerable.Range(0, count).Select(key => $"\"key{key}\": \"\""))}} } } ] }""";
            var watch = Stopwatch.StartNew();
            Assert.Equal(count, HardeningPolicy.Parse(text, "p.json").Networks[0].Labels.Count);
            return watch.Elapsed.TotalMilliseconds;
        }
    }
}
