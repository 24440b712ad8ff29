using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Iptables;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Rule sets that would satisfy a text search but protect nothing, or not everything.</summary>
public sealed class AuditFaultTests
{
    private const string Block = "-d 169.254.169.254/32 -j DROP";

    // Name, commands, a check and network that still fail, a check and network that pass ("" for none).
    public static TheoryData<string, string[], string, string, string, string> Faults => new()
    {
        { "appended after RETURN", [$"-A DOCKER-USER {Block}"], "METADATA-AWS", "plain", "", "" },
        { "in OUTPUT, where containers' packets never are", [$"-A OUTPUT {Block}"], "METADATA-AWS", "plain", "", "" },
        { "in INPUT, where forwarded packets never are", [$"-I INPUT {Block}"], "METADATA-AWS", "plain", "", "" },
        { "for docker0 only", [$"-I DOCKER-USER -i docker0 {Block}"], "METADATA-AWS", "plain", "METADATA-DIGITALOCEAN", "bridge" },
        { "for bridges that Docker named", [$"-I DOCKER-USER -i br-+ {Block}"], "METADATA-AWS", "plain", "", "" },
        { "in a chain that nothing goes to", ["-N BLOCKED", $"-A BLOCKED {Block}"], "METADATA-AWS", "plain", "", "" },
        { "behind another tool's ACCEPT", ["-I FORWARD -i plain0 -j ACCEPT", $"-I DOCKER-USER {Block}"], "METADATA-AWS", "plain", "METADATA-DIGITALOCEAN", "bridge" },
        { "behind an ACCEPT in another tool's chain", ["-N tool", "-A tool -i plain0 -o eth0 -j ACCEPT", "-I FORWARD -j tool", $"-I DOCKER-USER {Block}"], "METADATA-AWS", "plain", "", "" },
        { "for established connections only", [$"-I DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED {Block}"], "METADATA-AWS", "plain", "", "" },
        { "in a comment", ["-I DOCKER-USER -m comment --comment \"-d 169.254.169.254/32 -j DROP\" -j RETURN"], "METADATA-AWS", "plain", "", "" },
        { "negated", ["-I DOCKER-USER ! -d 169.254.169.254/32 -p icmp -j DROP"], "METADATA-AWS", "plain", "", "" },
        { "behind the RETURN of a mail limit", [$"-I DOCKER-USER {Block}", "-I DOCKER-USER -p tcp -m multiport --dports 25,465,587 -m limit --limit 5/min -j RETURN"], "METADATA-AWS", "plain", "", "" },
        {
            "the address that nat redirects, in DOCKER-USER",
            [$"-I DOCKER-USER {Block}", "-I DOCKER-USER -d 169.254.170.2/32 -j DROP", "-t nat -A PREROUTING -d 169.254.170.2/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 127.0.0.1:51679"],
            "METADATA-AWS", "plain", "METADATA-DIGITALOCEAN", "plain"
        },
        { "the host's private address only", ["-I INPUT -s 172.16.0.0/12 -d 10.0.0.5/32 -j DROP"], "GATEWAY-ACCESS", "plain", "", "" },
        { "the gateway only", ["-I INPUT -i docker0 -d 172.17.0.1/32 -j DROP"], "HOST-ACCESS", "bridge", "GATEWAY-ACCESS", "bridge" },
        { "the whole host, behind an ACCEPT", ["-A INPUT -i plain0 -j ACCEPT", "-A INPUT -i plain0 -j DROP"], "HOST-ACCESS", "plain", "", "" },
        { "a limit without an end", ["-I DOCKER-USER -p tcp -m multiport --dports 25,465,587 -m limit --limit 5/min -j RETURN"], "MAIL-RATE", "plain", "", "" },
    };

