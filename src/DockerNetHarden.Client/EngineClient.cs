using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.ExceptionServices;
using System.Text;
using Docker.DotNet;
using Docker.DotNet.Handler.Abstractions;
using Docker.DotNet.Models;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using Microsoft.Extensions.Logging;
using NetworkSpec = DockerNetHarden.Docker.NetworkSpec;

namespace DockerNetHarden.Client;

/// <summary>Asks Docker's Engine API with Docker.DotNet, through any transport. Many threads may use it at once.</summary>
/// <param name="transport">Brings a request to the engine; disposed of with this object.</param>
/// <param name="endpoint">Where the engine is, for errors.</param>
/// <param name="timeout">How long one request may take; null if the transport has its own time limit.</param>
internal sealed class EngineClient(HttpMessageHandler transport, string endpoint, TimeSpan? timeout) : IEngineApi
{
    // From this version on names are always unique and CheckDuplicate is ignored: https://docs.docker.com/reference/api/engine/version-history/.
    private static readonly ApiVersion UniqueNames = new(1, 44);

    private readonly HttpMessageInvoker _transport = new(transport);

    public ApiVersion? Version { get; set; }

    public Task<EngineVersion> GetVersionAsync(CancellationToken stop) =>
        AskAsync(new Exchange(_transport), "tell its version", "GET /version", static (client, token) => client.System.GetVersionAsync(token), ModelReader.Version, stop, versioned: false);

    public Task<ApiVersion> PingAsync(CancellationToken stop)
    {
        var exchange = new Exchange(_transport);
        // The library does not return the reply's headers. Source: https://docs.docker.com/reference/api/engine/, SystemPing.
        return AskAsync(
            exchange, "answer a ping", "GET /_ping",
            static async (client, token) =>
            {
                await client.System.PingAsync(token).ConfigureAwait(false);
                return "";
            },
            (_, _) => ModelReader.Ping(exchange.ApiVersion), stop, versioned: false);
    }

    public Task<DockerEngine> GetInfoAsync(CancellationToken stop)
    {
        var exchange = new Exchange(_transport);
        return AskAsync(
            exchange, "tell its configuration", "GET /info",
            static (client, token) => client.System.GetSystemInfoAsync(token), (model, place) => ModelReader.Engine(model, exchange.Body, place), stop);
    }

    public Task<IReadOnlyList<DockerNetwork>> ListNetworksAsync(CancellationToken stop) =>
        AskAsync(new Exchange(_transport), "list its networks", "GET /networks", static (client, token) => client.Networks.ListNetworksAsync(null, token), ModelReader.Networks, stop);

    public Task<DockerNetwork> GetNetworkAsync(string name, CancellationToken stop)
    {
        DockerNames.Check(name, "network");
        return AskAsync(new Exchange(_transport), $"read the network '{name}'", "GET /networks/{id}", (client, token) => client.Networks.InspectNetworkAsync(name, token), ModelReader.Network, stop);
    }

    public Task<string> CreateNetworkAsync(NetworkSpec spec, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(spec);
        // The library knows only the newest API, which has no CheckDuplicate; without it engines up to 24 make a second network of the same name.
        var exchange = new Exchange(_transport) { Added = Version is { } version && version < UniqueNames ? ",\"CheckDuplicate\":true}" : null };
        return AskAsync(exchange, $"create the network '{spec.Name}'", "POST /networks/create", (client, token) => client.Networks.CreateNetworkAsync(Parameters(spec), token), ModelReader.CreatedId, stop);
    }

    public Task RemoveNetworkAsync(string id, CancellationToken stop)
    {
        DockerNames.Check(id, "network");
        return AskAsync(
            new Exchange(_transport), $"remove the network '{id}'", "DELETE /networks/{id}",
            async (client, token) =>
            {
                await client.Networks.DeleteNetworkAsync(id, token).ConfigureAwait(false);
                return "";
            },
            static (done, _) => done, stop);
    }

    public Task<IReadOnlyList<DockerContainer>> ListContainersAsync(CancellationToken stop) =>
        AskAsync(
            new Exchange(_transport), "list its containers", "GET /containers/json",
            static (client, token) => client.Containers.ListContainersAsync(new ContainersListParameters { All = true }, token), ModelReader.Containers, stop);

