using System.Diagnostics;
using DockerNetHarden.Core.Tests.Reports;
using DockerNetHarden.Reports;
using Microsoft.Playwright;

namespace DockerNetHarden.Browser.Tests;

/// <summary>Whether people can read the page: contrast, widths, and a fleet that is as large as they come.</summary>
public sealed class LooksTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    // WCAG 2.2, 1.4.3: the contrast of each text with what is behind it. Texts in pictures are on the picture's boxes, or on the page.
    private const string Contrasts = """
        () => {
            const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            const rgba = color => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
            const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
            const ratio = (a, b) => { const [x, y] = [light(a), light(b)].sort((one, other) => other - one); return (x + .05) / (y + .05); };
            const behind = element => {
                for (let each = element; each; each = each.parentElement) {
                    const color = rgba(getComputedStyle(each).backgroundColor);
                    if (color[3] === 255) return color;
                }
                return [255, 255, 255, 255];
            };
            const found = [];
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (texts.nextNode()) {
                const element = texts.currentNode.parentElement;
                if (texts.currentNode.textContent.trim() === '' || !element.checkVisibility({ visibilityProperty: true }) || element.closest('script, style, noscript, title, option')) continue;
                const style = getComputedStyle(element);
                const isDrawn = element instanceof SVGElement;
                const color = rgba(isDrawn ? style.fill : style.color);
                for (const back of isDrawn ? [behind(element.closest('figure')), rgba(getComputedStyle(element.ownerSVGElement.querySelector('rect')).fill)] : [behind(element)])
                    found.push({ ratio: ratio(color, back), size: parseFloat(style.fontSize), text: element.tagName + '.' + element.getAttribute('class') + ': ' + texts.currentNode.textContent.trim().slice(0, 40) });
            }
            return found;
        }
        """;

    private static readonly Lazy<byte[]> Fleet = new(() => ReportText.Render(Compared(), ReportFormat.Html));

    public sealed class Measured
    {
        public double Ratio { get; set; }

        public double Size { get; set; }

        public string Text { get; set; } = "";
    }

    [BrowserTheory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 1280)]
    [InlineData(ColorScheme.Light, 360)]
    [InlineData(ColorScheme.Dark, 360)]
    public async Task Each_text_has_a_contrast_of_4_5_at_least(ColorScheme scheme, int width)
    {
        await using var open = await browser.OpenAsync(Fleet.Value, width, scheme: scheme);
        await OpenAllAsync(open.Page);
        var found = await open.Page.EvaluateAsync<Measured[]>(Contrasts);
        Assert.True(found.Length > 500, $"Only {found.Length} texts were measured.");
        Assert.Empty(found.Where(text => text.Ratio < 4.5).Select(text => FormattableString.Invariant($"{text.Ratio:F2} {text.Text}")).Distinct().Take(20));
        Assert.Empty(found.Where(text => text.Size < 11).Select(text => FormattableString.Invariant($"{text.Size} px {text.Text}")).Distinct().Take(20));
    }

    [BrowserTheory]
    [InlineData(360)]
    [InlineData(768)]
    [InlineData(1920)]
    public async Task The_page_fits_its_width(int width)
    {
        await using var open = await browser.OpenAsync(Fleet.Value, width);
        await OpenAllAsync(open.Page);
        Assert.True(await open.Page.EvaluateAsync<bool>("document.scrollingElement.scrollWidth <= document.documentElement.clientWidth"), "The page scrolls sideways.");
        // What is wider than the page is in a box of its own that scrolls, and there only.
        Assert.Empty(await open.Page.EvaluateAsync<string[]>("""
            () => [...document.querySelectorAll('body *')].filter(each => each.checkVisibility() && !each.closest('.picture, .skip, .hidden, .unseen, thead') && each.getBoundingClientRect().right > innerWidth + 1)
                .map(each => each.tagName + '.' + each.getAttribute('class')).slice(0, 10)
            """));
    }

    [BrowserFact]
    public async Task A_fleet_of_200_hosts_with_20_networks_each_is_quick_to_use()
    {
        var html = ReportText.Render(ReportSamples.Large(200, 20), ReportFormat.Html);
        var watch = Stopwatch.StartNew();
        await using var open = await browser.OpenAsync(html);
        var page = open.Page;
        await Assertions.Expect(page.Locator("#shown")).ToContainTextAsync("200 of 200 hosts, 4000 networks");
        var loaded = watch.Elapsed;
        watch.Restart();
        await page.Locator("#host-199 > summary").ClickAsync();
        await Assertions.Expect(page.Locator("#host-199 .matrix tbody tr")).ToHaveCountAsync(20);
        var opened = watch.Elapsed;
        watch.Restart();
        await page.Locator("#by-host").FillAsync("web17.");
        await Assertions.Expect(page.Locator(".host:visible")).ToHaveCountAsync(1);
        var filtered = watch.Elapsed;
        Assert.True(loaded < TimeSpan.FromSeconds(8) && opened < TimeSpan.FromSeconds(4) && filtered < TimeSpan.FromSeconds(4), FormattableString.Invariant($"loaded in {loaded}, opened in {opened}, filtered in {filtered}"));
        Assert.Empty(open.Complaints);
    }

    private static async Task OpenAllAsync(IPage page)
    {
        await page.EvaluateAsync("document.querySelectorAll('.host').forEach(host => { host.open = true; })");
        await Assertions.Expect(page.Locator(".matrix")).ToHaveCountAsync(3);
        await page.EvaluateAsync("document.querySelectorAll('.folded').forEach(item => { item.open = true; }); document.querySelectorAll('tr .cell:last-child').forEach(cell => cell.click())");
        await page.EvaluateAsync("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))");
        await page.EvaluateAsync("document.querySelectorAll('.finding').forEach(item => { item.open = true; })");
        await Assertions.Expect(page.Locator(".finding > div:empty")).ToHaveCountAsync(0);
    }

    // Every tone, badge and counter that there is.
    private static HardeningReport Compared()
    {
        var open = ReportSamples.Of(ReportSamples.Recorded("28.5.2-before"), ReportSamples.Host(ReportSamples.Hardened()), ReportSamples.Recorded("29.7.2-nftables-after-export-loaded"), ReportBuilder.Unread("web9", "no route"));
        var before = open with { Hosts = [.. open.Hosts.Select(host => host with { Findings = [.. host.Findings.Where((_, number) => number % 2 == 0)] })] };
        return JsonReport.ReadBaseline(ReportText.Render(before, ReportFormat.Json)).Compare(open);
    }
}
