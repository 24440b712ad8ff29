using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Core.Tests.Rules;

public sealed class RuleValueTests
{
    // The right column is what iptables-save 1.8.9 printed for the left one, on nft and on legacy.
    [Theory]
    [InlineData("5/min", "5/min")]
    [InlineData("5/minute", "5/min")]
    [InlineData("60/min", "1/sec")]
    [InlineData("150/sec", "151/sec")]
    [InlineData("7/min", "7/min")]
    [InlineData("2/day", "2/day")]
    [InlineData("24/day", "1/hour")]
    [InlineData("10/h", "10/hour")]
    [InlineData("3", "3/sec")]
    public void Limit_rates_read_as_the_kernel_keeps_them(string text, string printed)
    {
        if (printed.StartsWith("151", StringComparison.Ordinal))
        {
            // 150/sec survives: it is printed as 151/sec, which has the same period.
            Assert.Equal(Rate.ParseLimit("151/sec", "Limit"), Rate.ParseLimit(text, "Limit"));
        }
        Assert.Equal(printed, Rate.ParseLimit(text, "Limit").ToString());
    }

    [Theory]
    [InlineData("0/min", "0 cannot be kept")]
    [InlineData("-1/min", "whole number")]
    [InlineData("5/fortnight", "whole number")]
    [InlineData("5/", "whole number")]
    [InlineData("", "whole number")]
    [InlineData("10001/sec", "cannot count that fast")]
    [InlineData("5/min; reboot", "whole number")]
    public void Impossible_rates_are_refused(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<RefusedValueException>(() => Rate.ParseLimit(text, "Limit")).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_rate_that_is_accepted_survives_being_printed_and_read_again()
    {
        var accepted = 0;
        foreach (var unit in new[] { "sec", "min", "hour", "day" })
        {
            for (var count = 1; count <= 10_000; count++)
            {
                Rate rate;
                try
                {
                    rate = Rate.ParseLimit($"{count}/{unit}", "Limit");
                }
                catch (RefusedValueException)
                {
                    continue;
                }
                accepted++;
                Assert.Equal(rate, Rate.ParseLimit(rate.ToString(), "Limit"));
            }
        }
        Assert.True(accepted > 20_000, $"only {accepted} of 40,000 rates were accepted");
    }

    [Theory]
    [InlineData("80", "80")]
    [InlineData("443,80", "80,443")]
    [InlineData("1000-2000", "1000:2000")]
    [InlineData("25, 465 ,587", "25,465,587")]
    [InlineData("80,80", "80")]
    [InlineData("1:65535", "1:65535")]
    public void Port_lists_are_canonical(string text, string canonical) => Assert.Equal(canonical, PortList.Parse(text, "Port").ToString());

    [Theory]
    [InlineData("0", "1 to 65535")]
    [InlineData("65536", "1 to 65535")]
    [InlineData("20:10", "write 10:20")]
    [InlineData("http", "1 to 65535")]
    [InlineData("80,", "1 to 65535")]
    [InlineData("1:2:3", "1 to 65535")]
    [InlineData("-80", "1 to 65535")]
    [InlineData("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "at most 15")]
    [InlineData("1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16", "at most 15")]
    public void Impossible_ports_are_refused(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<RefusedValueException>(() => PortList.Parse(text, "Port")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("docker0")]
    [InlineData("br-0123456789ab")]
    [InlineData("eth0.100")]
    [InlineData("$(reboot)")] // odd, but a name that the kernel accepts: it is carried as data
    public void Interface_names_of_the_kernel_are_taken(string name) => Assert.Null(InterfaceName.Problem(name));

    [Theory]
    [InlineData("abcdefghijklmnop", "at most 15")]
    [InlineData("a/b", "without spaces")]
    [InlineData("a b", "without spaces")]
    [InlineData("", "empty")]
    [InlineData("..", "'.' and '..'")]
    [InlineData("-j", "option or a negation")]
    [InlineData("!eth0", "option or a negation")]
    [InlineData("br-+", "wildcard")]
    [InlineData("a\nb", "printable")]
    [InlineData("'; rm -rf /", "printable")]
    public void Other_interface_names_are_refused(string name, string reason) =>
        Assert.Contains(reason, InterfaceName.Problem(name), StringComparison.Ordinal);

    [Theory]
    [InlineData("MetadataAccess", null, null)]
    [InlineData("MetadataAccess", "aws", "web")]
    [InlineData("SmtpRate", "25,465,587", null)]
    [InlineData("Custom", null, "my.net_1")]
    public void Marks_are_read_back_from_their_comment(string control, string? subject, string? network)
    {
        var mark = new RuleMark(control, subject, network);
        Assert.True(RuleMark.TryParse(mark.ToComment("a note: with/colon"), out var read, out var note));
        Assert.Equal(mark, read);
        Assert.Equal("a note: with/colon", note);
        Assert.True(RuleMark.TryParse(mark.ToString(), out var again));
        Assert.Equal(mark, again);
    }

    [Theory]
    [InlineData("DockerNetHarden")] // a jump, not a rule
    [InlineData("DockerNetHarden:Other")]
    [InlineData("DockerNetHarden:Custom/")]
    [InlineData("xDockerNetHarden:Custom")]
    [InlineData("DockerNetHarden:Custom\n")]
    [InlineData(null)]
    public void Foreign_comments_are_no_marks(string? comment) => Assert.False(RuleMark.TryParse(comment, out _, out _));

    [Fact]
    public void Each_control_has_its_own_chain_at_each_hook_and_the_name_leads_back()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var hook in Hook.All)
        {
            foreach (var control in RuleMark.Controls)
            {
                var name = hook.ChainOf(control);
                Assert.True(name.Length <= 28, name);
                Assert.True(names.Add(hook.Table + " " + name), $"{hook.Table} {name} stands for two");
                Assert.Equal((control, hook), Hook.OwnerOf(hook.Table, name));
            }
        }
        Assert.Equal("DNH-HOST", new Hook("filter", "INPUT").ChainOf("HostAccess"));
        Assert.Equal("DNH-METADATA", new Hook("filter", "DOCKER-USER").ChainOf("MetadataAccess"));
        Assert.Equal("DNH-METADATA", new Hook("mangle", "POSTROUTING").ChainOf("MetadataAccess"));
        Assert.Null(Hook.OwnerOf("filter", "DNH-SOMETHING"));
    }
}