    [Fact]
    public void The_ids_are_those_of_the_checks()
    {
        var sources = Directory.GetFiles(Path.Combine(DockerNetHarden.Tests.ProjectRoot.Path, "src", "DockerNetHarden.Core", "Audit"), "*.cs").Where(file => Path.GetFileName(file) is not "HardeningAudit.cs");
        var written = sources.SelectMany(file => File.ReadAllText(file).Split('"')).Where(text => text.Contains('-', StringComparison.Ordinal) && char.IsAsciiLetterUpper(text[0]) && char.IsAsciiLetterOrDigit(text[^1])
            && text.All(letter => char.IsAsciiLetterUpper(letter) || char.IsAsciiDigit(letter) || letter == '-'));
        Assert.Equal(written.Where(id => !id.StartsWith("METADATA-", StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal), HardeningAudit.Ids.Where(id => !id.StartsWith("METADATA-", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Equal([.. MetadataEndpoints.Providers.Select(provider => $"METADATA-{provider.Id.ToUpperInvariant()}"), "METADATA-ANY-CLOUD", "METADATA-OTHER-CLOUD"], HardeningAudit.Ids.Where(id => id.StartsWith("METADATA-", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_block_that_only_looks_like_one_fails(string name, string[] commands, string check, string network, string passing, string elsewhere)
    {
        Assert.NotEmpty(name);
        var host = FixtureHost.Docker20.Iptables(commands).WithIPv4Only();
        if (name.Contains("redirects", StringComparison.Ordinal))
            host = host.Sysctl("net.ipv4.conf.all.route_localnet", "1");
        var findings = HardeningAudit.Of(host);
        var failed = findings.Single(finding => finding.Id == check && finding.Network == network);
        Assert.Equal(FindingStatus.Fail, failed.Status);
        Assert.NotEmpty(failed.Evidence);
        Assert.NotEmpty(failed.Rules);
        if (passing is "METADATA-DIGITALOCEAN")
            findings = HardeningAudit.Of(host.InCloud("digitalocean"));
        if (passing.Length > 0)
            Assert.Equal(FindingStatus.Pass, findings.Single(finding => finding.Id == passing && finding.Network == elsewhere).Status);
    }

    [Fact]
    public void A_block_in_the_unused_iptables_fails_and_is_named()
    {
        const string Twin = """
            *filter
            :INPUT ACCEPT [0:0]
            :FORWARD ACCEPT [0:0]
            :OUTPUT ACCEPT [0:0]
            :DOCKER-USER - [0:0]
            -A DOCKER-USER -d 169.254.169.254/32 -j DROP
            COMMIT

            """;
        var host = FixtureHost.Docker20.OnNft() with { OtherRules = new Dictionary<Family, Ruleset> { [Family.IPv4] = FixtureHost.Rules(Twin) } };
        var findings = HardeningAudit.Of(host);
        Assert.Equal(FindingStatus.Fail, findings.Single(finding => finding is { Id: "METADATA-AWS", Network: "plain" }).Status);
        var inactive = findings.Single(finding => finding.Id == "BACKEND-INACTIVE");
        Assert.Equal(FindingStatus.Fail, inactive.Status);
        Assert.Contains(inactive.Evidence, line => line.Contains("iptables-legacy", StringComparison.Ordinal));
    }

    [Fact]
    public void A_block_that_looks_like_one_is_named_beside_the_rule_that_decides()
    {
        var finding = HardeningAudit.Of(FixtureHost.Docker20.Iptables($"-A OUTPUT {Block}")).Single(each => each is { Id: "METADATA-AWS", Network: "plain" });
        Assert.Contains(finding.Evidence, line => line.Contains("FORWARD rule 9", StringComparison.Ordinal));
        Assert.Contains(finding.Evidence, line => line.Contains("OUTPUT rule 1", StringComparison.Ordinal));
    }

    // The guide's own rules, in the right place: they do what they say and nothing more.
    [Fact]
    public void A_real_block_passes()
    {
        var host = FixtureHost.Docker20.InCloud("digitalocean").WithIPv4Only().Iptables($"-I DOCKER-USER {Block}", "-I INPUT -i plain0 -j DROP");
        var findings = HardeningAudit.Of(host);
        Assert.Equal(FindingStatus.Pass, findings.Single(finding => finding is { Id: "METADATA-DIGITALOCEAN", Network: "plain" }).Status);
        Assert.Equal(FindingStatus.Pass, findings.Single(finding => finding is { Id: "HOST-ACCESS", Network: "plain" }).Status);
        Assert.Equal(FindingStatus.Pass, findings.Single(finding => finding is { Id: "GATEWAY-ACCESS", Network: "plain" }).Status);
        // Docker removes its jump at times, and nothing backs it up.
        Assert.Equal(FindingStatus.Fail, findings.Single(finding => finding is { Id: "DOCKER-USER-BACKSTOP", Network: "plain" }).Status);
    }

    [Fact]
    public void What_is_closed_only_in_IPv4_fails()
    {
        var host = FixtureHost.Docker20.WithIPv6().Iptables($"-I DOCKER-USER {Block}", "-I DOCKER-USER -d 168.63.129.16/32 -j DROP", "-I INPUT -i plain0 -j DROP");
        var finding = HardeningAudit.Of(host).Single(each => each is { Id: "IPV6-OPEN", Network: "plain" });
        Assert.Equal(FindingStatus.Fail, finding.Status);
        Assert.NotEmpty(finding.Rules);
        Assert.DoesNotContain(finding.Rules, rule => rule.Control is "Custom");
        Assert.Contains(finding.Rules, rule => rule.Family == Family.IPv6);
    }

    private static readonly string[] AllMetadata =
        ["169.254.169.254/32", "168.63.129.16/32", "100.100.100.200/32", "169.254.42.42/32", "169.254.0.2/32", "169.254.2.0/24", "169.254.0.3/32"];

    [Fact]
    public void Metadata_closed_in_IPv4_but_open_in_IPv6_fails()
    {
        var host = FixtureHost.Docker20.WithIPv6().Iptables([.. AllMetadata.Select(address => $"-I DOCKER-USER -d {address} -j DROP")]);
        var findings = HardeningAudit.Of(host);
        Assert.Equal(FindingStatus.Fail, findings.Single(each => each is { Id: "METADATA-AWS", Network: "plain" }).Status);
        var open = Assert.Single(findings, each => each is { Id: "IPV6-OPEN", Network: "plain" });
        Assert.Contains("Metadata", open.Evidence[0], StringComparison.Ordinal);
        // The control itself mends it.
        Assert.Contains(open.Rules, rule => rule is { Family: Family.IPv6, Control: "MetadataAccess" });
        Assert.DoesNotContain(open.Rules, rule => rule.Control is "Custom");
        Assert.Equal(FindingStatus.Pass, findings.Single(each => each is { Id: "METADATA-AWS", Network: "bridge" }).Status);
    }
}

internal static class FixtureFamilies
{
    /// <summary>The host without IPv6 in the kernel.</summary>
    public static HostSnapshot WithIPv4Only(this HostSnapshot host) => host with { HasIPv6 = false };
}
