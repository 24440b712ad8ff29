using System.Globalization;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Matching;

namespace DockerNetHarden.Reports;

/// <summary>What reports call things, and what is worse than what: the page and the Markdown say the same.</summary>
internal static class ReportWords
{
    public static IReadOnlyList<AccessDestination> Destinations { get; } = Enum.GetValues<AccessDestination>();

    public static IReadOnlyList<Severity> WorstFirst { get; } = [.. Enum.GetValues<Severity>().OrderDescending()];

    public static string Of(AccessDestination destination) => destination switch
    {
        AccessDestination.Metadata => "metadata",
        AccessDestination.Host => "host",
        AccessDestination.Gateway => "gateway",
        AccessDestination.Internal => "internal",
        AccessDestination.Mail => "mail",
        _ => "outside",
    };

    public static string Of(AccessLevel level) => level switch
    {
        AccessLevel.None => "nothing there",
        AccessLevel.Closed => "closed",
        AccessLevel.Limited => "limited",
        AccessLevel.Partly => "partly open",
        AccessLevel.Open => "open",
        _ => "unknown",
    };

    public static string Of(FindingStatus status) => status switch
    {
        FindingStatus.Pass => "passes",
        FindingStatus.Fail => "fails",
        FindingStatus.Warning => "not certain",
        FindingStatus.NotApplicable => "does not apply",
        _ => "not checked",
    };

    public static string Of(Verdict verdict) => verdict switch
    {
        Verdict.Accept => "Let through",
        Verdict.Drop => "Dropped",
        Verdict.Reject => "Rejected",
        Verdict.RateLimited => "Let through up to a rate",
        _ => "Not known",
    };

    public static string Of(FindingChange change) => change switch
    {
        FindingChange.New => "new",
        FindingChange.Unchanged => "unchanged",
        _ => "fixed",
    };

    /// <summary>What a finding is about, within its host.</summary>
    public static string Subject(ReportedFinding finding) => finding switch
    {
        { Container: { } container, Network: { } network } => $"container {container} on {network}",
        { Container: { } container } => $"container {container}",
        { Network: { } network } => $"network {network}",
        _ => "the host",
    };

    /// <summary>A time that people read, in UTC.</summary>
    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    /// <summary>How a cell is meant: <c>good</c>, <c>bad</c> or <c>doubt</c> as its check ended; <c>plain</c> if no check judges it, or nothing forbids what is open.</summary>
    public static string Tone(ReportedCell cell) => cell switch
    {
        { Level: AccessLevel.None } => "none",
        { Status: FindingStatus.Fail } => "bad",
        { Status: FindingStatus.Warning or FindingStatus.Error } or { Level: AccessLevel.Unknown } => "doubt",
        { Status: FindingStatus.Pass } or { Level: AccessLevel.Closed } => "good",
        _ => "plain",
    };
}
