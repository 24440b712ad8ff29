using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class HostDockerTests
{
    private const string Nowhere = "/nonexistent";

    [Fact]
    public async Task The_version_is_negotiated_once_and_then_spoken()
    {
        await using var engine = new FakeEngine(request => request switch
        {
            "GET /_ping" => FakeEngine.Pong("1.48"),
            "GET /v1.48/info" => FakeEngine.Reply(200, DockerReplies.Info28),
            _ => FakeEngine.Reply(500, "{}"),
        });
        await using var docker = HostDocker.At(engine.Endpoint);
        Assert.Equal("28.0.4", (await docker.GetEngineAsync(CancellationToken.None)).Version);
        Assert.Equal("1.48", (await docker.GetEngineAsync(CancellationToken.None)).ApiVersion);
        Assert.Equal(["GET /_ping", "GET /v1.48/info", "GET /v1.48/info"], engine.Requests, StringComparer.Ordinal);
    }

    // Without an end that can be known, .NET and the docker command wait as long as they may; the reason is the length, not an engine that hangs.
    [Theory]
    [InlineData("-5")]
    [InlineData("100000000000000000000")]
    [InlineData("67108865")]
    [InlineData("5, 6")]
    [InlineData("")]
    public async Task A_length_that_is_not_one_is_the_reason_and_is_not_waited_for(string length)
    {
        var reply = Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nApi-Version: 1.48\r\nContent-Length: {length}\r\n\r\n{{}}");
        await using var engine = new FakeEngine(_ => reply);
        await using var near = HostDocker.At(engine.Endpoint, TimeSpan.FromHours(1));
        // The exit code of what was ended while it waited for the rest.
        await using var far = HostDocker.Over(new Answering(new ShellSection("docker", 124, reply, "")));
        foreach (var docker in new[] { near, far })
        {
            var error = await Assert.ThrowsAsync<DockerException>(() => docker.GetEngineAsync(CancellationToken.None));
            Assert.Equal(DockerFailure.BadReply, error.Failure);
            Assert.Contains(length is "67108865" && docker == far ? "larger than" : $"'{length}'", error.Message, StringComparison.Ordinal);
        }
        // A reply that was cut is still the fault of whoever cut it.
        await using var cut = HostDocker.Over(new Answering(new ShellSection("docker", 124, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}"u8.ToArray(), "")));
        Assert.Equal(DockerFailure.Timeout, (await Assert.ThrowsAsync<DockerException>(() => cut.GetEngineAsync(CancellationToken.None))).Failure);
    }

    // The list of networks leaves containers out, but one list says where all of them are: no single network is asked for, nor the engine's configuration.
    [Fact]
    public async Task Networks_have_the_containers_that_say_so()
    {
        await using var engine = new FakeEngine(request => request switch
        {
            "GET /_ping" => FakeEngine.Pong("1.41"),
            "GET /v1.41/networks" => FakeEngine.Reply(200, DockerReplies.Networks2010),
            "GET /v1.41/containers/json?all=1" => FakeEngine.Reply(200, DockerReplies.Containers2010),
            _ => FakeEngine.Reply(500, "{}"),
        });
        await using var docker = HostDocker.At(engine.Endpoint);
        var networks = await docker.ListNetworksAsync(CancellationToken.None);
        Assert.Equal(["bad name", "bridge", "docker_gwbridge", "none", "spread", "web"], networks.Select(network => network.Name), StringComparer.Ordinal);
        Assert.Equal(["bridge", "web"], networks.Where(network => network.Containers is ["mail"]).Select(network => network.Name), StringComparer.Ordinal);
        Assert.Equal(3, engine.Requests.Count);
    }

    [Fact]
    public async Task Containers_that_run_are_inspected_side_by_side_within_a_bound()
    {
        var list = "[" + string.Join(',', Enumerable.Range(0, 60).Select(i => $$"""{"Id":"{{Id(i)}}","Names":["/c{{i:00}}"],"State":"{{(i % 2 == 0 ? "running" : "exited")}}"}""")) + "]";
        await using var engine = new FakeEngine(request =>
            request is "GET /_ping" ? FakeEngine.Pong("1.41")
            : request is "GET /v1.41/containers/json?all=1" ? FakeEngine.Reply(200, list)
            // The last one vanishes between the list and here.
            : request.Contains(Id(58), StringComparison.Ordinal) ? FakeEngine.Reply(404, """{"message":"No such container"}""")
            : FakeEngine.Reply(200, $$$"""{"Id":"{{{request.Split('/')[3]}}}","Name":"/{{{"c" + int.Parse(request.Split('/')[3], NumberStyles.HexNumber, CultureInfo.InvariantCulture).ToString("00", CultureInfo.InvariantCulture)}}}","State":{"Status":"running","Pid":7},"HostConfig":{"Dns":["1.1.1.1"]}}"""));
        await using var docker = HostDocker.At(engine.Endpoint);

        var containers = await docker.ListContainersAsync(CancellationToken.None);
        Assert.Equal(Enumerable.Range(0, 60).Where(i => i != 58).Select(i => $"c{i:00}"), containers.Select(container => container.Name), StringComparer.Ordinal);
        Assert.All(containers.Where(container => container.State is "running"), container => Assert.Equal((7, 1), (container.Pid, container.Dns.Count)));
        Assert.Equal(29, containers.Count(container => container.State is "running"));
        Assert.Equal(30, containers.Count(container => container.Pid == 0));
        Assert.InRange(engine.MostBusy, 2, 8);

        static string Id(int i) => i.ToString("x8", CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_failure_within_many_is_that_failure()
    {
        var list = "[" + string.Join(',', Enumerable.Range(0, 30).Select(i => $$"""{"Id":"a{{i}}","State":"running"}""")) + "]";
        await using var engine = new FakeEngine(request =>
            request is "GET /_ping" ? FakeEngine.Pong("1.41")
            : request is "GET /v1.41/containers/json?all=1" ? FakeEngine.Reply(200, list)
            : request.Contains("/a9/", StringComparison.Ordinal) ? FakeEngine.Reply(500, """{"message":"out of memory"}""")
            : FakeEngine.Reply(200, """{"Id":"x","State":{"Status":"running"}}"""));
        await using var docker = HostDocker.At(engine.Endpoint);
        var error = await Assert.ThrowsAsync<DockerException>(() => docker.ListContainersAsync(CancellationToken.None));
        Assert.Equal((DockerFailure.EngineError, 500), (error.Failure, error.Status));
        Assert.Contains("out of memory", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_network_is_created_read_back_and_found()
    {
        await using var engine = new FakeEngine(request =>
            request is "GET /_ping" ? FakeEngine.Pong("1.48")
            : request.StartsWith("POST /v1.48/networks/create {\"Name\":\"web\"", StringComparison.Ordinal) ? FakeEngine.Reply(201, $$"""{"Id":"{{DockerReplies.WebId}}","Warning":""}""")
            : request is "GET /v1.48/networks/nope" ? FakeEngine.Reply(404, """{"message":"network nope not found"}""")
            : FakeEngine.Reply(200, DockerReplies.Network28));
        await using var docker = HostDocker.At(engine.Endpoint);
        Assert.Equal(DockerReplies.WebId, (await docker.CreateNetworkAsync(new NetworkSpec("web"), CancellationToken.None)).Id);
        Assert.NotNull(await docker.FindNetworkAsync("web", CancellationToken.None));
        Assert.Null(await docker.FindNetworkAsync("nope", CancellationToken.None));
        // The beginning of an id is not a name.
        Assert.Null(await docker.FindNetworkAsync("ce64", CancellationToken.None));
        Assert.Contains("GET /v1.48/networks/" + DockerReplies.WebId, engine.Requests, StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_bad_name_is_refused_without_asking_anybody()
    {
        await using var engine = new FakeEngine(_ => FakeEngine.Reply(500, "{}"));
        await using var docker = HostDocker.At(engine.Endpoint);
        await Assert.ThrowsAsync<FormatException>(() => docker.FindNetworkAsync("../containers", CancellationToken.None));
        await Assert.ThrowsAsync<FormatException>(() => docker.FindNetworkAsync("$(reboot)", CancellationToken.None));
        Assert.Empty(engine.Requests);
    }

    [Fact]
    public async Task Without_a_socket_docker_is_not_installed()
    {
        await using var docker = HostDocker.At(DockerEndpoint.Parse("unix:///nonexistent/docker.sock"), null, Nowhere);
        var error = await Assert.ThrowsAsync<DockerException>(() => docker.GetEngineAsync(CancellationToken.None));
        Assert.Equal(DockerFailure.NotInstalled, error.Failure);
        Assert.Contains("/nonexistent/docker.sock", error.Message, StringComparison.Ordinal);
        Assert.Contains("DOCKER_HOST", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_socket_that_nobody_listens_on_is_a_daemon_that_is_down()
    {
        var folder = Directory.CreateTempSubdirectory("dnh-down-");
        try
        {
            var path = Path.Combine(folder.FullName, "docker.sock");
            using (var left = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
                left.Bind(new UnixDomainSocketEndPoint(path));
            // .NET removes the file of a socket that it closes; any file is like what a killed engine leaves behind.
            if (!File.Exists(path))
                await File.WriteAllTextAsync(path, "");
            await using var docker = HostDocker.At(DockerEndpoint.Parse("unix://" + path));
            var error = await Assert.ThrowsAsync<DockerException>(() => docker.GetEngineAsync(CancellationToken.None));
            Assert.Equal(DockerFailure.DaemonDown, error.Failure);
            Assert.Contains("systemctl start docker", error.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Nobody_on_the_loopback_port_is_a_daemon_that_is_down()
    {
        // Bound but not listening: nobody else can take the port, and nobody answers on it.
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        taken.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        var port = ((System.Net.IPEndPoint)taken.LocalEndPoint!).Port;
        await using var docker = HostDocker.At(DockerEndpoint.Parse($"tcp://127.0.0.1:{port}"));
        var error = await Assert.ThrowsAsync<DockerException>(() => docker.GetEngineAsync(CancellationToken.None));
        Assert.Equal(DockerFailure.DaemonDown, error.Failure);
    }

    // Root may open every socket, so the kernel's answer to others is given here.
    [Fact]
    public void A_closed_socket_names_the_user_and_the_ways_in()
    {
        var error = DockerConnection.Explain(DockerEndpoint.Default, new SocketException((int)SocketError.AccessDenied), Nowhere);
        Assert.Equal(DockerFailure.NoPermission, error.Failure);
        Assert.Contains(Environment.UserName, error.Message, StringComparison.Ordinal);
        Assert.Contains("sudo", error.Message, StringComparison.Ordinal);
        Assert.Contains("group docker", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_rootless_engine_is_found_where_the_default_socket_is_missing()
    {
        var users = Directory.CreateTempSubdirectory("dnh-users-");
        try
        {
            var missing = new SocketException((int)SocketError.AddressNotAvailable);
            Assert.Equal(DockerFailure.NotInstalled, DockerConnection.Explain(DockerEndpoint.Default, missing, users.FullName).Failure);
            Assert.Equal(DockerFailure.NotInstalled, DockerConnection.Explain(DockerEndpoint.Default, missing, Nowhere).Failure);
            var socket = Path.Combine(users.CreateSubdirectory("1000").FullName, "docker.sock");
            File.WriteAllText(socket, "");
            var error = DockerConnection.Explain(DockerEndpoint.Default, missing, users.FullName);
            Assert.Equal(DockerFailure.Rootless, error.Failure);
            Assert.Contains(socket, error.Message, StringComparison.Ordinal);
            Assert.Equal(DockerFailure.NotInstalled, DockerConnection.Explain(DockerEndpoint.Parse("unix:///run/x.sock"), missing, users.FullName).Failure);
        }
        finally
        {
            users.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task An_engine_that_hangs_is_a_timeout_and_not_a_hang()
    {
        await using var engine = new FakeEngine(_ => null);
        await using var docker = HostDocker.At(engine.Endpoint, TimeSpan.FromMilliseconds(200));
        var clock = Stopwatch.StartNew();
        var error = await Assert.ThrowsAsync<DockerException>(() => docker.GetEngineAsync(CancellationToken.None));
        Assert.Equal(DockerFailure.Timeout, error.Failure);
        Assert.Contains("0.2 s", error.Message, StringComparison.Ordinal);
        Assert.InRange(clock.Elapsed, TimeSpan.FromMilliseconds(150), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task A_question_is_cancellable()
    {
        await using var engine = new FakeEngine(_ => null);
        await using var docker = HostDocker.At(engine.Endpoint);
        using var stop = new CancellationTokenSource(100);
        var clock = Stopwatch.StartNew();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => docker.ListContainersAsync(stop.Token));
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData("SSH-2.0-OpenSSH_9.2\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Version\":")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n{")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")]
    [InlineData("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")]
    public async Task What_is_no_engine_is_a_bad_reply(string bytes)
    {
        await using var engine = new FakeEngine(_ => Encoding.ASCII.GetBytes(bytes));
        await using var docker = HostDocker.At(engine.Endpoint, TimeSpan.FromSeconds(5));
        var error = await Assert.ThrowsAsync<DockerException>(() => docker.GetEngineAsync(CancellationToken.None));
        Assert.Equal(DockerFailure.BadReply, error.Failure);
    }

    [Fact]
    public void A_timeout_that_cannot_be_kept_is_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => HostDocker.At(DockerEndpoint.Default, TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => HostDocker.At(DockerEndpoint.Default, TimeSpan.FromDays(2)));
    }

    /// <summary>Answers every program with one section.</summary>
    private sealed class Answering(ShellSection section) : IShell
    {
        public string HostName => "far";

        public Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop) => Task.FromResult(new ShellReply([section]));

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
