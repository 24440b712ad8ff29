using System.Collections.Concurrent;
using System.Text.Json.Serialization;

namespace DockerNetHarden.Lab.Services;

internal sealed class ServiceCounters
{
    private readonly ConcurrentDictionary<string, Counter> counters = new(StringComparer.Ordinal);

    public Counter this[string service] => counters.GetOrAdd(service, _ => new Counter());

    public Dictionary<string, ServiceCount> Read() => counters.ToDictionary(pair => pair.Key, pair => pair.Value.Read(), StringComparer.Ordinal);

    internal sealed class Counter
    {
        private long connections;
        private long requests;

        public void Connection() => Interlocked.Increment(ref connections);

        public void Request() => Interlocked.Increment(ref requests);

        public ServiceCount Read() => new(Interlocked.Read(ref connections), Interlocked.Read(ref requests));
    }
}

// One line of JSON in each direction over the control socket.
internal sealed record ControlRequest(string Operation, string? Namespace = null, string? Name = null, string? Address = null, int Port = 0, ServiceKind Kind = ServiceKind.Http);

internal sealed record ControlReply(string? Error, IReadOnlyDictionary<string, ServiceCount>? Counts = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlReply))]
internal sealed partial class ControlJson : JsonSerializerContext;
