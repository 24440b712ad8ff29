using System.Globalization;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Demo;

/// <summary>What a check should result in once the host is hardened.</summary>
internal enum Expectation
{
    Blocked,
    Open,
    Limited,
}

/// <summary>One line of the demo's table: who asks for what, and what hardening should make of it.</summary>
internal sealed record DemoCheck(string What, string From, string To, int Port, ProbeProtocol Protocol, Expectation Hardened, int Count = 1)
{
    public static IReadOnlyList<DemoCheck> For(LabHost lab, LabContainer onDefaultBridge)
    {
        const string Asker = "c0";
        return
        [
            new("cloud metadata", Asker, LabAddresses.Metadata, 80, ProbeProtocol.Http, Expectation.Blocked),
            new("cloud metadata, from a user network", "a1", LabAddresses.Metadata, 80, ProbeProtocol.Http, Expectation.Blocked),
            new("Azure's WireServer", Asker, LabAddresses.WireServer, 80, ProbeProtocol.Http, Expectation.Blocked),
            new("a service on the host", Asker, LabAddresses.Host, LabAddresses.HostHttpPort, ProbeProtocol.Http, Expectation.Blocked),
            new("the same by the bridge's gateway", Asker, onDefaultBridge.Gateway, LabAddresses.HostHttpPort, ProbeProtocol.Http, Expectation.Blocked),
            new("the same by IPv6 link-local", Asker, lab.LinkLocal("docker0"), LabAddresses.HostHttpPort, ProbeProtocol.Http, Expectation.Blocked),
            new("the host's resolver", Asker, LabAddresses.Host, 53, ProbeProtocol.Dns, Expectation.Open),
            new("an internal host", Asker, LabAddresses.Internal, 80, ProbeProtocol.Http, Expectation.Blocked),
            new("a neighbour of the host", Asker, LabAddresses.NeighbourSecond, 80, ProbeProtocol.Http, Expectation.Blocked),
            new("the web outside", Asker, LabAddresses.Web, 80, ProbeProtocol.Http, Expectation.Open),
            new("a burst of mail", Asker, LabAddresses.Web, 25, ProbeProtocol.Tcp, Expectation.Limited, 20),
        ];
    }

    public async Task<DemoResult> RunAsync(LabHost lab, CancellationToken stop)
    {
        if (Count == 1)
        {
            var result = await lab.AskAsync(From, To, Port, Protocol, stop: stop).ConfigureAwait(false);
            return new DemoResult(result.IsOpen ? 1 : 0, 1, result.Result.ToString());
        }
        var burst = await lab.BurstAsync(From, To, Port, Count, Count, Protocol, stop: stop).ConfigureAwait(false);
        return new DemoResult(burst.Open, Count, string.Create(CultureInfo.InvariantCulture, $"{burst.Open} of {Count}"));
    }

    /// <summary>Whether the result after hardening is what hardening promises.</summary>
    public bool IsAsPromised(DemoResult result) => Hardened switch
    {
        Expectation.Blocked => result.Open == 0,
        Expectation.Open => result.Open == result.Count,
        _ => result.Open > 0 && result.Open < result.Count,
    };
}

internal sealed record DemoResult(int Open, int Count, string Text);
