using DockerNetHarden.Addresses;
using DockerNetHarden.Packets;
using FsCheck;
using FsCheck.Fluent;

namespace DockerNetHarden.Core.Tests.Analysis;

/// <summary>Set algebra against membership of single packets, on small numbers, where random sets overlap all the time.</summary>
public sealed class PacketSetPropertyTests
{
    private const int Runs = 500;

    private static readonly Gen<Cidr> s_prefix =
        from bits in Gen.Choose(0, 15)
        from length in Gen.Elements(28, 29, 30, 31, 32)
        select Cidr.Parse($"10.0.0.{bits}").Truncate(length);

    private static readonly Gen<PacketSet> s_box =
        from destinations in Gen.ListOf(s_prefix, 2)
        from sources in Gen.ListOf(s_prefix, 1)
        from everywhere in Gen.Elements(true, false)
        from protocol in Gen.Elements("tcp", "udp", "gre", null)
        from first in Gen.Choose(1, 6)
        from more in Gen.Choose(0, 3)
        from hasPorts in Gen.Elements(true, false)
        select PacketSet.Of(new AccessQuery
        {
            Family = Family.IPv4,
            InInterface = "a",
            Destinations = everywhere ? [] : [.. destinations],
            Sources = everywhere ? [.. sources] : [],
            Protocol = protocol,
            Ports = hasPorts && protocol is "tcp" or "udp" ? PortList.Parse($"{first}:{first + more}", "Ports") : null,
        });

    private static readonly Gen<(int[] One, int[] Other)> s_many =
        from one in Gen.ArrayOf(Gen.Choose(0, 255), 40)
        from other in Gen.ArrayOf(Gen.Choose(0, 255), 12)
        from few in Gen.Choose(1, 12)
        select (one, other[..few]);

    // Single addresses, and here and there two at once.
    private static PacketSet All(int[] places) => places.Select(static place => PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = "a", Destinations = [Cidr.Parse($"10.0.0.{place}").Truncate(place % 3 == 0 ? 31 : 32)], Protocol = place % 5 == 0 ? "tcp" : null }))
        .Aggregate(PacketSet.None(Family.IPv4), static (all, one) => all.Union(one));

    private static readonly Gen<PacketSet> s_set =
        from one in s_box
        from two in s_box
        from three in s_box
        select one.Union(two).Subtract(three);

    private static readonly Gen<Packet> s_packet =
        from destination in Gen.Choose(0, 15)
        from source in Gen.Choose(0, 15)
        from protocol in Gen.Elements(6, 17, 47)
        from port in Gen.Choose(0, 10)
        select new Packet(Family.IPv4, Cidr.Parse($"10.0.0.{source}"), Cidr.Parse($"10.0.0.{destination}"), protocol, 7, port);

    [Fact]
    public void Operations_agree_with_logic_on_each_packet() => Check(
        (one, other, packet) =>
        {
            var (inOne, inOther) = (one.Contains(packet), other.Contains(packet));
            return one.Intersect(other).Contains(packet) == (inOne && inOther)
                && one.Subtract(other).Contains(packet) == (inOne && !inOther)
                && one.Union(other).Contains(packet) == (inOne || inOther);
        });

    [Fact]
    public void Operations_on_sets_of_many_spans_agree_with_logic() => Prop.ForAll(
        s_many.ToArbitrary(),
        sets =>
        {
            var (one, other) = (All(sets.One), All(sets.Other));
            var (both, only, either) = (one.Intersect(other), one.Subtract(other), one.Union(other));
            return Enumerable.Range(0, 256).All(place =>
            {
                var packet = new Packet(Family.IPv4, Cidr.Parse("10.9.9.9"), Cidr.Parse($"10.0.0.{place}"), 6, 7, 80);
                var (inOne, inOther) = (one.Contains(packet), other.Contains(packet));
                return both.Contains(packet) == (inOne && inOther) && only.Contains(packet) == (inOne && !inOther) && either.Contains(packet) == (inOne || inOther);
            });
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(Runs).WithReplay(1_789_337, 17).WithQuietOnSuccess(true));

    [Fact]
    public void What_is_taken_apart_can_be_put_together_again() => Check(
        static (one, other, _) =>
        {
            var (common, rest) = (one.Intersect(other), one.Subtract(other));
            return common.Intersect(rest).IsEmpty && common.Union(rest).SetEquals(one) && rest.Intersect(other).IsEmpty
                && common.SetEquals(other.Intersect(one)) && one.Union(other).SetEquals(other.Union(one));
        });

    [Fact]
    public void A_sample_and_the_destinations_belong_to_the_set() => Check(
        static (one, _, packet) => one.IsEmpty
            ? one.Sample() is null && one.Destinations.Count == 0
            : one.Contains(one.Sample()!) && (!one.Contains(packet) || one.Destinations.Any(prefix => prefix.Contains(packet.Destination))));

    [Fact]
    public void Many_holes_leave_the_tree_balanced_enough_to_be_fast()
    {
        // Two thousand holes in order are the worst case of an unbalanced tree: its depth would not overflow, but Destinations would show it.
        var rest = PacketSet.All(Family.IPv4);
        for (var i = 0; i < 2_000; i++)
            rest = rest.Subtract(PacketSet.Of(new AccessQuery { Family = Family.IPv4, InInterface = "a", Destinations = [Cidr.Parse($"10.{i / 250}.{i % 250}.1")] }).InEveryState());
        Assert.False(rest.Contains(new Packet(Family.IPv4, Cidr.Parse("1.1.1.1"), Cidr.Parse("10.3.7.1"), 17, 1, 1)));
        Assert.True(rest.Contains(new Packet(Family.IPv4, Cidr.Parse("1.1.1.1"), Cidr.Parse("10.3.7.2"), 17, 1, 1)));
    }

    private static void Check(Func<PacketSet, PacketSet, Packet, bool> holds)
    {
        var cases = from one in s_set from other in s_set from packet in s_packet select (one, other, packet);
        Prop.ForAll(cases.ToArbitrary(), each => holds(each.one, each.other, each.packet))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(Runs).WithReplay(1_789_337, 17).WithQuietOnSuccess(true));
    }
}
