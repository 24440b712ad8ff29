using System.Net;
using System.Text;
using DockerNetHarden.Client;

namespace DockerNetHarden.Core.Tests.Docker;

/// <summary>An engine without a socket: answers a request by its method and path, followed by its body if there is one.</summary>
internal sealed class StubTransport(Func<string, (int Status, byte[] Body)> answer) : HttpMessageHandler
{
    public static StubTransport Of(Func<string, string> answer) => new(request => (200, Encoding.UTF8.GetBytes(answer(request))));

    /// <summary>The result for a reply. It is there at once: nothing here waits.</summary>
    public static T Read<T>(byte[] reply, Func<EngineClient, Task<T>> ask)
    {
        using var api = new EngineClient(new StubTransport(_ => (200, reply)), "unix:///x", null);
        return ask(api).GetAwaiter().GetResult();
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? "" : " " + await request.Content.ReadAsStringAsync(cancellationToken);
        var (status, reply) = answer($"{request.Method} {request.RequestUri!.PathAndQuery}{body}");
        return new HttpResponseMessage((HttpStatusCode)status) { Content = new ByteArrayContent(reply) };
    }
}
