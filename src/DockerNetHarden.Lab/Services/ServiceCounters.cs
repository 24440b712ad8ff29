using System.Collections.Concurrent;

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
