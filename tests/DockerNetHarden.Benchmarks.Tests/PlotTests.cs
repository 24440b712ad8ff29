using System.Globalization;
using System.Xml.Linq;

namespace DockerNetHarden.Benchmarks.Tests;

public sealed class PlotTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    private static XElement Draw(params PlotLine[] lines) => XDocument.Parse(new Plot("Title & <more>", "Words", "networks", "ms", lines).Svg()).Root!;

    // The points of the lines; the others are those of the legend.
    private static List<(double X, double Y)> Points(XElement drawing, int lines) =>
        [.. drawing.Elements(Svg + "circle").Select(static circle => (Number(circle, "cx"), Number(circle, "cy"))).SkipLast(lines)];

    private static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);

    [Fact]
    public void A_plot_has_title_and_description_and_both_themes()
    {
        var drawing = Draw(new PlotLine("a", [new(1, 1, 1, 1), new(10, 10, 10, 10)]));
        Assert.Equal("Title & <more>", drawing.Element(Svg + "title")!.Value);
        Assert.Equal("Words", drawing.Element(Svg + "desc")!.Value);
        Assert.Contains("prefers-color-scheme: dark", drawing.Element(Svg + "style")!.Value, StringComparison.Ordinal);
    }

    [Fact]
    public void Powers_of_ten_are_equally_far_apart_on_both_axes()
    {
        var points = Points(Draw(new PlotLine("a", [new(1, 5, 5, 5), new(10, 50, 50, 50), new(100, 500, 500, 500)])), 1);
        Assert.Equal(points[1].X - points[0].X, points[2].X - points[1].X, 0.2);
        Assert.Equal(points[1].Y - points[0].Y, points[2].Y - points[1].Y, 0.2);
        Assert.True(points[1].X > points[0].X && points[1].Y < points[0].Y, "More is to the right and above.");
    }

    [Fact]
    public void Bars_go_from_the_lowest_to_the_highest_value()
    {
        var drawing = Draw(new PlotLine("a", [new(1, 10, 10, 10), new(10, 20, 5, 40), new(100, 10, 10, 10)]));
        var bar = drawing.Elements(Svg + "line").Where(static line => line.Attribute("stroke-width") is not null).ElementAt(1);
        var middle = Points(drawing, 1)[1];
        Assert.True(Number(bar, "y1") > middle.Y && Number(bar, "y2") < middle.Y);
    }

    [Fact]
    public void The_axes_are_labelled_with_round_numbers()
    {
        var labels = Draw(new PlotLine("a", [new(2, 1, 1, 1), new(10_000, 3000, 3000, 3000)])).Elements(Svg + "text").Select(static text => text.Value).ToList();
        Assert.Contains("10", labels);
        Assert.Contains("1000", labels);
        Assert.Contains("10 k", labels);
        Assert.Contains("networks", labels);
        Assert.Contains("ms", labels);
    }

    [Fact]
    public void Categories_stand_on_a_linear_axis_with_a_line_at_the_aim()
    {
        var drawing = XDocument.Parse(new Plot("T", "D", "", "share", [new PlotLine("a", [new(0, 1, 1, 1), new(1, 0.5, 0.5, 0.5)])]) { Categories = ["UDP\nout", "TCP\nout"], Limit = 0.75 }.Svg()).Root!;
        var points = Points(drawing, 1);
        var aim = Number(drawing.Elements(Svg + "line").Single(static line => line.Attribute("class")?.Value == "limit"), "y1");
        Assert.Equal((points[0].Y + points[1].Y) / 2, aim, 0.2);
        Assert.Contains("UDP", drawing.Elements(Svg + "text").Select(static text => text.Value));
    }

    [Fact]
    public void Every_point_lies_within_the_drawing()
    {
        var drawing = Draw(new PlotLine("a", [new(1, 0, 0, 0.5), new(7, 123_456, 1, 1e6)]), new PlotLine("b", [new(3, 2, 2, 2)]));
        Assert.All(Points(drawing, 2), static point => Assert.True(point is { X: > 0 and < 760, Y: > 0 and < 360 }, point.ToString()));
    }

    [Fact]
    public void Throughput_is_drawn_as_the_share_of_each_pair()
    {
        var plots = Plots.Of(Example.Results(Example.Of("throughput.udp.out.nft", "without rules", 100, 200), Example.Of("throughput.udp.out.nft", "four controls", 90, 180)));
        Assert.Contains("UDP to the outside, iptables-nft, four controls: 0.90.", plots[Plots.Throughput], StringComparison.Ordinal);
    }
}
