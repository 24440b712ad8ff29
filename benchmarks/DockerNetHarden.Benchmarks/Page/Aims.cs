namespace DockerNetHarden.Benchmarks;

/// <summary>All aims, in the order of the page.</summary>
internal static class Aims
{
    private static readonly (string Id, string Text)[] Backends = [("nft", "iptables-nft"), ("legacy", "iptables-legacy")];
    private static readonly (string Id, string Text)[] Protocols = [("udp", "64-byte UDP"), ("tcp", "TCP in 536-byte segments")];

    public static IReadOnlyList<Aim> All { get; } =
    [
        .. from protocol in Protocols from backend in Backends select Throughput(protocol, "out", "from a container to the outside", backend, 1, ""),
        .. from protocol in Protocols from backend in Backends select Throughput(protocol, "in", "from the outside to a published port", backend, 1, ""),
        .. from protocol in Protocols from backend in Backends select Throughput(protocol, "out", "outwards, with 10,000 blocked prefixes in an ipset as well", backend, 2, "-ipset"),
        new("rules-met", "Rules of ours that an ordinary outbound packet meets, all hooks together, whatever the number of networks", 20, "rules", static results => Max(results, "rules.met", Ours)),
        new("rules-met-growth", "The same: what it grows by from the smallest to the largest number of networks", 0, "rules", Growth),
        new("rules-total", "Rules of the four controls in both families, beyond 4 for each network", 60, "rules", static results => results.Series("rules.total").Select(static each => each.Values.Max() - (4 * each.X!.Value)).DefaultIfEmpty(double.NaN).Max()),
        Ratio("apply-first", "Apply on the host itself, first time, beside both saves and the restores by hand", 1.5, "apply.first", 1),
        Ratio("apply-unchanged", "Apply on the host itself, unchanged, beside both saves by hand", 1.5, "apply.unchanged", 1),
        Ratio("fleet-first", "Apply on 16 hosts over SSH, first time, beside `ssh host true`", 1.4, "fleet", 1),
        Ratio("fleet-unchanged", "Apply on 16 hosts over SSH, unchanged, beside `ssh host true`", 1.25, "fleet", 2),
        Over("import", "Import-Module, over an empty binary module", 20, "prompt.import", 1),
        Over("trace", "Trace-ContainerAccess on a host with four networks, over reading it", 60, "prompt.analysis", 1),
        Over("audit-live", "Get-DockerNetworkHardening on a host with four networks, over reading it", 60, "prompt.analysis", 2),
        new("audit", "Audit of 5,000 rules and 50 networks", 200, "ms", static results => results.Series("prompt.audit") is [var audit, ..] ? Statistics.Median(audit.Values) : double.NaN),
        Over("first-trace", "The first Trace-ContainerAccess in a session, over the second", 150, "prompt.calls.Trace-ContainerAccess", 1),
        Over("first-audit", "The first Get-DockerNetworkHardening in a session, over the second", 150, "prompt.calls.Get-DockerNetworkHardening", 1),
        Over("first-apply", "The first Invoke-FirewallRule in a session, over the second", 150, "prompt.calls.Invoke-FirewallRule", 1),
    ];

    private static Aim Throughput((string Id, string Text) protocol, string way, string what, (string Id, string Text) backend, int place, string more) =>
        Ratio($"throughput-{protocol.Id}-{way}-{backend.Id}{more}", $"{protocol.Text}, {what}, {backend.Text}", 0.95, $"throughput.{protocol.Id}.{way}.{backend.Id}", place) with { AtLeast = true };

    // The first of a series is the floor.
    private static Aim Ratio(string id, string text, double limit, string series, int place) =>
        new(id, text, limit, "", results => Pair(results, series, place) is var (value, floor) ? Statistics.Ratio(value, floor) : double.NaN);

    private static Aim Over(string id, string text, double limit, string series, int place) =>
        new(id, text, limit, "ms", results => Pair(results, series, place) is var (value, floor) ? Statistics.Over(value, floor) : double.NaN);

    private static (Measurement Value, Measurement Floor)? Pair(ResultsFile results, string series, int place) =>
        results.Series(series) is var found && found.Count > place ? (found[place], found[0]) : null;

    private static bool Ours(Measurement measurement) => !measurement.Name.StartsWith("Docker's", StringComparison.Ordinal);

    private static double Max(ResultsFile results, string series, Func<Measurement, bool> which) =>
        results.Series(series).Where(which).SelectMany(static each => each.Values).DefaultIfEmpty(double.NaN).Max();

    // Of each kind of packet: that the first of a connection meets more than the others is not growth.
    private static double Growth(ResultsFile results) => results.Series("rules.met").Where(Ours).GroupBy(static each => each.Name, StringComparer.Ordinal)
        .Select(static kind => kind.Max(static each => each.Values.Max()) - kind.Min(static each => each.Values.Min())).DefaultIfEmpty(double.NaN).Max();
}
