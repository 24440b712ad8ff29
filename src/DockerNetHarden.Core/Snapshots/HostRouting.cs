using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>A route of one of the kernel's tables. Source: ip-route(8), <c>ip route show table all</c>.</summary>
/// <param name="Family">The family.</param>
/// <param name="Table">The table: <c>main</c>, <c>local</c>, <c>default</c>, a name or a number.</param>
/// <param name="Type"><c>unicast</c>, <c>local</c>, <c>broadcast</c>, <c>multicast</c>, <c>anycast</c>, <c>blackhole</c>, <c>unreachable</c>, <c>prohibit</c>, <c>throw</c>.</param>
/// <param name="Destination">The prefix; 0.0.0.0/0 or ::/0 for the default route.</param>
/// <param name="Links">The links that it leaves by: one, several for a multipath route, or none; each once.</param>
/// <param name="Metric">The metric; 0 if none is printed. Among equal prefixes the lowest metric wins.</param>
/// <param name="IsModelled">False if the route has something that decides and is not recorded here (a source prefix, a TOS, an encapsulation).</param>
public sealed record HostRoute(Family Family, string Table, string Type, Cidr Destination, IReadOnlyList<string> Links, long Metric = 0, bool IsModelled = true);

/// <summary>A routing rule. Source: ip-rule(8), <c>ip rule show</c>.</summary>
/// <param name="Family">The family.</param>
/// <param name="Priority">Its priority; lowest first.</param>
/// <param name="From">The source prefix; null for all.</param>
/// <param name="To">The destination prefix; null for all.</param>
/// <param name="InLink">The in-interface; null for all.</param>
/// <param name="Table">The table that is looked up; null for any other action.</param>
/// <param name="IsModelled">False if it has a selector or an action that is not recorded here (a mark, a TOS, a port, a suppressor, l3mdev).</param>
/// <param name="Text">The line as printed.</param>
public sealed record RoutingRule(Family Family, int Priority, Cidr? From, Cidr? To, string? InLink, string? Table, bool IsModelled, string Text);

/// <summary>What is known of a link. Source: <c>ip -d link show</c>, ip-link(8).</summary>
/// <param name="Name">The name.</param>
/// <param name="Kind">The kind: <c>bridge</c>, <c>veth</c>, <c>vrf</c>, <c>macvlan</c> ...; null for hardware and loopback.</param>
/// <param name="Master">The bridge or VRF that it belongs to; null for none.</param>
/// <param name="HasXdp">Whether an XDP program is attached.</param>
/// <param name="HasTcFilter">Whether a tc filter is attached, at ingress or egress.</param>
public sealed record HostLink(string Name, string? Kind, string? Master, bool HasXdp, bool HasTcFilter);

/// <summary>A set of ipset(8).</summary>
/// <param name="Name">The name.</param>
/// <param name="Type">The type, for example <c>hash:net</c>; followed by <c>netmask 24</c> or the like if the set has a mask: its members then match more than themselves.</param>
/// <param name="Family">The family; null if the type has none.</param>
/// <param name="Members">The members as <c>ipset save</c> prints them, without <c>add NAME</c>.</param>
public sealed record HostIpSet(string Name, string Type, Family? Family, IReadOnlyList<string> Members);

/// <summary>A connection that conntrack knows.</summary>
/// <param name="Family">The family.</param>
/// <param name="Protocol">The protocol's name.</param>
/// <param name="Source">The source of its first packet.</param>
/// <param name="Destination">The destination of its first packet, before DNAT.</param>
/// <param name="DestinationPort">The destination port of its first packet; 0 if the protocol has none.</param>
public sealed record OpenConnection(Family Family, string Protocol, Cidr Source, Cidr Destination, int DestinationPort);
