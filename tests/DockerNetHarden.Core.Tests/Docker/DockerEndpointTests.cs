using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;

namespace DockerNetHarden.Core.Tests.Docker;

public sealed class DockerEndpointTests
{
    [Theory]
    [InlineData("", "unix:///var/run/docker.sock")]
    [InlineData("  ", "unix:///var/run/docker.sock")]
    [InlineData("unix:///run/other.sock", "unix:///run/other.sock")]
    [InlineData("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375")]
    [InlineData("tcp://127.8.9.1:1", "tcp://127.8.9.1:1")]
    [InlineData("tcp://[::1]:2375", "tcp://[::1]:2375")]
    [InlineData("tcp://LocalHost:2375", "tcp://LocalHost:2375")]
    [InlineData("localhost:2375", "tcp://localhost:2375")]
    public void An_endpoint_of_this_machine_is_taken(string text, string expected) => Assert.Equal(expected, DockerEndpoint.Parse(text).Text);

    [Theory]
    [InlineData("tcp://10.0.0.5:2375", "not this machine's")]
    [InlineData("tcp://docker.example.com:2375", "not this machine's")]
    [InlineData("tcp://127.0.0.1.example.com:2375", "not this machine's")]
    [InlineData("tcp://0.0.0.0:2375", "not this machine's")]
    [InlineData("tcp://127.0.0.1/8:2375", "not this machine's")]
    [InlineData("tcp://0177.0.0.1:2375", "not this machine's")]
    [InlineData("tcp://127.0.0.1", "a port")]
    [InlineData("tcp://127.0.0.1:0", "a port")]
    [InlineData("tcp://127.0.0.1:65536", "a port")]
    [InlineData("tcp://127.0.0.1:2375/path", "a port")]
    [InlineData("ssh://root@web1", "on that machine")]
    [InlineData("npipe:////./pipe/docker_engine", "Linux host")]
    [InlineData("http://127.0.0.1:2375", "unix:///path")]
    [InlineData("unix://", "absolute")]
    [InlineData("unix://run/docker.sock", "absolute")]
    [InlineData("unix:///run/a\nb", "control character")]
    [InlineData("web1", "a port")]
    public void An_endpoint_that_cannot_be_used_is_refused_with_the_way_out(string text, string reason)
    {
        var error = Assert.Throws<DockerException>(() => DockerEndpoint.Parse(text));
        Assert.Equal(DockerFailure.UnusableEndpoint, error.Failure);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_socket_path_that_the_kernel_cannot_hold_is_refused()
    {
        Assert.NotNull(DockerEndpoint.Parse("unix:///" + new string('a', 106)).SocketPath);
        var error = Assert.Throws<DockerException>(() => DockerEndpoint.Parse("unix:///" + new string('a', 107)));
        Assert.Contains("108 bytes long and the kernel allows 107", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_environment_names_the_endpoint()
    {
        Assert.True(From().IsDefault);
        Assert.Equal("/run/x.sock", From(("DOCKER_HOST", "unix:///run/x.sock")).SocketPath);
        Assert.False(From(("DOCKER_HOST", "unix:///run/x.sock")).IsDefault);
        Assert.True(From(("DOCKER_HOST", "unix:///var/run/docker.sock"), ("DOCKER_TLS_VERIFY", "1")).IsDefault);
        var error = Assert.Throws<DockerException>(() => From(("DOCKER_HOST", "tcp://127.0.0.1:2376"), ("DOCKER_TLS_VERIFY", "0")));
        Assert.Contains("DOCKER_TLS_VERIFY", error.Message, StringComparison.Ordinal);

        static DockerEndpoint From(params (string Name, string Value)[] variables) =>
            DockerEndpoint.FromEnvironment(name => variables.FirstOrDefault(variable => string.Equals(variable.Name, name, StringComparison.Ordinal)).Value);
    }
}
