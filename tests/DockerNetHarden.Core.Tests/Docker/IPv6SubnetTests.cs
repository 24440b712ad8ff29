using System.Text;
using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class IPv6SubnetTests
{
    // 26.1.5 answers IPv6 without a subnet with 404, 28.5.2 chooses one; so does an older engine if daemon.json names a pool.
    [Theory]
    [InlineData("1.45", false, true)]
    [InlineData("1.45", true, false)]
    [InlineData("1.41", false, true)]
    [InlineData("1.46", false, false)]
    public async Task IPv6_without_a_subnet_gets_a_unique_local_one_where_the_engine_has_no_pool(string api, bool pool, bool chosen)
    {
        var info = pool ? DockerReplies.Info28 : DockerReplies.Info2010;
        await using var engine = new FakeEngine(request =>
            request is "GET /version" ? FakeEngine.Reply(200, $$"""{"Version":"26.1.5","ApiVersion":"{{api}}","MinAPIVersion":"1.24"}""")
            : request.EndsWith("/info", StringComparison.Ordinal) ? FakeEngine.Reply(200, info)
            : request.StartsWith("POST ", StringComparison.Ordinal) ? FakeEngine.Reply(201, $$"""{"Id":"{{DockerReplies.WebId}}","Warning":""}""")
            : FakeEngine.Reply(200, DockerReplies.Network29));
        await using var docker = HostDocker.At(engine.Endpoint);
        var asked = new NetworkSpec("web", subnets: [Cidr.Parse("10.77.4.0/24")], enableIPv6: true);
        await docker.CreateNetworkAsync(asked, CancellationToken.None);
        await using var shell = new RecordingShell(api, info);
        await using var far = HostDocker.Over(shell);
        await Assert.ThrowsAsync<IOException>(() => far.CreateNetworkAsync(asked, CancellationToken.None));

        foreach (var sent in new[] { engine.Requests.Single(static request => request.StartsWith("POST ", StringComparison.Ordinal)), shell.Program! })
        {
            Assert.Contains("""{"Subnet":"10.77.4.0/24"}""", sent, StringComparison.Ordinal);
            Assert.Equal(chosen, Regex.IsMatch(sent, """\{"Subnet":"fd[0-9a-f]{2}:[0-9a-f:]*:/64"\}""", RegexOptions.None, TimeSpan.FromSeconds(1)));
        }

        // If a subnet is given or IPv6 is not asked for, none is chosen, and the engine is not asked for its pools.
        engine.Requests.Clear();
        await docker.CreateNetworkAsync(new NetworkSpec("web", subnets: [Cidr.Parse("fd00:9::/64")]), CancellationToken.None);
        await docker.CreateNetworkAsync(new NetworkSpec("web"), CancellationToken.None);
        Assert.DoesNotContain(engine.Requests, static request => request.EndsWith("/info", StringComparison.Ordinal));
        Assert.Single(engine.Requests, static request => request.Contains("\"fd", StringComparison.Ordinal));
    }

    [Fact]
    public void Unique_local_subnets_are_valid_and_never_the_same()
    {
        var drawn = Enumerable.Range(0, 2000).Select(static _ => UniqueLocal.Subnet()).ToList();
        Assert.All(drawn, static subnet => Assert.True(Cidr.Parse("fd00::/8").Contains(subnet) && subnet.ToString().EndsWith("::/64", StringComparison.Ordinal), subnet.ToString()));
        Assert.Equal(drawn.Count, drawn.Distinct().Count());
    }

    /// <summary>Answers the first questions and keeps the next program; nobody runs it.</summary>
    private sealed class RecordingShell(string api, string info) : IShell
    {
        private bool _asked;

        public string? Program { get; private set; }

        public string HostName => "far";

        public Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
        {
            if (_asked)
            {
                Program = script.Text;
                return Task.FromException<ShellReply>(new IOException());
            }
            _asked = true;
            byte[] replies = [.. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nApi-Version: {api}\r\nContent-Length: 2\r\n\r\nOK"), .. FakeEngine.Reply(200, info), .. FakeEngine.Reply(200, "[]"), .. FakeEngine.Reply(200, "[]")];
            return Task.FromResult(new ShellReply([new ShellSection("docker", 0, replies, "")]));
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
