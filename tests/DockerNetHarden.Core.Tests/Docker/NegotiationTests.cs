using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Core.Tests.Docker;

/// <summary>Which questions a local engine is asked, and which of them wait for others.</summary>
public sealed class NegotiationTests
{
    // GET /version costs an engine up to 24 a run of runc each time.
    [Fact]
    public async Task A_ping_says_which_api_to_speak()
    {
        await using var engine = new FakeEngine(request => request is "GET /_ping" ? FakeEngine.Pong("1.41") : FakeEngine.Reply(200, "[]"));
        await using var docker = HostDocker.At(engine.Endpoint);
        Assert.Empty(await docker.ListContainersAsync(CancellationToken.None));
        Assert.Equal(["GET /_ping", "GET /v1.41/containers/json?all=1"], engine.Requests, StringComparer.Ordinal);
    }

    // Only GET /version says the oldest API, and it can be too new only if the newest one is newer than ours.
    [Theory]
    [InlineData("1.52", "1.44", "1.52", 0)]
    [InlineData("1.60", "1.44", "1.52", 1)]
    [InlineData("1.60", "1.55", null, 1)]
    [InlineData("1.20", "1.12", null, 1)]
    public async Task The_oldest_api_is_asked_for_where_it_matters(string newest, string oldest, string? spoken, int asked)
    {
        await using var engine = new FakeEngine(request => request switch
        {
            "GET /_ping" => FakeEngine.Pong(newest),
            "GET /version" => FakeEngine.Reply(200, $$"""{"Version":"31.0.0","ApiVersion":"{{newest}}","MinAPIVersion":"{{oldest}}"}"""),
            _ => FakeEngine.Reply(200, "[]"),
        });
        await using var docker = HostDocker.At(engine.Endpoint);
        var listing = docker.ListContainersAsync(CancellationToken.None);
        if (spoken is null)
            Assert.Equal(DockerFailure.ApiTooOld, (await Assert.ThrowsAsync<DockerException>(() => listing)).Failure);
        else
            Assert.Empty(await listing);
        Assert.Equal(asked, engine.Requests.Count(static request => request is "GET /version"));
        Assert.Equal(spoken is null ? [] : [$"GET /v{spoken}/containers/json?all=1"], engine.Requests.Where(static request => request.Contains("containers", StringComparison.Ordinal)), StringComparer.Ordinal);
    }

    // A proxy in front of an engine may let only some questions pass.
    [Theory]
    [InlineData(403)]
    [InlineData(404)]
    [InlineData(500)]
    public async Task Who_refuses_a_ping_may_still_say_its_version(int status)
    {
        await using var engine = new FakeEngine(request => request switch
        {
            "GET /_ping" => FakeEngine.Reply(status, """{"message":"not this"}"""),
            "GET /version" => FakeEngine.Reply(200, DockerReplies.Version2010),
            _ => FakeEngine.Reply(200, "[]"),
        });
        await using var docker = HostDocker.At(engine.Endpoint);
        Assert.Empty(await docker.ListContainersAsync(CancellationToken.None));
        Assert.Equal(["GET /_ping", "GET /version", "GET /v1.41/containers/json?all=1"], engine.Requests, StringComparer.Ordinal);
    }

    // An engine runs other programs for its configuration; everything else is asked meanwhile.
    [Fact]
    public async Task Nothing_waits_for_the_configuration()
    {
        using var inspected = new ManualResetEventSlim();
        var wasInspected = false;
        await using var engine = new FakeEngine(request =>
        {
            switch (request)
            {
                case "GET /_ping":
                    return FakeEngine.Pong("1.41");
                case "GET /v1.41/info":
                    wasInspected = inspected.Wait(TimeSpan.FromSeconds(20));
                    return FakeEngine.Reply(200, DockerReplies.Info2010);
                case "GET /v1.41/containers/json?all=1":
                    return FakeEngine.Reply(200, """[{"Id":"c","State":"running"}]""");
                case "GET /v1.41/containers/c/json":
                    inspected.Set();
                    return FakeEngine.Reply(200, """{"Id":"c","State":{"Status":"running"}}""");
                default:
                    return FakeEngine.Reply(200, "[]");
            }
        });
        await using var docker = HostDocker.At(engine.Endpoint);
        var (said, _, containers) = await docker.ReadAsync(CancellationToken.None);
        Assert.True(wasInspected);
        Assert.Equal("20.10.24+dfsg1", said.Version);
        Assert.Single(containers);
    }
}