    // The library looks up the names of this enumeration's values at run time, in a way that the native compiler cannot follow.
    [DynamicDependency(DynamicallyAccessedMemberTypes.PublicFields, typeof(RestartPolicyKind))]
    public Task<DockerContainer> GetContainerAsync(string id, CancellationToken stop)
    {
        DockerNames.Check(id, "container");
        return AskAsync(
            new Exchange(_transport), $"read the container '{id}'", "GET /containers/{id}/json", (client, token) => client.Containers.InspectContainerAsync(id, token), ModelReader.Container, stop);
    }

    public Task<Stream> OpenEventsAsync(IReadOnlyList<string> types, CancellationToken stop)
    {
        var filters = new Dictionary<string, IDictionary<string, bool>>(StringComparer.Ordinal) { ["type"] = types.ToDictionary(static type => type, static _ => true, StringComparer.Ordinal) };
        return AskAsync(
            new Exchange(_transport) { Streams = true }, "tell what happens", "GET /events",
#pragma warning disable CS0618 // Its replacement pushes events at the listener without limit; a stream is read only as fast as they are used.
            (client, token) => client.System.MonitorEventsAsync(new ContainerEventsParameters { Filters = filters }, token),
#pragma warning restore CS0618
            static (stream, _) => stream, stop);
    }

    public void Dispose() => _transport.Dispose();

