using System.Globalization;
using System.Security;
using System.Text;

namespace DockerNetHarden.Benchmarks;

/// <summary>A point of a plot: the median, and a bar from the lowest to the highest value.</summary>
internal sealed record PlotPoint(double X, double Median, double Lowest, double Highest);

/// <summary>A line of a plot.</summary>
internal sealed record PlotLine(string Name, IReadOnlyList<PlotPoint> Points);

/// <summary>
/// A drawing with two axes as SVG, which follows the reader's light or dark theme. Both axes are logarithmic, unless the horizontal one has categories: then the
/// vertical one is linear and begins at zero.
/// </summary>
internal sealed record Plot(string Title, string Description, string Horizontal, string Vertical, IReadOnlyList<PlotLine> Lines)
{
    private const double Left = 78;
    private const double Right = 20;
    private const double Top = 46;
    private const double Width = 760;
    private const double Height = 300;
    private const double RowHeight = 20;

    // Readable on both backgrounds, and apart for people who see few colours (Okabe and Ito).
    private static readonly string[] Colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

    /// <summary>The categories of the horizontal axis; points have their number as X. None for a logarithmic axis.</summary>
    public IReadOnlyList<string> Categories { get; init; } = [];

    /// <summary>A horizontal line that marks an aim.</summary>
    public double? Limit { get; init; }

