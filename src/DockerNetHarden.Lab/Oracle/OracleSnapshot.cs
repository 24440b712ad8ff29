using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts;
using DockerNetHarden.Iptables;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Lab.Oracle;

/// <summary>The walk's input: the router as it was read once, with its current rules.</summary>
internal sealed class OracleSnapshot(OracleRouter router, HostSnapshot bare)
{
    /// <summary>Reads the router without rules, as any host is read.</summary>
    public static async Task<HostSnapshot> ReadBareAsync(OracleRouter router, CancellationToken stop)
    {
        var shell = new ProcessShell(router.Name, "nsenter", ["--net=/run/netns/" + router.Name, "--", "/bin/sh"]);
        await using (shell.ConfigureAwait(false))
        {
            var read = await new DockerHost(shell).ReadWholeAsync(stop).ConfigureAwait(false);
            // Sets that no rule names are not read.
            return read with { IpSets = IpSetText.Parse((await router.RunAsync(["ipset", "save"], stop).ConfigureAwait(false)).OrThrow()) };
        }
    }

    /// <summary>Reads the rules, with their counters.</summary>
    public async Task<HostSnapshot> ReadAsync(OracleRuleset rules, CancellationToken stop)
    {
        var read = new Dictionary<IptablesBackend, Ruleset>();
        foreach (var backend in rules.Backends)
            read[backend] = Ruleset.Parse(rules.Family, await router.SaveAsync(backend, rules.Family, stop).ConfigureAwait(false));
        var main = read.ContainsKey(IptablesBackend.Nft) || read.Count == 0 ? IptablesBackend.Nft : IptablesBackend.Legacy;
        var empty = rules.Family == Family.IPv4 ? Family.IPv6 : Family.IPv4;
        return bare with
        {
            Iptables = new IptablesTool(main, "", OracleRouter.Command(main, Family.IPv4), OracleRouter.Command(main, Family.IPv6)),
            Rules = new Dictionary<Family, Ruleset> { [rules.Family] = read.GetValueOrDefault(main) ?? Ruleset.Parse(rules.Family, ""), [empty] = Ruleset.Parse(empty, "") },
            // nft does not show legacy tables, and its own are empty then.
            Nft = !read.ContainsKey(IptablesBackend.Nft) ? bare.Nft : NftText.Parse(Encoding.UTF8.GetBytes((await router.RunAsync(["nft", "-j", "list", "ruleset"], stop).ConfigureAwait(false)).OrThrow())),
            OtherRules = read.Where(one => one.Key != main).ToDictionary(_ => rules.Family, static one => one.Value),
        };
    }
}
