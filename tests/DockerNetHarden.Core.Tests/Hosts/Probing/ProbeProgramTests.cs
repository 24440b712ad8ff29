using System.Runtime.Versioning;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Hosts.Probing;
using DockerNetHarden.Matching;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts.Probing;

public sealed class ProbeProgramTests
{
    private static readonly Cidr Somewhere = Cidr.Parse("192.0.2.7");

    [Theory]
    [InlineData("0 bash 0 ", ProbeOutcome.Connected)]
    [InlineData("0 bash 124 ", ProbeOutcome.TimedOut)]
    [InlineData("0 bash 1 192.0.2.7: line 1: connect: Connection refused 192.0.2.7: line 1: /dev/tcp/192.0.2.7/80: Connection refused", ProbeOutcome.Refused)]
    [InlineData("0 bash 1 192.0.2.7: connect: No route to host", ProbeOutcome.Unreachable)]
    [InlineData("0 bash 1 192.0.2.7: connect: Network is unreachable", ProbeOutcome.Unreachable)]
    [InlineData("0 bash 1 nsenter: cannot open /proc/9/ns/net: Permission denied", ProbeOutcome.Failed)]
    [InlineData("0 bash 1 sudo: a password is required", ProbeOutcome.Failed)]
    [InlineData("0 nc 0 Connection to 192.0.2.7 80 port [tcp/*] succeeded!", ProbeOutcome.Connected)]
    [InlineData("0 nc 1 nc: connect to 192.0.2.7 port 80 (tcp) failed: Connection refused", ProbeOutcome.Refused)]
    [InlineData("0 nc 1 nc: connect to 192.0.2.7 port 80 (tcp) timed out: Operation now in progress", ProbeOutcome.TimedOut)]
    [InlineData("0 nc 1 Ncat: TIMEOUT.", ProbeOutcome.TimedOut)]
    [InlineData("0 nc 1 nc: unrecognized option: z", ProbeOutcome.Failed)]
    [InlineData("0 curl 28  connected=0.000214", ProbeOutcome.Connected)]
    [InlineData("0 curl 28 curl: (28) Connection timed out after 2001 milliseconds connected=0.000000", ProbeOutcome.TimedOut)]
    [InlineData("0 curl 7 curl: (7) Failed to connect connected=0.000000", ProbeOutcome.Refused)]
    [InlineData("0 curl 1 curl: (1) Protocol telnet not supported connected=0.000000", ProbeOutcome.Failed)]
    [InlineData("0 noroute 1 ", ProbeOutcome.NoRoute)]
    [InlineData("0 gone 0 ", ProbeOutcome.NoContainer)]
    [InlineData("", ProbeOutcome.Failed)]
    [InlineData("1 bash 0 ", ProbeOutcome.Failed)]
    public void What_a_tool_said_is_an_outcome(string line, ProbeOutcome outcome) =>
        Assert.Equal(outcome, Assert.Single(ProbeProgram.Read(Section(0, line + "\n"), 1)).Outcome);

    [Fact]
    public void Answers_belong_to_their_probes_in_whatever_order_they_come() =>
        Assert.Equal([ProbeOutcome.Connected, ProbeOutcome.TimedOut, ProbeOutcome.Refused], ProbeProgram.Read(Section(0, "2 bash 1 x refused\n0 bash 0 \n1 bash 124 \n"), 3).Select(static result => result.Outcome));

    [Fact]
    public void A_host_without_a_tool_says_which()
    {
        var results = ProbeProgram.Read(Section(3, "nsenter (util-linux)"), 2);
        Assert.Equal(2, results.Count);
        Assert.All(results, static result => Assert.Equal((ProbeOutcome.Failed, "The host lacks nsenter (util-linux)."), (result.Outcome, result.Detail)));
    }