    public string Svg()
    {
        var categories = Categories.Count > 0;
        var points = Lines.SelectMany(static line => line.Points).ToList();
        if (points.Count == 0)
            throw new InvalidOperationException($"The plot '{Title}' has no points.");
        var x = categories ? Scale.Linear(-0.5, Categories.Count - 0.5, Left, Width - Right) : Scale.Logarithmic(points.Min(static point => point.X), points.Max(static point => point.X), Left + 12, Width - Right - 12);
        var bottom = Top + Height;
        var y = categories ? Scale.Linear(0, 1.05 * Math.Max(points.Max(static point => point.Highest), Limit ?? 0), bottom, Top) : Scale.Logarithmic(points.Min(static point => point.Lowest), points.Max(static point => point.Highest), bottom - 8, Top + 8);
        var drawing = new StringBuilder();
        foreach (var tick in y.Ticks)
            Add($"""<line class="grid" x1="{Left}" x2="{Width - Right}" y1="{y.At(tick):0.0}" y2="{y.At(tick):0.0}"/><text x="{Left - 8}" y="{y.At(tick) + 4:0.0}" text-anchor="end">{Tick(tick)}</text>""");
        if (categories)
        {
            for (var number = 0; number < Categories.Count; number++)
            {
                foreach (var (part, row) in Categories[number].Split('\n').Select(static (part, row) => (part, row)))
                    Add($"""<text x="{x.At(number):0.0}" y="{bottom + 18 + (14 * row):0.0}" text-anchor="middle">{Text(part)}</text>""");
            }
        }
        else
        {
            foreach (var tick in x.Ticks)
                Add($"""<line class="grid" x1="{x.At(tick):0.0}" x2="{x.At(tick):0.0}" y1="{Top}" y2="{bottom}"/><text x="{x.At(tick):0.0}" y="{bottom + 18:0.0}" text-anchor="middle">{Tick(tick)}</text>""");
        }
        Add($"""<path class="axis" d="M{Left} {Top}V{bottom}H{Width - Right}"/>""");
        if (Limit is { } limit)
            Add($"""<line class="limit" x1="{Left}" x2="{Width - Right}" y1="{y.At(limit):0.0}" y2="{y.At(limit):0.0}"/>""");
        foreach (var (line, number) in Lines.Select(static (line, number) => (line, number)))
            Draw(line, number);
        var legend = bottom + (categories ? 66 : 58);
        foreach (var (line, number) in Lines.Select(static (line, number) => (line, number)))
            Add($"""<circle cx="{Left + 6}" cy="{legend + (RowHeight * number) - 4:0.0}" r="4" fill="{Colours[number % Colours.Length]}"/><text x="{Left + 18}" y="{legend + (RowHeight * number):0.0}">{Text(line.Name)}</text>""");
        var height = legend + (RowHeight * Lines.Count);
        return string.Create(CultureInfo.InvariantCulture, $$"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{Width}} {{height:0}}" width="{{Width}}" height="{{height:0}}" role="img" aria-labelledby="title desc" font-family="system-ui, sans-serif" font-size="13">
            <title id="title">{{Text(Title)}}</title>
            <desc id="desc">{{Text(Description)}}</desc>
            <style>
            text { fill: #1f2328 } .back { fill: #ffffff } .grid { stroke: #d1d9e0 } .axis { stroke: #59636e; fill: none } .limit { stroke: #cf222e; stroke-dasharray: 6 4; stroke-width: 1.5 }
            @media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .back { fill: #0d1117 } .grid { stroke: #3d444d } .axis { stroke: #9198a1 } .limit { stroke: #ff7b72 } }
            </style>
            <rect class="back" width="100%" height="100%"/>
            <text x="{{Left}}" y="22" font-size="15" font-weight="600">{{Text(Title)}}</text>
            <text x="{{(Left + Width - Right) / 2}}" y="{{bottom + (categories ? 0 : 36)}}" text-anchor="middle">{{Text(categories ? "" : Horizontal)}}</text>
            <text transform="translate(16 {{(Top + bottom) / 2}}) rotate(-90)" text-anchor="middle">{{Text(Vertical)}}</text>

            """) + drawing + "</svg>\n";

        void Draw(PlotLine line, int number)
        {
            var colour = Colours[number % Colours.Length];
            // Side by side within a category.
            double Place(PlotPoint point) => x.At(point.X) + (categories ? 14 * (number - ((Lines.Count - 1) / 2.0)) : 0);
            if (!categories)
                Add($"""<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{string.Join(' ', line.Points.Select(point => string.Create(CultureInfo.InvariantCulture, $"{Place(point):0.0},{y.At(point.Median):0.0}")))}"/>""");
            foreach (var point in line.Points)
                Add($"""<line stroke="{colour}" stroke-width="2" x1="{Place(point):0.0}" x2="{Place(point):0.0}" y1="{y.At(point.Lowest):0.0}" y2="{y.At(point.Highest):0.0}"/><circle cx="{Place(point):0.0}" cy="{y.At(point.Median):0.0}" r="4" fill="{colour}"/>""");
        }

        void Add(FormattableString text) => drawing.Append(text.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Text(string text) => SecurityElement.Escape(text);

    private static string Tick(double value) => value >= 1_000_000 ? (value / 1_000_000).ToString("0.##", CultureInfo.InvariantCulture) + " M"
        : value >= 10_000 ? (value / 1000).ToString("0.##", CultureInfo.InvariantCulture) + " k" : value.ToString("0.####", CultureInfo.InvariantCulture);
}

/// <summary>An axis: where a value stands, and which values are labelled.</summary>
internal sealed class Scale
{
    private readonly Func<double, double> form;
    private readonly (double From, double To) values;
    private readonly (double From, double To) places;

    private Scale(Func<double, double> form, (double From, double To) values, (double From, double To) places, IReadOnlyList<double> ticks) =>
        (this.form, this.values, this.places, Ticks) = (form, (form(values.From), form(values.To)), places, ticks);

    public IReadOnlyList<double> Ticks { get; }

    public double At(double value) => places.From + ((form(value) - values.From) / (values.To - values.From) * (places.To - places.From));

    public static Scale Linear(double lowest, double highest, double from, double to)
    {
        var step = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(highest - lowest, 1e-9) / 2)));
        while ((highest - lowest) / step > 8)
            step *= 2;
        var first = Math.Ceiling(lowest / step);
        return new Scale(static value => value, (lowest, highest), (from, to), [.. Enumerable.Range(0, 1 + (int)((highest / step) - first)).Select(number => (first + number) * step)]);
    }

    /// <summary>From the largest power of ten below to the smallest above, if that is near; labelled at 1, 2 and 5 if the axis is short.</summary>
    public static Scale Logarithmic(double lowest, double highest, double from, double to)
    {
        // What took no time at all cannot stand on a logarithmic axis.
        lowest = Math.Max(lowest, 1e-3);
        highest = Math.Max(highest, lowest * 2);
        var all = Enumerable.Range(-3, 16).SelectMany(static power => (double[])[Math.Pow(10, power), 2 * Math.Pow(10, power), 5 * Math.Pow(10, power)]).ToList();
        var ticks = all.Where(tick => tick >= lowest * 0.999 && tick <= highest * 1.001).ToList();
        if (ticks.Count > 9)
            ticks = ticks.FindAll(static tick => Math.Abs(Math.Log10(tick) - Math.Round(Math.Log10(tick))) < 1e-9);
        return new Scale(value => Math.Log10(Math.Max(value, 1e-3)), (lowest, highest), (from, to), ticks);
    }
}
