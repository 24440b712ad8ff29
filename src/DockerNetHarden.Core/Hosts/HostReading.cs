using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Reads the reply of the reading program. Pure: reply in, data out.</summary>
internal sealed class HostReading
{
    private readonly IReadOnlyDictionary<string, InstalledTool> tools;
    private readonly PrintedFiles files;
    private readonly List<string> warnings = [];

    /// <exception cref="HostException">iptables is missing, may not be used, or its output cannot be read.</exception>
    internal HostReading(string host, ShellReply reply)
    {
        (Host, Reply) = (host, reply);
        tools = InstalledTools.Parse(Text("tools"));
        files = new PrintedFiles(Text("files"));
        (OwnTable, OwnTableError) = OwnTables.Read(host, reply.Find(OwnTables.Section));
        IpSets = OwnSets.Read(host, reply.Find(OwnSets.Section));
        var four = Choose(Family.IPv4) ?? throw HostErrors.IptablesMissing(host);
        var six = Choose(Family.IPv6);
        var rules = new Dictionary<Family, Ruleset> { [Family.IPv4] = four.Rules };
        if (six is not null)
            rules[Family.IPv6] = six.Rules;
        Iptables = new IptablesTool(four.Tool.Backend, four.Tool.Version, four.Tool.Name, six?.Tool.Name);
        Rules = rules;
        HasIPv6 = Text("ipv6") is not "0";
        Links = HostLinks.ParseLinks(files["/proc/net/dev"]);
        Addresses = HostLinks.ParseAddresses(Text("addresses"));
        Session = SessionText.Parse(Text("session") + "\n" + HostLinks.RouteOf(Text("addresses")));
        DaemonDns = [.. ResolverList.ParseArguments(Text("dockerd")), .. ReadDaemon()];
        try
        {
            DaemonSettings = DaemonText.Parse(Text("dockerd"), DaemonFile ?? "");
        }
        catch (FormatException error)
        {
            DaemonSettingsError = error.Message;
        }
        Platform = PlatformText.Read(path => files[path], files.Lines);
        HostDns = ResolverList.ParseHost(files["/etc/resolv.conf"], files["/run/systemd/resolve/resolv.conf"]);
        Warnings = warnings;
    }

    internal string Host { get; }

    internal ShellReply Reply { get; }

    internal IptablesTool Iptables { get; }

    internal IReadOnlyDictionary<Family, Ruleset> Rules { get; }

    /// <summary>Our nftables table; null if there is no nft, or it could not be read.</summary>
    internal NftRuleset? OwnTable { get; }

    /// <summary>Why it could not be read.</summary>
    internal string? OwnTableError { get; }

    /// <summary>Our sets of ipset.</summary>
    internal IReadOnlyList<HostIpSet> IpSets { get; }

