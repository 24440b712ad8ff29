using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>What an analysis needs beyond the rules. A part that cannot be read is noted in the snapshot and is not a failure.</summary>
/// <param name="lean">What planning needs, from the same reply.</param>
internal sealed class WholeReading(HostReading lean)
{
    private const string NoIp = "the host has no command ip: install iproute2.";
    private const string HalfIp = "the host's ip is busybox's, which leaves out details that decide (TOS, next hops, negations, kinds): install iproute2.";

    private readonly Dictionary<string, string> unread = new(StringComparer.Ordinal);

    /// <summary>Adds everything else that was read to what planning needs.</summary>
    internal HostSnapshot Complete(HostSnapshot snapshot)
    {
        var filtered = Part("TcFilters", "filters", static section => LinkText.ParseFilters(section.Text), new HashSet<string>(StringComparer.Ordinal), "the host has no command tc: install iproute2 (Debian, Ubuntu) or iproute-tc (Fedora, RHEL).");
        var whole = snapshot with
        {
            OtherRules = OtherRules(),
            Nft = Part("Nft", "nft", static section => NftText.Parse(section.Output), null, "the host has no command nft, so rules that iptables-save does not show are not seen. Install nftables."),
            Routes = [.. Routes(Family.IPv4, "routes4"), .. Routes(Family.IPv6, "routes6")],
            RoutingRules = [.. RoutingRules(Family.IPv4, "rules4"), .. RoutingRules(Family.IPv6, "rules6")],
            LinkDetails = Part("LinkDetails", "link-details", section => LinkText.Parse(section.Text, filtered), [], NoIp),
            IpSets = IpSets(snapshot.IpSets),
            // No such file: the kernel's IPVS is not loaded.
            IpvsServices = Part("IpvsServices", "ipvs", static section => IpvsText.Parse(section.Text), [], null),
            Sysctls = Sysctls(),
            DaemonSettings = DaemonSettings(),
            Connections = Connections(snapshot),
            Saved = Saved(),
        };
        if (lean.Text("ip").Contains("BusyBox", StringComparison.OrdinalIgnoreCase))
        {
            foreach (var part in new[] { "Routes", "RoutingRules", "LinkDetails" })
                unread.TryAdd(part, HalfIp);
        }
        return whole with { Unread = unread };
    }

    /// <summary>All connections as the kernel prints them; null until the rest was read, or if they could not be.</summary>
    internal string? ConnectionsText { get; private set; }

    private SavedFiles? Saved()
    {
        try
        {
            return PersistenceProgram.ReadFiles(lean.Host, lean.Reply);
        }
        catch (HostException error)
        {
            unread["Saved"] = error.Message;
            return null;
        }
    }

    private T Part<T>(string part, string section, Func<ShellSection, T> read, T none, string? missing)
    {
        if (lean.Reply.Find(section) is not { } found)
        {
            if (missing is not null)
                unread.TryAdd(part, missing);
            return none;
        }
        try
        {
            if (found.ExitCode == 0)
                return read(found);
            unread.TryAdd(part, FarText.Line(found.Errors));
        }
        catch (FormatException error)
        {
            unread.TryAdd(part, error.Message);
        }
        return none;
    }

    private IReadOnlyList<HostRoute> Routes(Family family, string section) =>
        Part("Routes", section, found => RouteText.Parse(family, found.Text), [], Missing(family));

    private IReadOnlyList<RoutingRule> RoutingRules(Family family, string section) =>
        Part("RoutingRules", section, found => RoutingRuleText.Parse(family, found.Text), [], Missing(family));

    // Without IPv6 there is nothing to read.
    private string? Missing(Family family) => family == Family.IPv4 || lean.HasIPv6 ? NoIp : null;

    private Dictionary<Family, Ruleset> OtherRules()
    {
        if (lean.UnreadTools.Count > 0)
            unread["OtherRules"] = string.Join(' ', lean.UnreadTools);
        return lean.OtherRules.ToDictionary(static pair => pair.Key, static pair => pair.Value);
    }