    // A setting that is not asked for is null: the library leaves it out, so the engine decides.
    private static NetworksCreateParameters Parameters(NetworkSpec spec)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        if (spec.BridgeName is not null)
            options[DockerNetwork.BridgeNameOption] = spec.BridgeName;
        if (spec.Icc is { } icc)
            options[DockerNetwork.IccOption] = icc ? "true" : "false";
        foreach (var (key, value) in spec.Options)
            options[key] = value;
        return new NetworksCreateParameters
        {
            Name = spec.Name,
            Driver = "bridge",
            Scope = null!,
            Internal = spec.Internal ?? false,
            EnableIPv6 = spec.EnableIPv6,
            IPAM = spec.Subnets.Count == 0 ? null : new IPAM { Driver = null!, Config = [.. spec.Subnets.Select(subnet => Range(spec, subnet))] },
            Options = options,
            Labels = spec.Labels.ToDictionary(StringComparer.Ordinal),
        };
    }

    private static IPAMConfig Range(NetworkSpec spec, Cidr subnet) =>
        new() { Subnet = subnet.ToString(), IPRange = null!, Gateway = spec.Gateways.Where(gateway => gateway.Family == subnet.Family).Select(static gateway => gateway.Address).FirstOrDefault()! };

    // The library has no place for what belongs to one request, and a client is cheap, so each request has its own.
    private async Task<T> AskAsync<TModel, T>(
        Exchange exchange, string purpose, string what, Func<DockerClient, CancellationToken, Task<TModel>> ask, Func<TModel, string, T> read, CancellationToken stop, bool versioned = true)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(stop);
        if (timeout is { } most)
            timer.CancelAfter(most);
        using (exchange)
        {
            try
            {
                using var client = new DockerClientBuilder<HttpMessageHandler>(Transport.Instance, exchange)
                    .WithEndpoint(new Uri("http://docker"))
                    .WithApiVersion(versioned && Version is { } api ? new System.Version(api.Major, api.Minor) : null)
                    .WithTimeout(Timeout.InfiniteTimeSpan)
                    .Build();
                return read(await ask(client, timer.Token).ConfigureAwait(false), what);
            }
            catch (DockerApiException error)
            {
                throw DockerErrors.Of(purpose, (int)error.StatusCode, error.ResponseBody ?? "", endpoint);
            }
            catch (OperationCanceledException error) when (!stop.IsCancellationRequested)
            {
                var seconds = (timeout ?? TimeSpan.Zero).TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);
                throw new DockerException(DockerFailure.Timeout, $"Docker could not {purpose} within {seconds} s; it may still be at work.", endpoint, inner: error,
                    remedy: "Raise the timeout, or check with `systemctl status docker` and `journalctl -u docker` whether the engine hangs.");
            }
            // An error that the transport itself reports is the cause; any other broke within a reply.
            catch (HttpRequestException error) when (error.InnerException is DockerException)
            {
                ExceptionDispatchInfo.Throw(error.InnerException);
                throw;
            }
            catch (HttpRequestException error)
            {
                throw new DockerException(DockerFailure.BadReply, $"Docker could not {purpose}: the connection to {endpoint} broke or what answered is not HTTP ({error.Message.TrimEnd('.')}).", endpoint, inner: error,
                    remedy: "Try again; `systemctl status docker` shows how the engine is.");
            }
            // The whole reply is there, so it is the reading that failed, whatever the library calls that.
            catch (Exception error) when (exchange.Body is not null && error is not (DockerException or OperationCanceledException))
            {
                throw ModelReader.NotRead(what, exchange.Body, error);
            }
        }
    }

    /// <summary>One request and its reply, on their way between the library and the transport. The answer cannot fill the memory.</summary>
    private sealed class Exchange(HttpMessageInvoker transport) : HttpMessageHandler
    {
        private const int MostBytes = 64 * 1024 * 1024;

        /// <summary>What replaces the closing brace of the request's body.</summary>
        public string? Added { get; init; }

        /// <summary>Whether the reply is endless.</summary>
        public bool Streams { get; init; }

        /// <summary>The reply's body, once it has come.</summary>
        public byte[]? Body { get; private set; }

        /// <summary>The newest API version that the engine supports, which is in each reply.</summary>
        public string? ApiVersion { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (Added is not null)
            {
                var body = await request.Content!.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
                request.Content = new ByteArrayContent([.. body.AsSpan(..^1), .. Encoding.UTF8.GetBytes(Added)]) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
            }
            var reply = await transport.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (Streams && reply.IsSuccessStatusCode)
                return reply;
            using (reply)
            {
                CheckLength(reply.Content);
                ApiVersion = reply.Headers.TryGetValues("Api-Version", out var versions) ? string.Join(", ", versions) : null;
                byte[] body;
                try
                {
                    body = await ReadAsync(reply.Content, cancellationToken).ConfigureAwait(false);
                }
                catch (IOException error)
                {
                    throw new HttpRequestException(error.Message, error);
                }
                // The library treats a redirection as a success.
                if (!reply.IsSuccessStatusCode)
                    throw new DockerApiException(reply.StatusCode, Encoding.UTF8.GetString(body));
                Body = body;
                return new HttpResponseMessage(reply.StatusCode) { Content = new ByteArrayContent(body), RequestMessage = request };
            }
        }

        // .NET takes no notice of a length that is not one, and waits for the end of a body that has none.
        private static void CheckLength(HttpContent content)
        {
            if (content.Headers.NonValidated.TryGetValues("Content-Length", out var lengths) && (content.Headers.ContentLength is not { } length || length > MostBytes))
                throw new HttpRequestException($"the Content-Length '{ShownText.Value(lengths.ToString())}' is not one that a reply of Docker can have");
        }

        private static async Task<byte[]> ReadAsync(HttpContent content, CancellationToken stop)
        {
            var stream = await content.ReadAsStreamAsync(stop).ConfigureAwait(false);
            await using var closing = stream.ConfigureAwait(false);
            using var body = new MemoryStream();
            var buffer = new byte[16 * 1024];
            while (await stream.ReadAsync(buffer, stop).ConfigureAwait(false) is > 0 and var count)
            {
                if (body.Length + count > MostBytes)
                    throw new HttpRequestException($"the body is larger than {MostBytes} bytes");
                body.Write(buffer, 0, count);
            }
            return body.ToArray();
        }
    }

    /// <summary>Lets the library use an existing handler.</summary>
    private sealed class Transport : IDockerHandlerFactory<HttpMessageHandler>
    {
        public static Transport Instance { get; } = new();

        public ResolvedTransport CreateHandler(HttpMessageHandler transportOptions, ResolvedClientOptions clientOptions, ILogger logger) => new(transportOptions, clientOptions.Endpoint);

        public ResolvedTransport CreateHandler(ResolvedClientOptions clientOptions, ILogger logger) => throw new NotSupportedException();

        public Task<WriteClosableStream> HijackStreamAsync(HttpContent content) => throw new NotSupportedException();
    }
}
