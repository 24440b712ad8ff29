using System.Collections.Immutable;
using DockerNetHarden.Addresses;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>Random rulesets: all four tables with the hooks that a container's packets pass, user chains, jumps, gotos, returns and policies.</summary>
internal sealed class RulesetGenerator
{
    private static readonly (string Table, int Percent, string[] Chains)[] Tables =
        [("raw", 35, ["PREROUTING"]), ("mangle", 45, ["PREROUTING", "INPUT", "FORWARD", "POSTROUTING"]), ("nat", 50, ["PREROUTING"]), ("filter", 100, ["INPUT", "FORWARD"])];

    private static readonly string[] UserChains = ["DOCKER-USER", "DOCKER", "A", "B-long_name.x"];

    private readonly Dice _dice;
    private readonly Family _family;
    private readonly bool _foreign;
    private readonly MatchGenerator _matches;

    private RulesetGenerator(Dice dice, Family family, bool foreign)
    {
        (_dice, _family, _foreign) = (dice, family, foreign);
        _matches = new MatchGenerator(dice, family, foreign);
    }

    /// <summary>The ruleset for a seed.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="foreign">Whether it contains matches that the walk does not model.</param>
    public static OracleRuleset Take(int seed, bool foreign)
    {
        var dice = new Dice(seed);
        var family = dice.Chance(70) ? Family.IPv4 : Family.IPv6;
        var generator = new RulesetGenerator(dice, family, foreign);
        var backends = dice.Weighted((45, "nft"), (30, "legacy"), (25, "both"));
        var tables = ImmutableList<OracleTable>.Empty;
        // If two implementations translate addresses, the one whose hook was registered last wins: no real host does that.
        var nat = dice.Pick(IptablesBackend.Nft, IptablesBackend.Legacy);
        foreach (var backend in (IptablesBackend[])[IptablesBackend.Nft, IptablesBackend.Legacy])
        {
            if (backends is "both" || string.Equals(backends, backend == IptablesBackend.Nft ? "nft" : "legacy", StringComparison.Ordinal))
                tables = tables.AddRange(generator.Backend(backend, withNat: backends is not "both" || backend == nat));
        }
        return new OracleRuleset(family, tables);
    }

    private IEnumerable<OracleTable> Backend(IptablesBackend backend, bool withNat)
    {
        foreach (var (table, percent, chains) in Tables)
        {
            if (_dice.Chance(percent) && (withNat || table is not "nat"))
                yield return Table(backend, table, chains);
        }
    }

    private OracleTable Table(IptablesBackend backend, string table, string[] builtIn)
    {
        var users = UserChains.Take(_dice.Number(0, UserChains.Length)).ToArray();
        var chains = ImmutableList.CreateBuilder<OracleChain>();
        foreach (var chain in builtIn)
        {
            var policy = table is not "nat" && _dice.Chance(table is "filter" ? 25 : 4) ? "DROP" : "ACCEPT";
            chains.Add(new OracleChain(chain, policy, Rules(table, chain, users)));
        }
        // A chain jumps only to later ones: no loops, which the kernel refuses.
        for (var i = 0; i < users.Length; i++)
            chains.Add(new OracleChain(users[i], null, Rules(table, null, users[(i + 1)..])));
        // What the router itself sends (resets, errors, echoes) would be counted after OUTPUT like the packets under test.
        if (table is "filter")
            chains.Add(new OracleChain("OUTPUT", "DROP", []));
        return new OracleTable(backend, table, chains.ToImmutable());
    }

    private ImmutableList<OracleRule> Rules(string table, string? chain, string[] targets) =>
        [.. Enumerable.Range(0, _dice.Number(chain is null ? 1 : 0, 5)).Select(_ => Rule(table, chain, targets))];

    private OracleRule Rule(string table, string? chain, string[] targets)
    {
        var kind = table switch
        {
            "filter" => _dice.Weighted((14, "ACCEPT"), (22, "DROP"), (15, "REJECT"), (14, "RETURN"), (28, "jump"), (7, "goto"), (2, "")),
            "nat" => _dice.Weighted((38, "DNAT"), (17, "REDIRECT"), (10, "ACCEPT"), (14, "RETURN"), (22, "jump"), (5, "goto")),
            "mangle" => _dice.Weighted((14, "ACCEPT"), (12, "DROP"), (16, "RETURN"), (30, "jump"), (8, "goto"), (14, "MARK"), (3, "")),
            _ => _dice.Weighted((16, "ACCEPT"), (14, "DROP"), (18, "RETURN"), (34, "jump"), (8, "goto"), (7, "NOTRACK"), (3, "")),
        };
        if (kind is "jump" or "goto" && targets.Length == 0)
            kind = table is "nat" ? "RETURN" : "DROP";
        string? protocol = null;
        var target = kind switch
        {
            "jump" => "-j " + _dice.Pick(targets),
            "goto" => "-g " + _dice.Pick(targets),
            "REJECT" => Reject(ref protocol),
            "DNAT" => Dnat(ref protocol),
            "REDIRECT" => Redirect(ref protocol),
            "NOTRACK" => "-j CT --notrack",
            "MARK" => "-j MARK --set-xmark " + _dice.Pick("0x1/0xffffffff", "0x2/0x2", "0x0/0x1", "0x3/0xff"),
            "" => "",
            _ => "-j " + kind,
        };
        // A verdict for all packets leaves nothing for later rules: jumps may have no match, verdicts seldom do.
        var fewest = kind is "jump" or "RETURN" || chain is null ? 0 : 1;
        return new OracleRule(_matches.Take(chain, _dice.Number(fewest, table is "raw" or "mangle" ? 4 : 3), protocol), target);
    }

    private string Reject(ref string? protocol)
    {
        if (_dice.Chance(35))
        {
            protocol = "tcp";
            return "-j REJECT --reject-with tcp-reset";
        }
        return "-j REJECT --reject-with " + (_family == Family.IPv4
            ? _dice.Pick("icmp-port-unreachable", "icmp-net-unreachable", "icmp-host-prohibited", "icmp-admin-prohibited")
            : _dice.Pick("icmp6-port-unreachable", "icmp6-adm-prohibited", "icmp6-no-route"));
    }

    private string Dnat(ref string? protocol)
    {
        // Which of several it is, the walk does not know.
        if (_foreign && _dice.Chance(20))
            return "-j DNAT --to-destination " + (_family == Family.IPv4 ? _dice.Pick("10.1.2.3-10.1.2.9", "203.0.113.120-203.0.113.130", "10.9.0.5-10.9.0.8") : _dice.Pick("fd00:a::5-fd00:a::7", "fd09::6-fd09::8"));
        var address = _dice.Pick(OracleSites.Destinations(_family));
        if (!_dice.Chance(60))
            return "-j DNAT --to-destination " + address;
        protocol = _dice.Pick("tcp", "tcp", "udp", "sctp");
        if (_dice.Chance(15))
            return $"-j DNAT --to-destination :{_dice.Pick(OracleSites.Ports)}";
        return $"-j DNAT --to-destination {(_family == Family.IPv4 ? address : $"[{address}]")}:{_dice.Pick(OracleSites.Ports)}";
    }

    private string Redirect(ref string? protocol)
    {
        if (_dice.Chance(40))
            return "-j REDIRECT";
        protocol = _dice.Pick("tcp", "udp");
        if (_foreign && _dice.Chance(20))
            return "-j REDIRECT --to-ports 8080-8083";
        return $"-j REDIRECT --to-ports {_dice.Pick(OracleSites.Ports)}";
    }
}