    // Only sets that rules name, and those that are in such a list of sets. A host without ipset, or without ipset in its kernel, has no others.
    private IReadOnlyList<HostIpSet> IpSets(IReadOnlyList<HostIpSet> own)
    {
        var sets = Part("IpSets", "ipsets", static section => IpSetText.Parse(section.Text), [], "rules use sets, but the host has no command ipset: install it.");
        var named = lean.Rules.Values.Concat(lean.OtherRules.Values).SelectMany(static rules => rules.AllRules)
            .SelectMany(static rule => RuleOptions.ValuesOf(rule.Tokens, "--match-set", "--add-set", "--del-set", "--map-set")).ToHashSet(StringComparer.Ordinal);
        if (named.Count == 0)
        {
            unread.Remove("IpSets");
            return own;
        }
        var members = sets.Where(set => set.Type is "list:set" && named.Contains(set.Name)).SelectMany(static set => set.Members).Select(static member => member.Split(' ')[0]);
        named.UnionWith([.. members]);
        return [.. sets.Where(set => named.Contains(set.Name) || AddressSet.IsOurs(set.Name))];
    }

    private IReadOnlyDictionary<string, string> Sysctls()
    {
        var sysctls = Part("Sysctls", "sysctls", static section => SysctlText.Parse(section.Text), new Dictionary<string, string>(StringComparer.Ordinal), null);
        if (sysctls.Count == 0)
            unread.TryAdd("Sysctls", "/proc/sys/net could not be read.");
        return sysctls;
    }

    private IReadOnlyDictionary<string, string> DaemonSettings()
    {
        // The file alone is not enough: arguments also decide.
        if (lean.Reply.Find("dockerd") is null)
            unread["DaemonSettings"] = "no dockerd process was found in the host's network namespace.";
        if (lean.DaemonFile is null)
            unread["DaemonSettings"] = $"dockerd's configuration file could not be read ({FarText.Line(lean.Reply.Find("daemon")!.Errors)}).";
        if (lean.DaemonSettingsError is { } error)
            unread["DaemonSettings"] = error;
        return lean.DaemonSettings;
    }

    // Only those that containers opened: all others are the host's own business and do not belong in a snapshot.
    private IReadOnlyList<OpenConnection>? Connections(HostSnapshot snapshot)
    {
        ConnectionsText = Part("Connections", "connections", Printed, null, "the host has neither /proc/net/nf_conntrack nor the command conntrack: install conntrack.");
        if (ConnectionsText is not { } text)
            return null;
        if (snapshot.Engine is null)
        {
            unread["Connections"] = "Docker could not be asked, so it is not known which addresses belong to containers.";
            return null;
        }
        if (text.AsSpan().Count('\n') > ReadingProgram.MostConnections)
            unread["Connections"] = $"the host has more than the {ReadingProgram.MostConnections} connections that were read.";
        Cidr[] sources =
        [
            .. snapshot.Networks.SelectMany(static network => network.Subnets),
            .. snapshot.Containers.SelectMany(static container => container.Addresses).SelectMany(static address => new[] { address.IPv4, address.IPv6 }).OfType<Cidr>(),
        ];
        var own = snapshot.Addresses.Select(static address => address.Address).ToHashSet();
        return [.. ConnectionText.Parse(text).Where(connection => !own.Contains(connection.Source) && sources.Any(source => source.Contains(connection.Source)))];
    }

    // The exit code is head's. conntrack writes to standard error how many it showed.
    private static string Printed(ShellSection section)
    {
        var errors = string.Join('\n', section.Errors.Split('\n').Where(static line => !line.Contains("flow entries have been shown", StringComparison.Ordinal)));
        return section.Output.IsEmpty && errors.Trim().Length > 0 ? throw new FormatException(FarText.Line(errors)) : section.Text;
    }
}
