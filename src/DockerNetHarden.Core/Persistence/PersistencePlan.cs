using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Persistence;

/// <summary>Rules cannot be saved on a host in the way that was asked for; the message says why and what to do instead.</summary>
public sealed class PersistenceException(string message, Exception? inner = null) : Exception(ShownText.Message(message), inner);

/// <summary>Which files and links have to change so that a host keeps rules, or keeps none: a pure function of the rules and what is on its disk.</summary>
public sealed class PersistencePlan
{
    private PersistencePlan(PersistenceMethod method, IReadOnlyList<SavedFile> wanted, IReadOnlyList<string> links, SavedFiles now)
    {
        Method = method;
        Files = [.. wanted.Select(static file => file.Path)];
        Write = [.. wanted.Where(file => !now.Texts.TryGetValue(file.Path, out var text) || !string.Equals(text, file.Text, StringComparison.Ordinal))];
        Delete = [.. PersistencePaths.Own.Where(path => now.Texts.ContainsKey(path) && !wanted.Any(file => string.Equals(file.Path, path, StringComparison.Ordinal)))];
        Link = [.. links.Except(now.Links, StringComparer.Ordinal)];
        Unlink = [.. PersistencePaths.Links.Intersect(now.Links, StringComparer.Ordinal).Except(links, StringComparer.Ordinal)];
    }

    /// <summary>The method, after Auto was decided.</summary>
    public PersistenceMethod Method { get; }

    /// <summary>The files that hold the rules afterwards.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>Whether everything is as wanted.</summary>
    public bool IsEmpty => Write.Count + Delete.Count + Link.Count + Unlink.Count == 0;

    /// <summary>The changes for a person, one path per line: <c>+</c> for what is written and <c>-</c> for what is removed.</summary>
    public string Diff => string.Join('\n', Write.Select(static file => "+ " + file.Path).Concat(Link.Select(static link => "+ " + link))
        .Concat(Unlink.Concat(Delete).Select(static path => "- " + path)));

    internal IReadOnlyList<SavedFile> Write { get; }

    internal IReadOnlyList<string> Delete { get; }

    internal IReadOnlyList<string> Link { get; }

    internal IReadOnlyList<string> Unlink { get; }

    /// <summary>The plan to keep exactly these rules, by one method and no other.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="now">What is on the host's disk.</param>
    /// <param name="method">The method.</param>
    /// <exception cref="PersistenceException">The host lacks what the method needs, or a file of its distribution cannot be read.</exception>
    public static PersistencePlan Keep(SavedRules rules, SavedFiles now, PersistenceMethod method)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(now);
        var chosen = method == PersistenceMethod.Auto ? Choose(now) : method;
        SavedFile[] own = [PersistencePaths.LoaderFile, new(PersistencePaths.Rules, "600", rules.ToText())];
        switch (chosen)
        {
            case PersistenceMethod.Systemd:
                return new PersistencePlan(chosen, [.. own, .. PersistencePaths.UnitFiles, .. Stripped(now)], PersistencePaths.Links, now);
            case PersistenceMethod.NetfilterPersistent when now.Systems.Contains("netfilter-persistent", StringComparer.Ordinal):
                return new PersistencePlan(chosen, [.. own, PersistencePaths.PluginFile, .. Stripped(now)], [], now);
            case PersistenceMethod.NetfilterPersistent:
                throw new PersistenceException("there is no folder /usr/share/netfilter-persistent/plugins.d; install the package netfilter-persistent, or use -Method Systemd.");
            case PersistenceMethod.IptablesServices when !now.Systems.Contains("iptables-services", StringComparer.Ordinal):
                throw new PersistenceException("there is no /etc/sysconfig/iptables; install the package iptables-services, or use -Method Systemd.");
            case PersistenceMethod.IptablesServices when rules.NftText.Length > 0:
                throw new PersistenceException("iptables.service loads rules of iptables only, and there are rules in a table of nftables. Use -Method Systemd.");
            case PersistenceMethod.IptablesServices when rules.SetNames.Count > 0:
                throw new PersistenceException(
                    $"rules use the set {rules.SetNames[0]}: if it is missing, iptables.service would load no rule at all from /etc/sysconfig/iptables. Use -Method Systemd, which loads such rules separately.");
            case PersistenceMethod.IptablesServices:
                return new PersistencePlan(chosen, [.. Sysconfig(rules, now)], [], now);
            default:
                throw new ArgumentOutOfRangeException(nameof(method), method, "This method does not exist.");
        }
    }

    /// <summary>The plan to keep nothing.</summary>
    /// <param name="now">What is on the host's disk.</param>
    /// <exception cref="PersistenceException">A file of the distribution holds our lines and cannot be read.</exception>
    public static PersistencePlan Nothing(SavedFiles now)
    {
        ArgumentNullException.ThrowIfNull(now);
        return new PersistencePlan(MethodOf(now) ?? PersistenceMethod.Auto, [.. Stripped(now)], [], now);
    }

    /// <summary>By which method something of ours is saved; null if nothing is.</summary>
    /// <param name="now">What is on the host's disk.</param>
    public static PersistenceMethod? MethodOf(SavedFiles now)
    {
        ArgumentNullException.ThrowIfNull(now);
        return now.Texts.ContainsKey(PersistencePaths.UnitFiles[0].Path) ? PersistenceMethod.Systemd
            : now.Texts.ContainsKey(PersistencePaths.Plugin) ? PersistenceMethod.NetfilterPersistent
            : Stripped(now).Any() ? PersistenceMethod.IptablesServices
            : null;
    }

    private static PersistenceMethod Choose(SavedFiles now) => now.Systems switch
    {
        ["systemd", ..] => PersistenceMethod.Systemd,
        ["netfilter-persistent", ..] => PersistenceMethod.NetfilterPersistent,
        ["iptables-services", ..] => PersistenceMethod.IptablesServices,
        _ => throw new PersistenceException(
            "it was not started by systemd, and has neither netfilter-persistent nor iptables-services. If another program starts it, let that run '/bin/sh /etc/docker-net-harden/loader load' before Docker; -Method Systemd writes the loader."),
    };

    // The distribution's files with lines of ours, without them.
    private static IEnumerable<SavedFile> Stripped(SavedFiles now) =>
        Sysconfig(SavedRules.FromLines([], new IptablesTool(IptablesBackend.Nft, "", "iptables", null)), now).Where(file => !string.Equals(now.Texts[file.Path], file.Text, StringComparison.Ordinal));

    private static IEnumerable<SavedFile> Sysconfig(SavedRules rules, SavedFiles now)
    {
        foreach (var (family, path) in new[] { (Family.IPv4, PersistencePaths.Sysconfig4), (Family.IPv6, PersistencePaths.Sysconfig6) })
        {
            var text = now.Texts.GetValueOrDefault(path);
            if (text is null && !rules.Tables.Any(table => table.Family == family))
                continue;
            string merged;
            try
            {
                merged = SysconfigText.With(family, text ?? "", rules);
            }
            catch (IptablesFormatException error)
            {
                // A file without anything of ours need not be understood.
                if (rules.IsEmpty && !text!.Contains(Hook.Prefix, StringComparison.Ordinal))
                    continue;
                throw new PersistenceException($"{path} cannot be read as the output of iptables-save: {error.Message} Correct it, or use -Method Systemd.", error);
            }
            yield return new SavedFile(path, "600", merged);
        }
    }
}
