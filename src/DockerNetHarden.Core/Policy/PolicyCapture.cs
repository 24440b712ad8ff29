using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Policy;

/// <summary>
/// Finds the policy of a host from its networks' labels and its rules' marks. A control is written as a control only if it means exactly the
/// rules on the host; everything else is kept rule by rule, so that the policy never has more or less than the host.
/// </summary>
public static class PolicyCapture
{
    /// <summary>The policy of a host.</summary>
    public static HardeningPolicy Of(HostSnapshot host)
    {
        ArgumentNullException.ThrowIfNull(host);
        var installed = new InstalledMarks(host);
        var left = installed.Rules.GroupBy(rule => rule.Mark).ToDictionary(group => group.Key, group => group.ToList());
        var adopted = AdoptedProfiles.Of(host);
        // The rules of each mark are read before anything is taken for granted: a profile's label alone does not mean that its rules are there.
        var networks = WithProfile(host, adopted).Where(each => each.Policy is not null && Take(left, each.Policy.Rules(), installed)).Select(each => each.Policy!).ToList();
        var controls = new List<Control>();
        foreach (var mark in left.Keys.OrderBy(mark => mark.ToString(), StringComparer.Ordinal).ToList())
        {
            if (left.TryGetValue(mark, out var rules) && ControlGuess.Of(mark, rules, host).FirstOrDefault(control => installed.AreExactly(control.Rules())) is { } found && Take(left, found.Rules(), installed))
                controls.Add(found);
        }
        return new HardeningPolicy
        {
            Networks = networks,
            Controls = controls,
            SingleRules = [.. left.OrderBy(each => each.Key.ToString(), StringComparer.Ordinal).SelectMany(each => each.Value)],
        };
    }

    /// <summary>What a policy of the host does not have, a sentence each: lines of ours that are no rule of this version, and networks with a profile but without its rules.</summary>
    public static IReadOnlyList<string> LeftOut(HostSnapshot host, HardeningPolicy policy)
    {
        ArgumentNullException.ThrowIfNull(policy);
        var named = policy.Networks.Select(network => network.Name).ToHashSet(StringComparer.Ordinal);
        return
        [
            .. InstalledRule.ReadAll(host).Where(rule => rule is { IsOurs: true, Rule: null })
                .Select(rule => $"The policy does not have '{rule.Text}': the line has a mark of this module, but this version does not write such a rule. To apply the policy with -Prune would remove it."),
            .. WithProfile(host, AdoptedProfiles.Of(host)).Where(each => !named.Contains(each.Network.Name))
                .Select(each => $"The policy does not have the network '{ShownText.Value(each.Network.Name)}' (profile {each.Profile}): "
                    + (each.Policy is null ? "a policy cannot name it, or another has the same name." : "the rules of its profile are not all there.")),
        ];
    }

    // Without the policy if the network's name or bridge is not possible in one, or its name not unique.
    private static IEnumerable<(DockerNetwork Network, NetworkProfile Profile, HardenedNetwork? Policy)> WithProfile(HostSnapshot host, IReadOnlyDictionary<string, string> adopted)
    {
        var namesakes = host.Networks.ToLookup(network => network.Name, StringComparer.Ordinal);
        return
            from network in host.Networks
            let policy = Network(network, AdoptedProfiles.ProfileOf(network, adopted))
            where policy is not null
            select (network, policy.Profile, Operand.NetworkNameProblem(network.Name) is null && InterfaceName.Problem(network.Bridge!) is null
                && namesakes[network.Name].Count() == 1 ? policy : null);
    }

    // Only if all its rules are there: then its marks are taken.
    private static bool Take(Dictionary<RuleMark, List<FirewallRule>> left, IReadOnlyList<FirewallRule> rules, InstalledMarks installed)
    {
        var marks = rules.Select(rule => rule.Mark).Distinct().ToList();
        if (marks.Count == 0 || !marks.TrueForAll(left.ContainsKey) || !installed.AreExactly(rules))
            return false;
        marks.ForEach(mark => left.Remove(mark));
        return true;
    }

    private static HardenedNetwork? Network(DockerNetwork network, string? kept) => !Enum.TryParse<NetworkProfile>(kept, out var profile) || network.Bridge is null ? null : new HardenedNetwork
    {
        Name = network.Name,
        Profile = profile,
        // A name that the engine made of the network's id is another one on each host.
        BridgeName = network.Bridge.StartsWith("br-" + network.Id[..Math.Min(12, network.Id.Length)], StringComparison.Ordinal) || string.Equals(network.Bridge, HardenedNetwork.BridgeNameFor(network.Name), StringComparison.Ordinal) ? null : network.Bridge,
        Subnets = network.Subnets,
        EnableIPv6 = network.EnableIPv6 && !network.Subnets.Any(subnet => subnet.Family == Family.IPv6),
        DisableIcc = GoFlag.Read(network.Options.GetValueOrDefault(DockerNetwork.IccOption)) == false,
        Labels = Without(network.Labels, DockerNetwork.ProfileLabel),
        Options = Without(network.Options, DockerNetwork.IccOption, DockerNetwork.BridgeNameOption),
    };

    private static Dictionary<string, string> Without(IReadOnlyDictionary<string, string> texts, params string[] keys) =>
        texts.Where(text => !keys.Contains(text.Key, StringComparer.Ordinal)).ToDictionary(text => text.Key, text => text.Value, StringComparer.Ordinal);
}
