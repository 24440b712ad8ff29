using System.Text.Json.Serialization;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Matching;

namespace DockerNetHarden.Reports;

/// <summary>What audits of hosts found, and what each network of these hosts reaches: data that every form of a report shows.</summary>
/// <remarks>The properties of this record and of those in it are the members of the JSON form: see <see cref="JsonReport"/>.</remarks>
public sealed record HardeningReport
{
    /// <summary>When the report was made.</summary>
    public required DateTimeOffset MadeAt { get; init; }

    /// <summary>The version of DockerNetHarden that made it.</summary>
    public string Version { get; init; } = typeof(HardeningReport).Assembly.GetName().Version?.ToString(3) ?? "";

    /// <summary>When the report was made that this one is compared with; null if it is compared with none.</summary>
    public DateTimeOffset? Baseline { get; init; }

    /// <summary>How many findings of each kind all hosts have.</summary>
    public ReportCounters Counters => ReportCounters.Of(Hosts.SelectMany(host => host.Findings));

    /// <summary>The hosts, in the order in which they were named.</summary>
    public required IReadOnlyList<ReportedHost> Hosts { get; init; }
}

/// <summary>One host of a report.</summary>
public sealed record ReportedHost
{
    /// <summary>The host as the user named it.</summary>
    public required string Name { get; init; }

    /// <summary>When it was read; null if it was not, or if its findings came from a file.</summary>
    public DateTimeOffset? ReadAt { get; init; }

    /// <summary>Why there is nothing about it; null if it was read.</summary>
    public string? Problem { get; init; }

    /// <summary>The version of its Docker engine; null if it is not known.</summary>
    public string? Engine { get; init; }

    /// <summary>What packets of its containers meet: <c>iptables-nft</c>, <c>iptables-legacy</c> or <c>nftables</c>; null if it is not known.</summary>
    public string? Firewall { get; init; }

    /// <summary>How many findings of each kind it has.</summary>
    public ReportCounters Counters => ReportCounters.Of(Findings);

    /// <summary>The networks whose packets enter by a bridge, by name.</summary>
    public IReadOnlyList<ReportedNetwork> Networks { get; init; } = [];

    /// <summary>The containers that run, by name.</summary>
    public IReadOnlyList<ReportedContainer> Containers { get; init; } = [];

    /// <summary>The findings, the worst first; those that were fixed since the baseline are among them.</summary>
    public IReadOnlyList<ReportedFinding> Findings { get; init; } = [];
}

/// <summary>A network, and what its containers reach.</summary>
public sealed record ReportedNetwork
{
    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>The bridge's interface name.</summary>
    public required string Bridge { get; init; }

    /// <summary>The subnets.</summary>
    public IReadOnlyList<string> Subnets { get; init; } = [];

    /// <summary>The host's addresses on the bridge.</summary>
    public IReadOnlyList<string> Gateways { get; init; } = [];

    /// <summary>Whether it is <c>--internal</c>.</summary>
    public bool Internal { get; init; }

    /// <summary>The profile in its label; null if it has none.</summary>
    public string? Profile { get; init; }

    /// <summary>One cell for each destination, in the order of <see cref="AccessDestination"/>.</summary>
    public required IReadOnlyList<ReportedCell> Cells { get; init; }
}

/// <summary>How far a destination can be reached.</summary>
public enum AccessLevel
{
    /// <summary>Nothing that containers can send goes there.</summary>
    None,

    /// <summary>All of it is closed, for certain.</summary>
    Closed,

    /// <summary>It is open up to a rate.</summary>
    Limited,

    /// <summary>Some of it is open and some is closed.</summary>
    Partly,

    /// <summary>Nothing of it is closed.</summary>
    Open,

    /// <summary>Something that decides is not known.</summary>
    Unknown,
}

/// <summary>What a network reaches of one destination.</summary>
public sealed record ReportedCell
{
    /// <summary>The destination.</summary>
    public required AccessDestination Destination { get; init; }

    /// <summary>How far it can be reached.</summary>
    public required AccessLevel Level { get; init; }

    /// <summary>The check that judges it; null if none does.</summary>
    public string? Finding { get; init; }

    /// <summary>How that check ended; null if none judges it.</summary>
    public FindingStatus? Status { get; init; }

    /// <summary>What decides, one entry for each rule, what is open first.</summary>
    public IReadOnlyList<ReportedWay> Ways { get; init; } = [];

    /// <summary>How many further rules decide that are not in the list.</summary>
    public int More { get; init; }
}

/// <summary>Packets that meet the same end by the same rule.</summary>
public sealed record ReportedWay
{
    /// <summary>What happens to them.</summary>
    public required Verdict Verdict { get; init; }

    /// <summary>The packets in words.</summary>
    public required string Packets { get; init; }

