using DockerNetHarden.Lab.Probing;

namespace DockerNetHarden.Lab.Tests.Hardening;

/// <summary>One line per packet: from, to, port, and what must happen to it.</summary>
internal static class LabExpect
{
    public static async Task ExpectAsync(this LabHost lab, Reach expected, string from, string to, int port, ProbeProtocol protocol = ProbeProtocol.Http, string? source = null)
    {
        var result = await lab.AskAsync(from, to, port, protocol, source: source);
        Assert.True(expected == result.Result, $"{from} -> {to}:{port} {protocol}: {result}, expected {expected}");
        if (expected == Reach.Refused)
            Assert.True(result.Milliseconds < 1000, $"{from} -> {to}:{port} {protocol} was refused, but only after {result.Milliseconds} ms");
    }
}
