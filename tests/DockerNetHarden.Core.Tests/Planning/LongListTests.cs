using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Core.Tests.Planning;

/// <summary>What planning a long list takes: its addresses are read once, however many rules and chains have them.</summary>
public sealed class LongListTests
{
    private static readonly NetworkReference Apps = new("apps", "apps0", [Cidr.Parse("172.18.0.0/16"), Cidr.Parse("fd01::/64")]);

    // Reading an address, or writing one, takes memory each time, and the amount does not depend on the machine. In IPv6, a range has three forms; two chains have each list. One reading and one text
    // of all four are 6,000 bytes; with a reading for each copy of a rule they were 68,000.
    private const long MostBytesForRange = 14_000;

    [Theory]
    [InlineData(FirewallBackend.Iptables)]
    [InlineData(FirewallBackend.Nftables)]
    public void Planning_reads_the_addresses_of_a_list_once(FirewallBackend backend)
    {
        Allocated(200, backend);
        var (some, many) = (Allocated(2_000, backend), Allocated(8_000, backend));
        Assert.InRange(many / 8_000, 0, MostBytesForRange);
        Assert.InRange(many, some, 5 * some);
    }

    [Fact]
    public void A_copy_of_a_rule_has_the_list_of_the_rule()
    {
        var rule = Rules(40).First(each => each.Destination is not null);
        var copy = rule.With(spec => spec.InInterface = "other0");
        Assert.Same(rule.Destination, copy.Destination);
        Assert.Same(AddressLists.Destinations(rule), AddressLists.Destinations(copy));
        Assert.Equal(rule.Destination, string.Join(',', AddressLists.Destinations(copy)));
        // So has each of its rules.
        Assert.Single(Rules(40).Where(each => each.Family == Family.IPv4 && each.Destination is not null).Select(AddressLists.Destinations).Distinct());
    }

    [Fact]
    public void A_list_in_another_form_comes_to_the_same()
    {
        var given = string.Join(", ", Ranges(40).AsEnumerable().Reverse());
        var rule = new FirewallRule(new RuleSpec { Control = "InternalAccess", Destination = given, Action = RuleAction.Drop });
        Assert.Equal(string.Join(',', Ranges(40)), rule.Destination);
        Assert.Equal(Ranges(40), AddressLists.Destinations(rule));
        Assert.Contains("one family", Assert.Throws<RefusedValueException>(() => new FirewallRule(new RuleSpec { Control = "InternalAccess", Destination = given + ",fd00::/8", Action = RuleAction.Drop })).Message, StringComparison.Ordinal);
    }

    private static long Allocated(int count, FirewallBackend backend)
    {
        var host = Snapshots.Host() with { HasIpSet = true, OwnTable = new NftRuleset([], [], []) };
        var ranges = Ranges(count);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var plan = Plan.From(new InternalAccess { Network = Apps, Ranges = ranges, Dns = false }.Rules(), host, new PlanOptions { Backend = backend });
        var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.False(plan.IsEmpty);
        return bytes;
    }

    private static IReadOnlyList<FirewallRule> Rules(int count) => new InternalAccess { Network = Apps, Ranges = Ranges(count), Dns = false }.Rules();

    // No two of them can be put together.
    private static List<Cidr> Ranges(int count) => [.. Enumerable.Range(0, count).Select(index => Cidr.Parse(FormattableString.Invariant($"10.{index / 100}.{index % 100 * 2}.0/24")))];
}