    [Theory]
    [InlineData(Verdict.Accept, ProbeOutcome.Connected, true)]
    [InlineData(Verdict.Accept, ProbeOutcome.Refused, null)]
    [InlineData(Verdict.Accept, ProbeOutcome.TimedOut, null)]
    [InlineData(Verdict.Drop, ProbeOutcome.TimedOut, true)]
    [InlineData(Verdict.Drop, ProbeOutcome.Connected, false)]
    [InlineData(Verdict.Drop, ProbeOutcome.Refused, false)]
    [InlineData(Verdict.Reject, ProbeOutcome.Refused, true)]
    [InlineData(Verdict.Reject, ProbeOutcome.Unreachable, true)]
    [InlineData(Verdict.Reject, ProbeOutcome.TimedOut, null)]
    [InlineData(Verdict.Reject, ProbeOutcome.Connected, false)]
    [InlineData(Verdict.RateLimited, ProbeOutcome.Connected, null)]
    [InlineData(Verdict.Unknown, ProbeOutcome.Connected, null)]
    [InlineData(Verdict.Drop, ProbeOutcome.Unreachable, false)]
    [InlineData(Verdict.Drop, ProbeOutcome.NoRoute, null)]
    [InlineData(Verdict.Reject, ProbeOutcome.NoRoute, null)]
    [InlineData(Verdict.Drop, ProbeOutcome.NoContainer, null)]
    [InlineData(Verdict.Drop, ProbeOutcome.Failed, null)]
    public void An_outcome_confirms_or_refutes_a_verdict_or_says_nothing(Verdict verdict, ProbeOutcome outcome, bool? confirms) =>
        Assert.Equal(confirms, new ProbeResult(outcome).Confirms(verdict));

    [Fact]
    public async Task A_process_that_is_not_the_containers_is_not_asked()
    {
        await using var shell = ShellFacts.Open("/bin/sh");
        var id = new string('a', 64);
        var result = Assert.Single(await ProbeProgram.RunAsync(shell, [new ConnectionProbe(id, Environment.ProcessId, Somewhere, 80)], CancellationToken.None));
        Assert.Equal(ProbeOutcome.NoContainer, result.Outcome);
    }

    // Every tool says the same about a missing route and an ICMP error; the container's own routes say which it was.
    [Theory]
    [InlineData("RTNETLINK answers: Network is unreachable", 2, ProbeOutcome.NoRoute)]
    [InlineData("192.0.2.7 via 172.18.0.1 dev eth0 src 172.18.0.2", 0, ProbeOutcome.Unreachable)]
    [UnsupportedOSPlatform("windows")]
    public async Task A_container_without_a_route_sends_nothing(string route, int exit, ProbeOutcome outcome)
    {
        var tools = Directory.CreateTempSubdirectory("dnh-probe").FullName;
        try
        {
            // In place of nsenter: it enters no namespace and answers what would be tried there.
            Stub(tools, "nsenter", $"case \"$*\" in *' ip route get '*) echo '{route}'; exit {exit} ;; *) echo 'connect: Network is unreachable' >&2; exit 1 ;; esac");
            Stub(tools, "ip", "exit 0");
            await using var shell = new ProcessShell("tested", "/usr/bin/env", [$"PATH={tools}:{Environment.GetEnvironmentVariable("PATH")}", "/bin/sh"]);
            // Every process's cgroup has a colon.
            var result = Assert.Single(await ProbeProgram.RunAsync(shell, [new ConnectionProbe(":", Environment.ProcessId, Somewhere, 80)], CancellationToken.None));
            Assert.Equal(outcome, result.Outcome);
        }
        finally
        {
            Directory.Delete(tools, recursive: true);
        }
    }

    [UnsupportedOSPlatform("windows")]
    private static void Stub(string folder, string name, string code)
    {
        var path = Path.Combine(folder, name);
        File.WriteAllText(path, $"#!/bin/sh\n{code}\n");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
    }

    [Fact]
    public async Task A_prefix_and_too_many_probes_are_refused()
    {
        await using var shell = ShellFacts.Open("/bin/sh");
        var wide = new ConnectionProbe("a", 1, Cidr.Parse("192.0.2.0/24"), 80);
        await Assert.ThrowsAsync<ArgumentException>(() => ProbeProgram.RunAsync(shell, [wide], CancellationToken.None));
        var many = Enumerable.Repeat(wide with { Address = Somewhere }, ProbeProgram.MostProbes + 1).ToList();
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => ProbeProgram.RunAsync(shell, many, CancellationToken.None));
        Assert.Empty(await ProbeProgram.RunAsync(shell, [], CancellationToken.None));
    }

    private static ShellSection Section(int exit, string text) => new("probe", exit, Encoding.UTF8.GetBytes(text), "");
}