    /// <summary>Whether an exception leaves them open on purpose.</summary>
    public bool Excepted { get; init; }

    /// <summary>The table, chain and place of the deciding rule or policy; null if nothing decides.</summary>
    public string? Place { get; init; }

    /// <summary>The deciding rule; null if a policy or nothing decides.</summary>
    public string? Rule { get; init; }

    /// <summary>Why, in one sentence.</summary>
    public required string Reason { get; init; }

    /// <summary>The link by which they enter, the chains that they pass, and the link by which they leave, in order.</summary>
    public IReadOnlyList<string> Path { get; init; } = [];

    /// <summary>Where they go after DNAT, or to which container docker-proxy carries them; null if they go where they were sent.</summary>
    public string? NewDestination { get; init; }
}

/// <summary>A container that runs.</summary>
public sealed record ReportedContainer
{
    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>The image as it was asked for.</summary>
    public string Image { get; init; } = "";

    /// <summary>The names of the networks that it is on; <c>host</c> for the host's own.</summary>
    public IReadOnlyList<string> Networks { get; init; } = [];

    /// <summary>Its published ports, as <c>docker ps</c> writes them.</summary>
    public IReadOnlyList<string> Ports { get; init; } = [];
}

/// <summary>What became of a finding since the baseline.</summary>
public enum FindingChange
{
    /// <summary>It was not there, or was not as bad.</summary>
    New,

    /// <summary>It was there already, and has not become better.</summary>
    Unchanged,

    /// <summary>It was there and is gone.</summary>
    Fixed,
}

/// <summary>A finding in a report.</summary>
public sealed record ReportedFinding
{
    /// <summary>The check's stable id.</summary>
    public required string Id { get; init; }

    /// <summary>What is checked, in a few words.</summary>
    public required string Title { get; init; }

    /// <summary>How bad a failure is.</summary>
    public required Severity Severity { get; init; }

    /// <summary>How it ended.</summary>
    public required FindingStatus Status { get; init; }

    /// <summary>The network it is about; null for the whole host.</summary>
    public string? Network { get; init; }

    /// <summary>The container it is about; null for all of them.</summary>
    public string? Container { get; init; }

    /// <summary>What was seen, one line each.</summary>
    public IReadOnlyList<string> Evidence { get; init; } = [];

    /// <summary>What to do, in words and commands; null if there is nothing to do.</summary>
    public string? Remedy { get; init; }

    /// <summary>The matching item of the CIS Docker Benchmark; null if there is none.</summary>
    public string? CisItem { get; init; }

    /// <summary>What became of it since the baseline; null without one, and for what passed then and passes now.</summary>
    public FindingChange? Change { get; init; }

    /// <summary>
    /// What makes it the same finding in every report of its host: the check, the network's name and the container's name. A network that is created again has another id, bridge and subnet, and the
    /// same findings.
    /// </summary>
    public string Identity => IdentityOf(Id, Network, Container);

    /// <summary>Whether somebody has to look at it.</summary>
    [JsonIgnore]
    public bool IsOpen => IsOpenIn(Status);

    internal static bool IsOpenIn(FindingStatus status) => status is not (FindingStatus.Pass or FindingStatus.NotApplicable);

    // Names of networks and containers may hold a slash only in engines that let them hold anything: doubled, it cannot be taken for the separator.
    internal static string IdentityOf(string id, string? network, string? container) => string.Join('/', new[] { id, network, container }.Select(part => part?.Replace("/", "//", StringComparison.Ordinal) ?? "*"));
}

/// <summary>How many findings there are of each kind.</summary>
/// <param name="Fail">Those that fail.</param>
/// <param name="Error">Those that could not be checked.</param>
/// <param name="Warning">Those that are not certain.</param>
/// <param name="Pass">Those that pass.</param>
/// <param name="NotApplicable">Those that do not apply.</param>
/// <param name="New">Those that are new or worse since the baseline.</param>
/// <param name="Unchanged">Those that were there in the baseline.</param>
/// <param name="Fixed">Those that are gone since the baseline.</param>
public sealed record ReportCounters(int Fail, int Error, int Warning, int Pass, int NotApplicable, int New, int Unchanged, int Fixed)
{
    internal static ReportCounters Of(IEnumerable<ReportedFinding> findings)
    {
        var all = findings.ToList();
        return new(In(FindingStatus.Fail), In(FindingStatus.Error), In(FindingStatus.Warning), In(FindingStatus.Pass), In(FindingStatus.NotApplicable),
            Since(FindingChange.New), Since(FindingChange.Unchanged), Since(FindingChange.Fixed));

        int In(FindingStatus status) => all.Count(finding => finding.Status == status);
        int Since(FindingChange change) => all.Count(finding => finding.Change == change);
    }
}
