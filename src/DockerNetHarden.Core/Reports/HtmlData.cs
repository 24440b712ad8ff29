using System.Globalization;
using System.Text.Json;
using DockerNetHarden.Analysis;
using DockerNetHarden.Matching;

namespace DockerNetHarden.Reports;

/// <summary>
/// The details of a page as compact JSON. Every text, way, cell and finding is written once and named by its number afterwards; what differs between two networks only by the network's own name,
/// bridge and addresses is written once too, with a control character in the place of each (<see cref="Own"/>). No text of a report holds control characters of its own. The page's script is the
/// only reader, and puts the values back.
/// </summary>
internal sealed class HtmlData
{
    // The first control characters: tab and newline, which a remedy has, come after them.
    private const int MostOwn = 8;
    private const int ShortestOwn = 4;

    private readonly Pool _texts = new();
    private readonly Pool _ways = new();
    private readonly Pool _cells = new();
    private readonly Pool _findings = new();

    public static string Of(HardeningReport report)
    {
        var data = new HtmlData();
        var hosts = report.Hosts.Select(data.Host).ToList();
        // < and & are escaped in it, so that nothing in a text can end the element that holds it.
        return $"{{\"words\":{Words()},\"texts\":{data._texts},\"ways\":{data._ways},\"cells\":{data._cells},\"findings\":{data._findings},\"hosts\":[{string.Join(',', hosts)}]}}";
    }

    private static string Words() => $"{{{string.Join(',',
    [
        Entry("destinations", ReportWords.Destinations.Select(ReportWords.Of)), Entry("levels", Enum.GetValues<AccessLevel>().Select(ReportWords.Of)), Entry("statuses", Enum.GetValues<FindingStatus>().Select(ReportWords.Of)),
        Entry("severities", Enum.GetNames<Severity>()), Entry("verdicts", Enum.GetValues<Verdict>().Select(ReportWords.Of)), Entry("changes", Enum.GetValues<FindingChange>().Select(ReportWords.Of)),
    ])}}}";

    private static string Entry(string name, IEnumerable<string> words) => $"{Quoted(name)}:[{string.Join(',', words.Select(Quoted))}]";

    private string Host(ReportedHost host)
    {
        // Networks of one name share their findings, which stand with the first of them.
        var first = host.Networks.GroupBy(network => network.Name, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        var findings = host.Findings.ToLookup(finding => finding.Network is { } name && first.TryGetValue(name, out var network) ? network : null);
        var networks = host.Networks.Select(network => Network(network, findings[network]));
        var others = findings[null].Select(finding => List(Finding(finding, []), Text(finding.Network, [])));
        return List(Text(host.Name, []), Text(host.Problem, []), List([.. networks]), List([.. host.Containers.Select(Container)]), List([.. others]));
    }

    private string Network(ReportedNetwork network, IEnumerable<ReportedFinding> findings)
    {
        var own = Own(network);
        return List(List([.. own.Select(value => Text(value, []))]), Text(network.Name, []), Text(string.Join(", ", network.Subnets.Prepend(network.Bridge)), own), Flag(network.Internal), Text(network.Profile, []),
            List([.. network.Cells.Select(cell => Cell(cell, own))]), List([.. findings.Select(finding => Finding(finding, own))]));
    }

    private static IReadOnlyList<string> Own(ReportedNetwork network) =>
        [.. new[] { network.Name, network.Bridge }.Concat(network.Subnets).Concat(network.Gateways).Where(value => value.Length >= ShortestOwn).Distinct(StringComparer.Ordinal).Take(MostOwn)];

    private string Container(ReportedContainer container) => List(Text(container.Name, []), Text(container.Image, []), Texts(container.Networks, []), Texts(container.Ports, []));

    private string Cell(ReportedCell cell, IReadOnlyList<string> own) => Number(_cells.Add(List(
        Number((int)cell.Destination), Number((int)cell.Level), Quoted(ReportWords.Tone(cell)), Text(cell.Finding, []), Number(cell.Status is { } status ? (int)status : -1), List([.. cell.Ways.Select(way => Way(way, own))]), Number(cell.More))));

    private string Way(ReportedWay way, IReadOnlyList<string> own) => Number(_ways.Add(List(
        Number((int)way.Verdict), Text(way.Packets, own), Flag(way.Excepted), Text(way.Place, own), Text(way.Rule, own), Text(way.Reason, own), Texts(way.Path, own), Text(way.NewDestination, own))));

    private string Finding(ReportedFinding finding, IReadOnlyList<string> own) => Number(_findings.Add(List(
        Text(finding.Id, []), Text(finding.Title, []), Number((int)finding.Severity), Number((int)finding.Status), Texts(finding.Evidence, own), Text(finding.Remedy, own), Text(finding.CisItem, []),
        Number(finding.Change is { } change ? (int)change : -1), Text(finding.Container, []))));

    private string Texts(IEnumerable<string> texts, IReadOnlyList<string> own) => List([.. texts.Select(text => Text(text, own))]);

    private string Text(string? text, IReadOnlyList<string> own) => Number(text is null ? -1 : _texts.Add(Quoted(Without(text, own))));

    // The longest first, because a bridge is often called after its network.
    private static string Without(string text, IReadOnlyList<string> own)
    {
        foreach (var (value, place) in own.Select((value, place) => (value, place)).OrderByDescending(pair => pair.value.Length))
            text = text.Replace(value, ((char)(place + 1)).ToString(), StringComparison.Ordinal);
        return text;
    }

    private static string List(params IReadOnlyList<string> items) => $"[{string.Join(',', items)}]";

    private static string Flag(bool flag) => flag ? "1" : "0";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text)}\"";

    // Values that are written once, in the order in which they came.
    private sealed class Pool
    {
        private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);

        public int Add(string value)
        {
            if (!_places.TryGetValue(value, out var place))
                _places.Add(value, place = _places.Count);
            return place;
        }

        public override string ToString() => $"[{string.Join(',', _places.OrderBy(pair => pair.Value).Select(pair => pair.Key))}]";
    }
}
