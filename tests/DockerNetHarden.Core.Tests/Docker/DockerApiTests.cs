using System.Text;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class DockerApiTests
{
    private static readonly ApiVersion Api = new(1, 41);

    [Fact]
    public void Requests_have_the_negotiated_version_in_their_path()
    {
        Assert.Equal("/_ping", DockerApi.Ping().Path);
        Assert.Equal("/version", DockerApi.Version().Path);
        Assert.Equal("/v1.41/info", DockerApi.Info(Api).Path);
        Assert.Equal("/info", DockerApi.Info(null).Path);
        Assert.Equal("/v1.41/networks", DockerApi.ListNetworks(Api).Path);
        Assert.Equal("/v1.41/networks/web", DockerApi.InspectNetwork(Api, "web").Path);
        Assert.Equal("/v1.41/networks/web?verbose=true", DockerApi.InspectNetwork(Api, "web", verbose: true).Path);
        Assert.Equal(("DELETE", "/v1.41/networks/web"), (DockerApi.RemoveNetwork(Api, "web").Method, DockerApi.RemoveNetwork(Api, "web").Path));
        Assert.Equal("/v1.41/containers/json?all=true", DockerApi.ListContainers(Api, all: true).Path);
        Assert.Equal("/v1.41/containers/json", DockerApi.ListContainers(Api, all: false).Path);
        Assert.Equal("/v1.41/containers/a.b-c_1/json", DockerApi.InspectContainer(Api, "a.b-c_1").Path);
    }

    [Fact]
    public void Filters_are_json_and_escaped()
    {
        var filters = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal) { ["label"] = ["a=b&c", "d e"], ["driver"] = ["bridge"] };
        var path = DockerApi.ListNetworks(Api, filters).Path;
        Assert.DoesNotContain(path, letter => letter is ' ' or '"' or '{' or '\r' or '\n');
        Assert.DoesNotContain("b&c", path, StringComparison.Ordinal);
        Assert.Contains("\"driver\":[\"bridge\"]", Uri.UnescapeDataString(path), StringComparison.Ordinal);
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
    public void A_name_that_docker_would_not_take_is_refused_before_anything_is_sent(string name)
    {
        Assert.Throws<FormatException>(() => DockerApi.InspectNetwork(Api, name));
        Assert.Throws<FormatException>(() => DockerApi.RemoveNetwork(Api, name));
        Assert.Throws<FormatException>(() => new NetworkSpec(name));
        var error = Assert.Throws<FormatException>(() => DockerApi.InspectContainer(Api, name));
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
        Assert.Equal(expected, DockerApi.Negotiate(new EngineVersion("x", ApiVersion.Parse(newest), ApiVersion.Parse(oldest))).ToString());

    [Theory]
    [InlineData("1.9", "1.9", "upgrade the engine")]
    [InlineData("1.23", "1.12", "upgrade the engine")]
    [InlineData("1.60", "1.53", "upgrade DockerNetHarden")]
    public void Versions_without_a_common_one_are_refused_with_the_way_out(string newest, string oldest, string way)
    {
        var error = Assert.Throws<DockerException>(() => DockerApi.Negotiate(new EngineVersion("9.9", ApiVersion.Parse(newest), ApiVersion.Parse(oldest))));
        Assert.Equal(DockerFailure.ApiTooOld, error.Failure);
        Assert.Contains("9.9", error.Message, StringComparison.Ordinal);
        Assert.Contains(way, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_engine_that_names_no_oldest_version_is_spoken_with() =>
        Assert.Equal(new ApiVersion(1, 24), DockerApi.Negotiate(new EngineVersion("1.12", new ApiVersion(1, 24), null)));

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

    [Fact]
    public void A_request_is_written_as_http()
    {
        using var output = new MemoryStream();
        DockerApi.CreateNetwork(Api, new NetworkSpec("web")).WriteTo(output, "docker", close: true);
        var text = Encoding.UTF8.GetString(output.ToArray());
        var body = """{"Name":"web","CheckDuplicate":true,"Driver":"bridge","Options":{},"Labels":{}}""";
        Assert.Equal($"POST /v1.41/networks/create HTTP/1.1\r\nHost: docker\r\nAccept: application/json\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}", text);
        Assert.Throws<ArgumentException>(() => DockerApi.Ping().WriteTo(output, "a\r\nb", close: false));
    }

    [Fact]
    public void A_conversation_closes_with_its_last_request_only()
    {
        var text = Encoding.ASCII.GetString(DockerConversation.Write([DockerApi.Version(), DockerApi.Info(null)]));
        Assert.Equal("GET /version HTTP/1.1\r\nHost: docker\r\nAccept: application/json\r\n\r\nGET /info HTTP/1.1\r\nHost: docker\r\nAccept: application/json\r\nConnection: close\r\n\r\n", text);
    }

    [Fact]
    public void Nothing_is_pipelined_behind_a_request_that_changes_something()
    {
        var error = Assert.Throws<ArgumentException>(() => DockerConversation.Write([DockerApi.RemoveNetwork(Api, "web"), DockerApi.Ping()]));
        Assert.Contains("DELETE /v1.41/networks/web", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => DockerConversation.Write([]));
        Assert.NotEmpty(DockerConversation.Write([DockerApi.Ping(), DockerApi.RemoveNetwork(Api, "web")]));
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
    public void An_error_reply_is_a_typed_error_in_the_engines_words(int status, string body, DockerFailure failure, string words)
    {
        var response = new DockerResponse(status, new Dictionary<string, string>(StringComparer.Ordinal), Encoding.UTF8.GetBytes(body));
        var error = Assert.Throws<DockerException>(() => DockerErrors.ThrowIfFailed(DockerApi.InspectNetwork(Api, "web"), response, "unix:///x"));
        Assert.Equal((failure, status, "unix:///x"), (error.Failure, error.Status, error.Endpoint));
        Assert.Contains("read the network 'web'", error.Message, StringComparison.Ordinal);
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }
}
