using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Nftables;
using DockerNetHarden.Persistence;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Export;

/// <summary>The program that an export is written for.</summary>
public enum ExportFormat
{
    /// <summary>Input for <c>iptables-restore --noflush</c>.</summary>
    IptablesRestore,

    /// <summary>A table of our own for <c>nft -f</c>.</summary>
    Nftables,

    /// <summary>A script for a POSIX sh.</summary>
    Shell,

    /// <summary>A playbook for <c>ansible-playbook</c>.</summary>
    Ansible,

    /// <summary>User data for cloud-init, of the kind <c>#cloud-config</c>.</summary>
    CloudInit,
}

/// <summary>
/// Rules written for another program: complete by itself, and without effect if it is applied again. It names the chains of the controls that
/// it holds, and those it owns wholly; chains of other controls stay as they are.
/// </summary>
/// <param name="Texts">The texts: one, or for iptables-restore one for each family.</param>
/// <param name="Warnings">What the user should know.</param>
public sealed record FirewallExport(IReadOnlyList<ExportedText> Texts, IReadOnlyList<string> Warnings)
{
    // If no host is read, the families are as on every host before Docker's first start; ip6tables' DOCKER-USER depends on the engine.
    private const string Bare = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";
    private const string BareWithDocker = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER - [0:0]\n:DOCKER-USER - [0:0]\nCOMMIT\n";

    // The limit of Amazon EC2's user data, in bytes before base64. Source: "Instance metadata and user data" of its user guide.
    private const int SmallestUserData = 16 * 1024;

    /// <summary>The first operand that only a host can resolve; null if the rules are literal and no host is needed.</summary>
    public static string? NeedsHost(IReadOnlyList<FirewallRule> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
        return rules.SelectMany(Operands).FirstOrDefault(operand => operand.IsSymbolic)?.ToString();
    }

    /// <summary>Writes rules.</summary>
    /// <param name="format">The format.</param>
    /// <param name="rules">The rules; complete for each of their marks.</param>
    /// <param name="host">The host on which symbolic operands are resolved; null if there are none.</param>
    /// <param name="force">Whether to write rules that could lock somebody out.</param>
    /// <exception cref="PlanException">No host can have these rules, or they need a host to be read.</exception>
    /// <exception cref="NftException">nftables cannot express a rule.</exception>
    public static FirewallExport Of(ExportFormat format, IReadOnlyList<FirewallRule> rules, HostSnapshot? host = null, bool force = false)
    {
        ArgumentNullException.ThrowIfNull(rules);
        if (host is null && NeedsHost(rules) is { } operand)
            throw new PlanException(PlanFailure.UnresolvedOperand, $"'{operand}' only has a meaning on a host, and no host was read.", "Name one, or bind the rule to a fixed bridge name or prefix instead.");
        var plan = Plan.From(rules, Basis(format, host), new PlanOptions { Force = force, Backend = format == ExportFormat.Nftables ? FirewallBackend.Nftables : FirewallBackend.Iptables });
        var tables = ExportedTable.AllOf(plan);
        var warnings = new List<string>(plan.Warnings);
        warnings.AddRange(SetsOf(tables).Select(set => $"The set {set} has to be on the host before the export is loaded: ipset create {set} ... ."));
        IReadOnlyList<ExportedText> texts = format switch
        {
            ExportFormat.IptablesRestore => RestoreText.Write(tables),
            ExportFormat.Nftables => [new("", NftText(plan.WholeTable!, warnings))],
            ExportFormat.Shell => [new("", ShellText.Write(tables))],
            ExportFormat.Ansible => [new("", ExportTemplate.Playbook(Saved(tables, plan)))],
            ExportFormat.CloudInit => [new("", ExportTemplate.CloudConfig(Saved(tables, plan)))],
            _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
        };
        if (format == ExportFormat.CloudInit && texts[0].Text.Length is var length and > SmallestUserData)
            warnings.Add($"The user data has {length} bytes; Amazon EC2 takes {SmallestUserData}. Compress it (gzip: cloud-init unpacks it), or name the one -Provider.");
        return new FirewallExport(texts, warnings);
    }

    // An export is complete and not a difference, so the host is taken to have nothing of ours.
    private static HostSnapshot Basis(ExportFormat format, HostSnapshot? host)
    {
        var dockerUser6 = host?.Rules.TryGetValue(Family.IPv6, out var rules) == true && rules.HasChain("filter", Hook.DockerUser);
        var bare = new Dictionary<Family, Ruleset>
        {
            [Family.IPv4] = Ruleset.Parse(Family.IPv4, BareWithDocker),
            [Family.IPv6] = Ruleset.Parse(Family.IPv6, dockerUser6 ? BareWithDocker : Bare),
        };
        host ??= new HostSnapshot
        {
            HostName = "the host",
            TakenAt = DateTimeOffset.UnixEpoch,
            Iptables = new IptablesTool(IptablesBackend.Nft, "", "iptables", "ip6tables"),
            Rules = bare,
        };
        // The set of a host is not in a text for other hosts: each address has its lines.
        return host with { Rules = bare, HasIpSet = null, IpSets = [], OwnTable = new NftRuleset([], [], []), Engine = format != ExportFormat.Nftables || host.Engine is not { } engine ? host.Engine : engine with { FirewallBackend = null } };
    }

    private static SavedRules Saved(IReadOnlyList<ExportedTable> tables, Plan plan) =>
        SavedRules.FromLines(tables.SelectMany(table => table.Chains).SelectMany(chain => chain.Lines), plan.Before.Iptables);

    private static string NftText(NftModel table, List<string> warnings)
    {
        if (table.Chains.Any(chain => chain.Lines.Any(line => line.Verdict is "accept")))
            warnings.Add("In nftables an accept in this table does not protect packets: later tables can still drop them.");
        return ExportTemplate.Header("#!/usr/sbin/nft -f", "Load: nft -f FILE (one transaction). Remove: nft delete table " + NftRenderer.Table, "Rates start again with each load.") + NftRenderer.Render(table);
    }

    private static IEnumerable<string> SetsOf(IReadOnlyList<ExportedTable> tables) => tables.SelectMany(table => table.Chains).SelectMany(chain => chain.Lines)
        .Select(line => RuleOptions.LastValueOf(line.Tokens, "--match-set")).OfType<string>().Distinct(StringComparer.Ordinal);

    private static IEnumerable<Operand> Operands(FirewallRule rule) =>
        new[] { ("InInterface", rule.InInterface), ("OutInterface", rule.OutInterface), ("Source", rule.Source), ("Destination", rule.Destination), ("DestinationPort", rule.DestinationPort), ("OriginalDestination", rule.OriginalDestination) }
            .Where(part => part.Item2 is not null)
            .Select(part => Operand.Parse(Negatable.Parse(part.Item2!).Value, part.Item1));
}

/// <summary>One text of an export.</summary>
/// <param name="Suffix">What is appended to the name of its file: <c>.v4</c> and <c>.v6</c> for iptables-restore, otherwise empty.</param>
/// <param name="Text">The text.</param>
public sealed record ExportedText(string Suffix, string Text);
