using System.Runtime.CompilerServices;
using DockerNetHarden.Analysis;
using DockerNetHarden.Audit;
using DockerNetHarden.Controls;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;
using DockerNetHarden.Planning;
using DockerNetHarden.Reports;
using DockerNetHarden.Shells;
using DockerNetHarden.Walking;
using Microsoft.Playwright;

namespace DockerNetHarden.Browser.Tests;

/// <summary>A test that needs Chromium and a real kernel, root and Docker.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LabBrowserFactAttribute : FactAttribute
{
    public LabBrowserFactAttribute([CallerMemberName] string test = "")
    {
        if ((Chromium.WhyMissing ?? LabHost.WhyUnavailable()) is { } reason)
            (DisplayName, Skip) = ($"{test} [skipped: {reason}]", reason);
    }
}

/// <summary>From the kernel to the pixel: three real hosts with ten networks, open and hardened, and what the page says of them.</summary>
public sealed class LabPageTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private const int Networks = 10;

    private static readonly string[] Names = ["web1", "web2", "web3"];

    [LabBrowserFact]
    public async Task The_page_says_of_three_hosts_with_ten_networks_what_their_packets_meet_open_and_hardened()
    {
        var labs = await Task.WhenAll(Names.Select(_ => LabHost.RaiseAsync(new LabOptions())));
        try
        {
            foreach (var lab in labs)
            {
                for (var number = (await NetworksAsync(lab)).Count; number < Networks; number++)
                    await lab.CreateNetworkAsync(FormattableString.Invariant($"net{number}"));
            }
            await using var first = Open(Names[0], labs[0]);
            await using var second = Open(Names[1], labs[1]);
            await using var third = Open(Names[2], labs[2]);
            DockerHost[] hosts = [first, second, third];

            await ExpectAsync(await ReadAsync(hosts), "open", labs, Reach.Open);
            var sink = new Sink();
            foreach (var host in hosts)
                await host.ApplyAsync(snapshot => Plan.From([.. new MetadataAccess().Rules(), .. new HostAccess().Rules()], snapshot, new PlanOptions()), sink, CancellationToken.None);
            Assert.Empty(sink.Failures);
            await ExpectAsync(await ReadAsync(hosts), "closed", labs, Reach.Refused);
        }
        finally
        {
            foreach (var lab in labs)
                await lab.DisposeAsync();
        }
    }

    private async Task ExpectAsync(HardeningReport report, string word, LabHost[] labs, Reach reach)
    {
        foreach (var lab in labs)
        {
            // In a network of the page, and asked of the kernel.
            Assert.Equal(reach, (await lab.AskAsync("a1", LabAddresses.Metadata, 80, ProbeProtocol.Http)).Result);
            Assert.Equal(reach, (await lab.AskAsync("a1", LabAddresses.Host, LabAddresses.HostHttpPort, ProbeProtocol.Http)).Result);
            Assert.Equal(Reach.Open, (await lab.AskAsync("a1", LabAddresses.Web, 80, ProbeProtocol.Http)).Result);
        }
        await using var open = await browser.OpenAsync(ReportText.Render(report, ReportFormat.Html));
        await Assertions.Expect(open.Page.Locator(".matrix tbody tr")).ToHaveCountAsync(3 * Networks);
        foreach (var (host, index) in report.Hosts.Select((host, index) => (host, index)))
        {
            Assert.Equal(Networks, host.Networks.Count);
            var cells = open.Page.Locator($"#host-{index} .cell");
            Assert.Equal(6 * Networks, await cells.CountAsync());
            Assert.Equal(
                host.Networks.SelectMany(network => network.Cells.Select(cell => host.Findings.SingleOrDefault(finding => finding.Id == cell.Finding && finding.Network == network.Name)?.Status == FindingStatus.Fail)),
                await open.Page.EvaluateAsync<bool[]>("index => [...document.querySelectorAll(`#host-${index} .cell`)].map(cell => cell.classList.contains('bad'))", index));
            foreach (var destination in new[] { "metadata", "host", "gateway" })
                Assert.All(await open.Page.Locator($"#host-{index} .cell[data-destination={destination}] span:not([class])").AllTextContentsAsync(), text => Assert.Equal($"{destination}: {word}", text));
            Assert.All(await open.Page.Locator($"#host-{index} .cell[data-destination=outside] span:not([class])").AllTextContentsAsync(), text => Assert.Equal("outside: open", text));
        }
        Assert.Empty(open.Complaints);
        Assert.Empty(open.Requests);
    }

    private static DockerHost Open(string name, LabHost lab) => DockerHost.Beside(new ProcessShell(name, lab.Shell[0], [.. lab.Shell.Skip(1), "/bin/sh"]), DockerEndpoint.Parse(lab.DockerHost));

    private static async Task<IReadOnlyList<string>> NetworksAsync(LabHost lab)
    {
        await using var host = Open("lab", lab);
        return [.. (await host.ReadAsync(CancellationToken.None)).Networks.Where(network => network.Bridge is not null).Select(network => network.Name)];
    }

    private static async Task<HardeningReport> ReadAsync(IEnumerable<DockerHost> hosts)
    {
        var read = new List<ReportedHost>();
        foreach (var host in hosts)
        {
            var audit = HardeningAudit.Run(new PacketWalk(await host.ReadWholeAsync(CancellationToken.None)));
            read.Add(ReportBuilder.Host(audit, [.. audit.Findings]));
        }
        return new HardeningReport { MadeAt = DateTimeOffset.UnixEpoch, Hosts = read };
    }

    private sealed class Sink : IFleetSink
    {
        public List<Exception> Failures { get; } = [];

        public void Failure(string host, Exception error) => Failures.Add(error);

        public void Warning(string host, string message)
        {
        }

        public void Trace(string host, string message)
        {
        }

        public Task<bool> ConfirmAsync(string host, Plan plan, CancellationToken stop) => Task.FromResult(true);
    }
}
