using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Walking;

/// <summary>Everything that decides one family's packets on a host, prepared once for all questions.</summary>
internal sealed class FamilyWalk
{
    private static readonly Version s_linkBehindRouting = new(5, 7);

    // Our table's chains come so much before the tables of iptables that have the same hooks (docs/decisions/0014).
    private const int OwnBefore = 10;

    private readonly List<BaseChain> _hooks = [];
    private readonly RuleContext _context;
    private readonly NativeRuleset? _native;

    internal FamilyWalk(HostSnapshot host, Family family, Ruleset? ownTable = null)
    {
        (Host, Family) = (host, family);
        _context = new RuleContext(host, family);
        Router = new Router(host, family);
        Bridging = new Bridging(host, family, _context);
        Sources = new Sources(host, family, _context.AddressTypes);
        Published = PublishedPorts.Of(host, family);
        _native = AddRules(ownTable);
        Mechanisms = new Mechanisms(host, family, _native);
    }

    internal HostSnapshot Host { get; }

    internal Family Family { get; }

    internal Router Router { get; }

    internal Bridging Bridging { get; }

    internal Sources Sources { get; }

    internal Mechanisms Mechanisms { get; }

    /// <summary>For each container, the packets to the host that docker-proxy carries to it.</summary>
    internal IReadOnlyList<(string Container, PacketSet Packets)> Published { get; }

    /// <summary>The packets that a rule's own matches name, however it is reached.</summary>
    internal (CompiledMatch Match, string? Target) Compile(IReadOnlyList<string> tokens)
    {
        var (match, target, _, _) = MatchReader.Read(tokens, _context);
        return (match.Build(), target);
    }

    /// <summary>The hooks from which a chain is reached, in lower case.</summary>
    internal IReadOnlySet<string> HooksOf(string table, string chain)
    {
        var name = $"{table} {chain}";
        return _hooks.Where(hook => Reaches(hook.Chain, name, [])).Select(static hook => hook.Hook).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The chains at a hook, in the kernel's order.</summary>
    internal IEnumerable<BaseChain> HooksAt(string hook) => _hooks.Where(chain => chain.Hook == hook);

    internal Cidr? AddressOf(string link) => Host.Addresses
        .Where(address => address.Link == link && address.Address.Family == Family)
        .Select(static address => (Cidr?)address.Address).FirstOrDefault();

    /// <summary>Whether packets that enter by a link are forwarded; null if it was not read.</summary>
    internal bool? IsForwarding(string inLink)
    {
        var value = Family == Family.IPv4
            ? Host.Sysctls.GetValueOrDefault($"net.ipv4.conf.{inLink}.forwarding") ?? Host.Sysctls.GetValueOrDefault("net.ipv4.ip_forward")
            : Host.Sysctls.GetValueOrDefault("net.ipv6.conf.all.forwarding");
        // Since Linux 6.17 a link may forward IPv6 even if the host does not.
        var isForced = Family == Family.IPv6 && Host.Sysctls.GetValueOrDefault($"net.ipv6.conf.{inLink}.force_forwarding") is not null and not "0";
        return isForced ? true : value is null ? null : value != "0";
    }

    /// <summary>Whether the kernel drops everything that enters by a link before it asks any rule (ip6_rcv_core in net/ipv6/ip6_input.c).</summary>
    internal bool IsOff(string inLink) => Family == Family.IPv6 && Host.Sysctls.GetValueOrDefault($"net.ipv6.conf.{inLink}.disable_ipv6") is not null and not "0";

    /// <summary>Why there may be rules that are not walked and may drop packets; null if all were read.</summary>
    internal string? Unseen =>
        Host is { Iptables.Backend: IptablesBackend.Nft, Nft: null } ? "nf_tables was not read: it may hold rules that iptables-save does not show"
        : Host.Iptables.Backend == IptablesBackend.Legacy && !Host.Rules.ContainsKey(Family) ? $"the rules of {Family} were not read"
        : Host.Unread.ContainsKey("OtherRules") ? "the rules of the implementation of iptables that Docker does not use were not read"
        : null;

    /// <summary>Whether the rules of a table are walked as iptables-save prints them.</summary>
    internal bool IsWalkedAsPrinted(string table) => Host.Iptables.Backend != IptablesBackend.Nft || Host.Rules.GetValueOrDefault(Family)?.Tables.Contains(table, StringComparer.Ordinal) != true || _native?.Shows(table) != false;

    private NativeRuleset? AddRules(Ruleset? ownTable)
    {
        var isNft = Host.Iptables.Backend == IptablesBackend.Nft;
        var (active, other) = (Host.Rules.GetValueOrDefault(Family), Host.OtherRules.GetValueOrDefault(Family));
        var native = Host.Nft is { } nft ? new NativeRuleset(ownTable is null ? nft : nft.Without(HostSnapshot.OwnFamily, HostSnapshot.OwnName), isNft ? active : other, _context) : null;
        var hooks = new List<BaseChain>();
        if (active is not null)
            hooks.AddRange(new RulesetCompiler(active, isNft ? "nft" : "legacy", isActive: true, _context, isNft ? native : null).Compile());
        if (other is not null)
            hooks.AddRange(new RulesetCompiler(other, isNft ? "legacy" : "nft", isActive: false, _context, isNft ? null : native).Compile());
        if (native is not null)
            hooks.AddRange(native.Chains());
        if (ownTable is not null)
            hooks.AddRange(new RulesetCompiler(ownTable, $"{HostSnapshot.OwnFamily} {HostSnapshot.OwnName}", isActive: true, _context, native: null).Compile(before: OwnBefore));
        // The order of chains with the same priority is not known. It matters only to nat, which handles it.
        var forgets = !KeepsLink(Host);
        _hooks.AddRange(hooks.OrderBy(static hook => hook.Priority).Select(hook => forgets && hook.Hook == "postrouting" ? hook with { ForgetsLink = true } : hook));
        return native;
    }

    // Linux 5.7 and later, if the version is known: 6.1.0-18-amd64.
    private static bool KeepsLink(HostSnapshot host) =>
        host.Sysctls.GetValueOrDefault("kernel.osrelease")?.Split('.', '-') is [var major, var minor, ..]
        && Version.TryParse($"{major}.{minor}", out var version) && version >= s_linkBehindRouting;

    private static bool Reaches(CompiledChain chain, string name, HashSet<CompiledChain> seen)
    {
        var waiting = new Stack<CompiledChain>([chain]);
        while (waiting.TryPop(out var next))
        {
            if (next.Name == name)
                return true;
            if (!seen.Add(next))
                continue;
            foreach (var rule in next.Rules)
            {
                if (rule.Action.Target is { } target)
                    waiting.Push(target);
            }
        }
        return false;
    }
}
