using DockerNetHarden.Analysis;
using DockerNetHarden.Core.Tests.Reports;
using DockerNetHarden.Reports;
using Microsoft.Playwright;

namespace DockerNetHarden.Browser.Tests;

/// <summary>The page of a report in a real browser.</summary>
public sealed class PageTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private static readonly Dictionary<AccessLevel, string> Words = new()
    {
        [AccessLevel.None] = "nothing there", [AccessLevel.Closed] = "closed", [AccessLevel.Limited] = "limited", [AccessLevel.Partly] = "partly open", [AccessLevel.Open] = "open", [AccessLevel.Unknown] = "unknown",
    };

    private static readonly Dictionary<FindingStatus, string> Statuses = new()
    {
        [FindingStatus.Pass] = "passes", [FindingStatus.Fail] = "fails", [FindingStatus.Warning] = "not certain", [FindingStatus.NotApplicable] = "does not apply", [FindingStatus.Error] = "not checked",
    };

    // An open host, a hardened one, one with nftables, and one whose names are markup.
    private static readonly Lazy<HardeningReport> Fleet = new(() => ReportSamples.Of(
        ReportSamples.Recorded("28.5.2-before"), ReportSamples.Host(ReportSamples.Hardened()), ReportSamples.Recorded("29.7.2-nftables-after-export-loaded"), ReportSamples.Host(ReportSamples.HostileHost()), ReportBuilder.Unread("web9", "no route")));

    private static byte[] Html(HardeningReport report) => ReportText.Render(report, ReportFormat.Html);

    private static byte[] Html(int host) => Html(ReportSamples.Of(Fleet.Value.Hosts[host]));

    [BrowserTheory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Each_cell_equals_its_finding_and_opens_the_rule_that_decides(int number)
    {
        await using var open = await browser.OpenAsync(Html(number));
        var host = Fleet.Value.Hosts[number];
        var rows = open.Page.Locator(".matrix tbody tr:not(.panel)");
        Assert.Equal(host.Networks.Count, await rows.CountAsync());
        foreach (var (network, row) in host.Networks.Zip(await rows.AllAsync()))
        {
            Assert.Equal(network.Name, await row.GetAttributeAsync("data-network"));
            var buttons = await row.Locator("button.cell").AllAsync();
            Assert.Equal(network.Cells.Count, buttons.Count);
            foreach (var (cell, button) in network.Cells.Zip(buttons))
            {
                var finding = host.Findings.SingleOrDefault(each => each.Id == cell.Finding && each.Network == network.Name && each.Container is null);
                var destination = cell.Destination.ToString().ToLowerInvariant();
                Assert.Equal(destination, await button.GetAttributeAsync("data-destination"));
                Assert.Equal($"{destination}: {Words[cell.Level]}{(finding is null ? "" : $", {finding.Id} {Statuses[finding.Status]}")}", await button.TextContentAsync());
                Assert.Equal(finding?.Status == FindingStatus.Fail, (await button.GetAttributeAsync("class"))!.Split(' ').Contains("bad"));
            }
            // All cells of one row; it is the same code for each of them.
            await buttons[0].ClickAsync();
            var panel = await open.Page.Locator("tr.panel").TextContentAsync();
            Assert.All(network.Cells[0].Ways, way =>
            {
                Assert.Contains(way.Packets, panel, StringComparison.Ordinal);
                Assert.Contains(way.Reason, panel, StringComparison.Ordinal);
                Assert.Contains(way.Rule ?? "", panel, StringComparison.Ordinal);
                Assert.All(way.Path, step => Assert.Contains(step, panel, StringComparison.Ordinal));
            });
            await buttons[0].ClickAsync();
        }
        Assert.Equal(host.Findings.Count(finding => finding.IsOpen), await open.Page.Locator(".finding").CountAsync());
        Assert.Empty(open.Complaints);
        Assert.Empty(open.Requests);
    }

    [BrowserFact]
    public async Task Everything_that_can_be_opened_opens_without_a_word_or_a_request()
    {
        await using var open = await browser.OpenAsync(Html(Fleet.Value));
        var page = open.Page;
        await page.EvaluateAsync("document.querySelectorAll('.host').forEach(host => { host.open = true; })");
        await Assertions.Expect(page.Locator(".matrix")).ToHaveCountAsync(4);
        await page.EvaluateAsync("document.querySelectorAll('.folded').forEach(item => { item.open = true; })");
        await Assertions.Expect(page.Locator(".finding")).ToHaveCountAsync(Fleet.Value.Hosts.Sum(host => host.Findings.Count));
        await page.EvaluateAsync("document.querySelectorAll('.finding').forEach(item => { item.open = true; }); document.querySelectorAll('.cell').forEach(cell => cell.click())");
        await Assertions.Expect(page.Locator(".finding > div:empty")).ToHaveCountAsync(0);
        // Markup in a name would have become an element, or a dialog.
        Assert.Equal(2, await page.Locator("script").CountAsync());
        Assert.Contains(ReportSamples.Hostile, await page.Locator("#host-3").TextContentAsync(), StringComparison.Ordinal);
        Assert.Contains(ReportSamples.Hostile, await page.Locator("#host-3 .matrix").TextContentAsync(), StringComparison.Ordinal);
        Assert.Contains("no route", await page.Locator("#host-4").TextContentAsync(), StringComparison.Ordinal);
        Assert.Empty(open.Complaints);
        Assert.Empty(open.Requests);
    }

    [BrowserFact]
    public async Task The_policy_refuses_what_the_page_does_not_hold()
    {
        await using var open = await browser.OpenAsync(Html(0));
        var ran = await open.Page.EvaluateAsync<bool>("""
            () => {
                const script = document.createElement('script');
                script.textContent = 'window.ran = true';
                document.body.append(script);
                const picture = new Image();
                picture.src = 'http://127.0.0.1:9/x.png';
                document.body.append(picture);
                return window.ran === true;
            }
            """);
        Assert.False(ran);
        await Assertions.Expect(open.Page.Locator("img")).ToHaveCountAsync(1);
        Assert.Contains(open.Complaints, complaint => complaint.Contains("Content Security Policy", StringComparison.Ordinal));
    }

    [BrowserFact]
    public async Task The_keyboard_alone_opens_a_cell_a_finding_and_the_filter()
    {
        await using var open = await browser.OpenAsync(Html(0));
        var page = open.Page;
        await TabToAsync(page, "document.activeElement.id === 'by-network'");
        await page.Keyboard.TypeAsync("plain");
        await Assertions.Expect(page.Locator(".matrix tbody tr")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator("#shown")).ToContainTextAsync("1 of 1 hosts, 1 networks");

        await TabToAsync(page, "document.activeElement.matches('.cell')");
        await page.Keyboard.PressAsync("Enter");
        var cell = page.Locator(".cell[aria-expanded=true]");
        await Assertions.Expect(cell).ToHaveCountAsync(1);
        Assert.Equal(await page.Locator("tr.panel").GetAttributeAsync("id"), await cell.GetAttributeAsync("aria-controls"));
        await page.Keyboard.PressAsync("Space");
        await Assertions.Expect(page.Locator("tr.panel")).ToHaveCountAsync(0);

        await TabToAsync(page, "document.activeElement.matches('.finding > summary')");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".finding[open] .evidence, .finding[open] > div > p").First).ToBeVisibleAsync();
        await TabToAsync(page, "document.activeElement.matches('.copy')");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".finding[open] .copy").First).Not.ToHaveTextAsync("Copy");

        await page.Locator("#by-status").FocusAsync();
        await page.Keyboard.TypeAsync("passes");
        await Assertions.Expect(page.Locator(".finding:not([data-status='0'])")).ToHaveCountAsync(0);
        await Assertions.Expect(page.Locator(".finding")).Not.ToHaveCountAsync(0);
        Assert.Empty(open.Complaints);
    }

    [BrowserFact]
    public async Task A_filter_leaves_what_it_names()
    {
        await using var open = await browser.OpenAsync(Html(Fleet.Value));
        var page = open.Page;
        await page.Locator("#by-host").FillAsync("web9");
        await Assertions.Expect(page.Locator(".host:visible")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Button, new() { Name = "Show everything" }).ClickAsync();
        await Assertions.Expect(page.Locator(".host:visible")).ToHaveCountAsync(5);
        await page.Locator("#by-network").FillAsync("noicc");
        await Assertions.Expect(page.Locator(".host:visible")).ToHaveCountAsync(2);
        await page.GetByRole(AriaRole.Button, new() { Name = "Show everything" }).ClickAsync();
        await page.Locator("#by-status").SelectOptionAsync(new SelectOptionValue { Label = "fails" });
        await Assertions.Expect(page.Locator("#shown")).ToContainTextAsync($" {Fleet.Value.Counters.Fail} findings shown");
        Assert.Empty(open.Complaints);
    }

    [BrowserFact]
    public async Task A_screen_reader_finds_tables_names_and_states()
    {
        await using var open = await browser.OpenAsync(Html(0), width: 360);
        var page = open.Page;
        Assert.Equal(Fleet.Value.Hosts[0].Networks.Count, await page.GetByRole(AriaRole.Rowheader).CountAsync());
        await Assertions.Expect(page.GetByRole(AriaRole.Table)).ToHaveCountAsync(1);
        await Assertions.Expect(page.GetByRole(AriaRole.Row, new() { Name = "plain" }).GetByRole(AriaRole.Button, new() { Expanded = false })).ToHaveCountAsync(6);
        await Assertions.Expect(page.GetByRole(AriaRole.Img)).ToHaveCountAsync(1);
        Assert.Contains("plain reaches metadata", await page.GetByRole(AriaRole.Img).Locator("title").TextContentAsync(), StringComparison.Ordinal);
        await Assertions.Expect(page.GetByRole(AriaRole.Search)).ToHaveCountAsync(1);
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveCountAsync(1);
        Assert.Equal("en", await page.Locator("html").GetAttributeAsync("lang"));
    }

    [BrowserFact]
    public async Task Paper_gets_the_details_and_not_the_filter()
    {
        await using var open = await browser.OpenAsync(Html(0));
        var page = open.Page;
        await page.EmulateMediaAsync(new PageEmulateMediaOptions { Media = Media.Print });
        await page.EvaluateAsync("dispatchEvent(new Event('beforeprint'))");
        Assert.False(await page.Locator("#filter").IsVisibleAsync());
        var shown = Fleet.Value.Hosts[0].Findings.Count(finding => finding.IsOpen);
        await Assertions.Expect(page.Locator(".finding[open]")).ToHaveCountAsync(shown);
        await Assertions.Expect(page.Locator(".finding[open] > div:empty")).ToHaveCountAsync(0);
        await page.EvaluateAsync("dispatchEvent(new Event('afterprint'))");
        await Assertions.Expect(page.Locator(".finding[open]")).ToHaveCountAsync(0);
    }

    private static async Task TabToAsync(IPage page, string isThere)
    {
        for (var presses = 0; presses < 200; presses++)
        {
            if (await page.EvaluateAsync<bool>(isThere))
                return;
            await page.Keyboard.PressAsync("Tab");
        }
        Assert.Fail($"No press of Tab leads to: {isThere}");
    }
}
