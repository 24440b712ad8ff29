using System.Globalization;

namespace DockerNetHarden.Packets;

/// <summary>Which services packets are for, whatever their addresses: protocols with their destination ports, in words.</summary>
internal sealed class ServiceSet
{
    // More of them say less than what is missing.
    private const int MostNamed = 8;

    // Of each protocol, in the layer that has nothing but numbers: what source ports or flags belong to a port does not matter here.
    private readonly SourcePortLayer?[] _ports = new SourcePortLayer?[Layers.LastProtocol + 1];

    private ServiceSet()
    {
    }

    /// <summary>Whether they are for every service. A family's ICMP alone opens its connections, so the other one's absence means nothing.</summary>
    public bool IsEverything => Enumerable.Range(0, _ports.Length).All(protocol => IsWhole(protocol) || Protocols.IsIcmp(protocol));

    /// <summary>The protocols, by name; empty if they are nearly all.</summary>
    public IReadOnlyList<string> Names => [.. Few(protocol => _ports[protocol] is not null).Select(Protocols.NameOf)];

    /// <summary>The services of packets.</summary>
    public static ServiceSet Of(IEnumerable<PacketSet> packets)
    {
        var services = new ServiceSet();
        // Most destinations share what is below them.
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var layers = packets.Where(set => !set.IsEmpty).SelectMany(set => set.Root!.InOrder()).Where(span => seen.Add(span.Inner))
            .SelectMany(span => span.Inner.InOrder()).Where(span => seen.Add(span.Inner)).SelectMany(span => span.Inner.InOrder());
        foreach (var span in layers)
        {
            var ports = SourcePortLayer.Of(span.Inner.InOrder().Select(static ports => (ports.First, ports.Last)), TrackedFlags.All)!;
            for (var protocol = (int)span.First; protocol <= (int)span.Last; protocol++)
            {
                var more = Protocols.HasPorts(protocol) ? ports : Layers.AnySourcePort;
                services._ports[protocol] = services._ports[protocol]?.Union(more) ?? more;
            }
        }
        return services;
    }

    /// <summary>The ports, such as <c>53,123/udp, 80/tcp</c>; without their protocol if there is only one; null for all of all protocols.</summary>
    /// <param name="asked">The services that the question is about: where nearly all of them are meant, those that are not are named.</param>
    public string? Ports(ServiceSet asked)
    {
        if (IsEverything)
            return null;
        var missing = asked.Without(this);
        var named = Items();
        if (named is null || (missing.Items() is { Count: > 0 } others && named.Count + named.Sum(static item => item.Count(',')) > others.Count + others.Sum(static item => item.Count(','))))
            return missing.Items() is { Count: > 0 } few ? $"all but {string.Join(", ", few)}" : null;
        return Names is [var only] ? string.Join(", ", named.Select(item => item == only ? "all" : item[..item.IndexOf('/', StringComparison.Ordinal)])) : string.Join(", ", named);
    }

    private ServiceSet Without(ServiceSet other)
    {
        var rest = new ServiceSet();
        for (var protocol = 0; protocol < _ports.Length; protocol++)
            rest._ports[protocol] = other._ports[protocol] is { } theirs ? _ports[protocol]?.Subtract(theirs) : _ports[protocol];
        return rest;
    }

    // Null if they are too many to be read.
    private List<string>? Items()
    {
        var protocols = Few(protocol => _ports[protocol] is not null);
        return protocols.Count == 0 && Array.Exists(_ports, static ports => ports is not null) ? null : [.. protocols.Select(Item).Order(StringComparer.Ordinal)];
    }

    private List<int> Few(Func<int, bool> holds)
    {
        List<int> protocols = [.. Enumerable.Range(0, _ports.Length).Where(holds)];
        return protocols.Count > MostNamed ? [] : protocols;
    }

    private string Item(int protocol) => IsWhole(protocol) || !Protocols.HasPorts(protocol) ? Protocols.NameOf(protocol)
        : $"{string.Join(',', _ports[protocol]!.InOrder().Select(static span => span.First == span.Last ? span.First.ToString(CultureInfo.InvariantCulture) : string.Create(CultureInfo.InvariantCulture, $"{span.First}-{span.Last}")))}/{Protocols.NameOf(protocol)}";

    private bool IsWhole(int protocol) => _ports[protocol] is { Count: 1 } ports && ports.Low == UInt128.Zero && ports.High == Layers.LastPort;
}