    /// <summary>dockerd's settings, as far as they could be read: they say which firewall backend it uses before it runs.</summary>
    internal IReadOnlyDictionary<string, string> DaemonSettings { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Why dockerd's settings could not be understood.</summary>
    internal string? DaemonSettingsError { get; }

    internal bool HasIPv6 { get; }

    internal IReadOnlyList<string> Links { get; }

    internal IReadOnlyList<HostAddress> Addresses { get; }

    internal SessionConnection? Session { get; }

    internal IReadOnlyList<Cidr> DaemonDns { get; }

    internal IReadOnlyList<Cidr> HostDns { get; }

    internal HostPlatform Platform { get; }

    internal IReadOnlyList<string> Warnings { get; }

    /// <summary>The rules of the backend that Docker does not use, if there are any.</summary>
    internal Dictionary<Family, Ruleset> OtherRules { get; } = [];

    /// <summary>Why the rules of a backend could not be read.</summary>
    internal List<string> UnreadTools { get; } = [];

    /// <summary>The text of dockerd's configuration file; null if it exists but could not be read, even with sudo. A missing file counts as empty.</summary>
    internal string? DaemonFile => Reply.Find("daemon") is { } section ? section.ExitCode == 0 ? section.Text : null : files[Text("daemon-path")];

    /// <summary>Reads a save section as a rule set.</summary>
    /// <exception cref="HostException">The command failed, or its output cannot be read.</exception>
    internal static Ruleset RulesOf(string host, string user, Family family, string command, ShellSection section)
    {
        if (section.ExitCode != 0)
            throw ShellErrors.IsNoRight(section.Errors) ? HostErrors.NoPermission(host, user, section) : HostErrors.Unreadable(host, command, section);
        var text = section.Text;
        // "# Table `filter' is incompatible, use 'nft' tool.": exit code 0, and the table is empty or missing in the output.
        var incompatible = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Concat(section.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            .FirstOrDefault(static line => !line.StartsWith('-') && !line.StartsWith('[') && line.Contains("is incompatible", StringComparison.Ordinal));
        if (incompatible is not null)
            throw HostErrors.Incompatible(host, family, incompatible);
        try
        {
            return Ruleset.Parse(family, text);
        }
        catch (FormatException error)
        {
            throw HostErrors.NotParsed(host, command, error);
        }
    }

    // The default command's rules must be readable; the other backend's are only searched for Docker's chains. If those are
    // not readable, the default is used, and the warning says what could be hidden.
    private BackendCandidate? Choose(Family family)
    {
        var plain = family == Family.IPv4 ? "iptables" : "ip6tables";
        var save = family == Family.IPv4 ? "save4" : "save6";
        var candidates = new List<BackendCandidate>();
        HostException? failure = null;
        foreach (var (section, name) in new[] { (save, plain), (save + "-nft", plain + "-nft"), (save + "-legacy", plain + "-legacy") })
        {
            if (Reply.Find(section) is not { } found || !tools.TryGetValue(name, out var tool))
                continue;
            try
            {
                candidates.Add(new BackendCandidate(tool.WithVersionOf(found.Text), RulesOf(Host, Text("id").Trim(), family, name + "-save", found)));
            }
            catch (HostException error)
            {
                UnreadTools.Add(error.Message);
                if (string.Equals(section, save, StringComparison.Ordinal))
                    failure = error;
                else
                    warnings.Add($"The rules of {name} were not read: {error.Message}");
            }
        }
        var choice = BackendChoice.Choose(candidates);
        // There are two backends, so there is one other at most.
        if (candidates.Find(candidate => candidate != choice)?.Rules is { } other && DoesAnything(other))
            OtherRules[family] = other;
        // An unreadable default is an error unless Docker is known to use the other one.
        if (failure is not null)
        {
            if (choice?.HasDocker != true)
                throw failure;
            warnings.Add($"The rules of {plain} were not read (Docker uses {choice.Tool.Name}): {failure.Message}");
        }
        return choice ?? (warnings.Count > 0 && family == Family.IPv4
            ? throw new HostException(HostFailure.UnreadableRules, Host, warnings[^1], "Run iptables-save on the host and look at what it prints.")
            : null);
    }

    private static bool DoesAnything(Ruleset rules) =>
        rules.AllRules.Count > 0 || rules.Tables.SelectMany(rules.ChainsOf).Any(static chain => chain.Policy is not (null or "ACCEPT"));

    internal string Text(string section) => Reply.Find(section)?.Text ?? "";

    private IReadOnlyList<Cidr> ReadDaemon()
    {
        if (DaemonFile is not { } text)
        {
            warnings.Add($"dockerd's configuration file could not be read ({FarText.Line(Reply.Find("daemon")!.Errors)}): any DNS servers in it are not known.");
            return [];
        }
        try
        {
            return ResolverList.ParseDaemon(text);
        }
        catch (FormatException error)
        {
            warnings.Add($"The DNS servers of dockerd's configuration file are not known: {error.Message}");
            return [];
        }
    }
}

/// <summary>Files of a host that one <c>grep ''</c> printed: each line with the file's path and a colon before it. A missing file has no line.</summary>
/// <param name="text">The output.</param>
internal sealed class PrintedFiles(string text)
{
    private readonly string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>All lines as they were printed.</summary>
    internal IReadOnlyList<string> Lines => lines;

    /// <summary>The file's text; empty if there is no such file.</summary>
    internal string this[string path] =>
        string.Concat(lines.Where(line => line.Length > path.Length && line[path.Length] == ':' && line.StartsWith(path, StringComparison.Ordinal)).Select(line => line[(path.Length + 1)..] + "\n"));
}
