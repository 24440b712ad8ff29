using System.Text;
using DockerNetHarden.Client;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class DockerApiTests
{
    [Fact]
    public async Task Requests_have_the_negotiated_version_in_their_path()
    {
        Assert.Equal("GET /_ping", await SentAsync(static api => api.PingAsync(CancellationToken.None)));
        Assert.Equal("GET /version", await SentAsync(static api => api.GetVersionAsync(CancellationToken.None)));
        Assert.Equal("GET /v1.41/info", await SentAsync(static api => api.GetInfoAsync(CancellationToken.None)));
        Assert.Equal("GET /info", await SentAsync(static api => api.GetInfoAsync(CancellationToken.None), api: null));
        Assert.Equal("GET /v1.41/networks", await SentAsync(static api => api.ListNetworksAsync(CancellationToken.None)));
        Assert.Equal("GET /v1.41/networks/web", await SentAsync(static api => api.GetNetworkAsync("web", CancellationToken.None)));
        Assert.Equal("GET /v1.41/containers/json?all=1", await SentAsync(static api => api.ListContainersAsync(CancellationToken.None)));
        Assert.Equal("GET /v1.41/containers/a.b-c_1/json", await SentAsync(static api => api.GetContainerAsync("a.b-c_1", CancellationToken.None)));
    }

    [Fact]
    public async Task Filters_are_json_and_escaped()
    {
        var path = (await SentAsync(static api => api.OpenEventsAsync(["network", "a=b&c d"], CancellationToken.None)))[4..];
        Assert.DoesNotContain(path, letter => letter is ' ' or '"' or '{' or '\r' or '\n');
        Assert.DoesNotContain("b&c", path, StringComparison.Ordinal);
        Assert.Contains("\"type\":{\"network\":true", Uri.UnescapeDataString(path), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("../info")]
    [InlineData("web/../..")]
    [InlineData(".hidden")]
    [InlineData("-rm")]
    [InlineData("a b")]
    [InlineData("a?b")]
    [InlineData("a%2fb")]
    [InlineData("$(reboot)")]
    [InlineData("'; rm -rf /")]
    [InlineData("a\r\nHost: b")]
    [InlineData("größe")]
    public async Task A_name_that_docker_would_not_take_is_refused_before_anything_is_sent(string name)
    {
        using var api = new EngineClient(new StubTransport(_ => throw new InvalidOperationException("Something was sent.")), "unix:///x", null);
        await Assert.ThrowsAsync<FormatException>(() => api.GetNetworkAsync(name, CancellationToken.None));
        Assert.Throws<FormatException>(() => new NetworkSpec(name));
        var error = await Assert.ThrowsAsync<FormatException>(() => api.GetContainerAsync(name, CancellationToken.None));
        if (name.Length > 0 && !name.Contains('\r', StringComparison.Ordinal))
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("1.41", "1.12", "1.41")]
    [InlineData("1.24", "1.12", "1.24")]
    [InlineData("1.52", "1.44", "1.52")]
    [InlineData("1.99", "1.44", "1.52")]
    [InlineData("2.0", "1.52", "1.52")]
    public void The_newest_version_that_both_speak_is_spoken(string newest, string oldest, string expected) =>
        Assert.Equal(expected, new EngineVersion("x", ApiVersion.Parse(newest), ApiVersion.Parse(oldest)).Negotiate().ToString());

    [Theory]
    [InlineData("1.9", "1.9", "Upgrade the engine")]
    [InlineData("1.23", "1.12", "Upgrade the engine")]
    [InlineData("1.60", "1.53", "Upgrade DockerNetHarden")]
    public void Versions_without_a_common_one_are_refused_with_the_way_out(string newest, string oldest, string way)
    {
        var error = Assert.Throws<DockerException>(() => new EngineVersion("9.9", ApiVersion.Parse(newest), ApiVersion.Parse(oldest)).Negotiate());
        Assert.Equal(DockerFailure.ApiTooOld, error.Failure);
        Assert.Contains("9.9", error.Message, StringComparison.Ordinal);
        Assert.Contains(way, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_engine_that_names_no_oldest_version_is_spoken_with() =>
        Assert.Equal(new ApiVersion(1, 24), new EngineVersion("1.12", new ApiVersion(1, 24), null).Negotiate());

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("1.")]
    [InlineData(".4")]
    [InlineData("1.4.1")]
    [InlineData("v1.41")]
    [InlineData("1.-4")]
    [InlineData("1.99999999999")]
    public void Text_that_is_no_version_is_refused(string text) =>
        Assert.Contains($"'{text}'", Assert.Throws<FormatException>(() => ApiVersion.Parse(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Versions_are_compared_by_number()
    {
        Assert.True(ApiVersion.Parse("1.9") < ApiVersion.Parse("1.24"));
        Assert.True(ApiVersion.Parse("2.0") > ApiVersion.Parse("1.99"));
    }

    [Theory]
    [InlineData(400, """{"message":"invalid name"}""", DockerFailure.BadRequest, "invalid name")]
    [InlineData(400, "client version 1.10 is too old.", DockerFailure.BadRequest, "client version 1.10 is too old")]
    [InlineData(403, """{"message":"network web has active endpoints"}""", DockerFailure.Conflict, "active endpoints")]
    [InlineData(403, """{"message":"authorization denied by plugin opa: no"}""", DockerFailure.NoPermission, "plugin opa")]
    [InlineData(404, """{"message":"network nope\nnot found"}""", DockerFailure.NotFound, "network nope not found")]
    [InlineData(409, """{"message":"network with name web already exists"}""", DockerFailure.Conflict, "already exists")]
    [InlineData(500, """{"message":"numerical result out of range"}""", DockerFailure.EngineError, "out of range")]
    // Engines 26.1.5 and 28.5.2, each with all pools in use.
    [InlineData(404, """{"message":"could not find an available, non-overlapping IPv6 address pool among the defaults to assign to the network"}""", DockerFailure.Conflict, "-Subnet 10.77.1.0/24, fd")]
    [InlineData(400, """{"message":"all predefined address pools have been fully subnetted"}""", DockerFailure.Conflict, "docker network prune")]
    [InlineData(503, "", DockerFailure.EngineError, "no reason")]
    [InlineData(302, "", DockerFailure.BadReply, "HTTP 302")]
    public async Task An_error_reply_is_a_typed_error_in_the_engines_words(int status, string body, DockerFailure failure, string words)
    {
        using var api = new EngineClient(new StubTransport(_ => (status, Encoding.UTF8.GetBytes(body))), "unix:///x", null);
        var error = await Assert.ThrowsAsync<DockerException>(() => api.GetNetworkAsync("web", CancellationToken.None));
        Assert.Equal((failure, status, "unix:///x"), (error.Failure, error.Status, error.Endpoint));
        Assert.Contains("read the network 'web'", error.Message, StringComparison.Ordinal);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    // The method and path that were sent; the reply does not matter and is not read.
    private static async Task<string> SentAsync(Func<EngineClient, Task> ask, string? api = "1.41")
    {
        var sent = "";
        using var client = new EngineClient(StubTransport.Of(request => sent = request), "unix:///x", null) { Version = api is null ? null : ApiVersion.Parse(api) };
        await Record.ExceptionAsync(() => ask(client));
        return sent;
    }
}
