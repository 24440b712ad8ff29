using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Core.Tests.Analysis;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Nftables;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Policy;
using DockerNetHarden.Reports;
using DockerNetHarden.Rules;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Rules;

public sealed class ShownTextTests
{
    private static readonly string Long = "begin\u001b[31m\u202e" + new string('x', 20_000_000) + "end";

    [Theory]
    [InlineData("red\u001b[31mname", @"red\u001b[31mname")]
    [InlineData("a\nb\u0085\u009b", @"a\u000ab\u0085\u009b")]
    [InlineData("\u202eevil\u2028\u200b", @"\u202eevil\u2028\u200b")]
    [InlineData("grün 日本 \U0001F600", "grün 日本 \U0001F600")]
    public void Nothing_that_moves_a_cursor_is_shown(string text, string plain) => Assert.Equal(plain, ShownText.Plain(text));

    [Fact]
    public void Halves_of_surrogate_pairs_are_escaped_and_pairs_are_not_cut()
    {
        Assert.Equal(@"a\ud800b", ShownText.Plain("a" + (char)0xd800 + "b"));
        Assert.Equal(new string('a', 199) + "...", ShownText.Value(new string('a', 199) + "\U0001F600"));
    }

    [Fact]
    public void Values_and_lists_are_cut()
    {
        Assert.Equal(203, ShownText.Value(Long.Replace("\u001b[31m\u202e", "", StringComparison.Ordinal)).Length);
        Assert.Equal("1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 9988 more", ShownText.List(Enumerable.Range(1, 10_000).Select(number => $"{number}")));
        Assert.Equal("1, 2", ShownText.List(["1", "2"]));
    }

    [Fact]
    public void The_message_of_every_exception_of_ours_is_one_short_line()
    {
        Exception[] all =
        [
            new RefusedValueException("Source", Long, Long), new PlanException(PlanFailure.NeedsForce, Long, Long), new DockerException(DockerFailure.BadReply, Long, remedy: Long),
            new HostException(HostFailure.Timeout, "web1", Long, Long), new IptablesFormatException(1, Long, Long), new PolicyException("p.json", 1, Long, Long), new SnapshotFormatException(Long),
            new SshTargetException("HostName", Long, Long), new PersistenceException(Long), new NftException(FirewallRule.Parse("-A DOCKER-USER -j DROP"), Long),
            new ReportFormatException(Long),
        ];
        Assert.All(all, error =>
        {
            Assert.InRange(error.Message.Length, 100, 5_000);
            Assert.Equal(ShownText.Plain(error.Message), error.Message);
        });
        var types = typeof(ShownText).Assembly.GetTypes().Where(type => type.IsAssignableTo(typeof(Exception)));
        Assert.Empty(types.Except(all.Select(error => error.GetType())));
        Assert.InRange(Assert.Throws<FormatException>(() => Cidr.Parse(Long)).Message.Length, 100, 5_000);
    }

    [Fact]
    public void Of_thousands_of_networks_a_message_names_a_few()
    {
        var names = Enumerable.Range(0, 10_000).Select(number => number == 0 ? "!" + Long[..4_000] : $"net{number}");
        var host = FixtureHost.Docker20 with { Networks = [.. names.Select(name => new DockerNetwork { Name = name, Id = "x", Driver = "bridge" })] };
        Assert.DoesNotContain(host.Networks[0].Name, char.IsControl);
        foreach (var message in new[]
        {
            Assert.Throws<PlanException>(() => Plan.From([FirewallRule.Parse("-A DOCKER-USER -i network:nosuch -j DROP")], host)).Message,
            TraceQuestions.Of(new TraceRequest { Networks = ["nosuch"] }, host).Problems[0].Message,
        })
        {
            Assert.Contains("and 9988 more", message, StringComparison.Ordinal);
            Assert.InRange(message.Length, 100, 1_000);
        }
    }
}
