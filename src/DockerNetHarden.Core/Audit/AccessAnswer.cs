using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Iptables;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Rules;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>What an answer means to a person, in the order in which people look at it: what is open first.</summary>
public enum AccessState
{
    /// <summary>Packets are let through, and no exception of a control says so.</summary>
    Open,

    /// <summary>Something that is not modelled decides: neither open nor closed.</summary>
    Unknown,

    /// <summary>They are let through up to a rate.</summary>
    RateLimited,

    /// <summary>They are let through, because a control that closes the rest leaves them open.</summary>
    Exception,

    /// <summary>They would be let through, but to an address that only a host can serve, and this one neither has nor redirects it.</summary>
    NotServed,

    /// <summary>They are dropped or rejected.</summary>
    Closed,
}

/// <summary>A part of the answer to a question, and what it means.</summary>
/// <param name="Question">The question.</param>
/// <param name="Part">The packets that meet one end by one rule, and mean one thing.</param>
/// <param name="State">What it means.</param>
/// <param name="Exception">The control whose exception leaves them open, such as <c>MetadataAccess</c>, or the mark of a rule of the user's own; null for other states.</param>
public sealed record AccessAnswer(TraceQuestion Question, AccessPart Part, AccessState State, string? Exception);

/// <summary>Tells for the parts of answers what they mean: exceptions, and what nobody serves on this host, are told apart from what is open. Pure.</summary>
public sealed class AccessAnswers
{
    // The controls with exceptions of their own. Those of custom rules are rules of the user's.
    private static readonly string[] WithExceptions = ["MetadataAccess", "HostAccess", "InternalAccess", "SmtpRate"];

    // What is served at these addresses is served by the host itself, or by something that it runs.
    private static readonly Dictionary<Family, PacketSet> OfHosts = new[] { Family.IPv4, Family.IPv6 }.ToDictionary(family => family, AtHosts);

    private readonly PacketWalk _walk;
    private readonly InstalledControls _controls;
    private readonly HashSet<string?> _bridges;
    private readonly Dictionary<(Family Family, string Bridge), IReadOnlyList<(string Control, PacketSet Packets)>> _exceptions = [];

    /// <summary>Prepares the exceptions of a host.</summary>
    /// <param name="walk">The host's rule sets, prepared for questions.</param>
    public AccessAnswers(PacketWalk walk)
    {
        ArgumentNullException.ThrowIfNull(walk);
        _walk = walk;
        _controls = new InstalledControls(walk);
        _bridges = walk.Host.Networks.Select(network => network.Bridge).ToHashSet(StringComparer.Ordinal);
    }

    /// <summary>The parts of the answer to a question. A part of which an exception leaves open only some packets becomes two.</summary>
    public IEnumerable<AccessAnswer> Of(TraceQuestion question)
    {
        ArgumentNullException.ThrowIfNull(question);
        return _walk.Ask(question.Packets, question.Query.InInterface).SelectMany(part => Of(question, part));
    }

    private IEnumerable<AccessAnswer> Of(TraceQuestion question, AccessPart part)
    {
        if (!Answer.Passes(part))
            return [new AccessAnswer(question, part, part.Verdict is Verdict.Unknown ? AccessState.Unknown : AccessState.Closed, null)];
        if (OwnRule(part) is { } mark)
            return [new AccessAnswer(question, part, AccessState.Exception, mark.ToString())];
        var parts = new List<AccessAnswer>();
        foreach (var (control, packets) in Exceptions(part.Packets.Family, question.Query.InInterface))
        {
            var excepted = part.Packets.Intersect(packets);
            if (excepted.IsEmpty)
                continue;
            parts.Add(new AccessAnswer(question, part with { Packets = excepted }, AccessState.Exception, control));
            part = part with { Packets = part.Packets.Subtract(excepted) };
        }
        // Packets to a link of this host, or to a container on it, are served here if anywhere.
        if (part is { Path: PacketPath.Forward, NewDestination: null } && !_bridges.Contains(part.OutInterface) && part.Packets.Intersect(OfHosts[part.Packets.Family]) is { IsEmpty: false } unserved)
        {
            parts.Add(new AccessAnswer(question, part with { Packets = unserved, Reason = "Not served on this host: it neither has nor redirects the address. " + part.Reason }, AccessState.NotServed, null));
            part = part with { Packets = part.Packets.Subtract(unserved) };
        }
        if (!part.Packets.IsEmpty)
            parts.Add(new AccessAnswer(question, part, part.Verdict is Verdict.RateLimited ? AccessState.RateLimited : AccessState.Open, null));
        return parts;
    }

    // A rule of ours that accepts is an exception that decides by itself.
    private static RuleMark? OwnRule(AccessPart part) => part.Verdict is Verdict.Accept && part.Rule is { } rule
        ? RuleOptions.ValuesOf(rule.Tokens, "--comment").Select(comment => RuleMark.TryParse(comment, out var mark, out _) ? mark : null).FirstOrDefault(mark => mark is not null)
        : null;

    // An exception of a control that closes nothing here excepts nothing.
    private IReadOnlyList<(string Control, PacketSet Packets)> Exceptions(Family family, string bridge)
    {
        if (!_exceptions.TryGetValue((family, bridge), out var found))
        {
            _exceptions[(family, bridge)] = found = [.. WithExceptions.Where(control => _controls.Blocks(control, family, bridge).Any())
                .Select(control => (control, _controls.Exceptions(control, family, bridge).Aggregate(PacketSet.None(family), (all, one) => all.Union(one)))).Where(pair => !pair.Item2.IsEmpty)];
        }
        return found;
    }

    private static PacketSet AtHosts(Family family)
    {
        var endpoints = MetadataEndpoints.All.Where(endpoint => endpoint.Address.Family == family).ToLookup(endpoint => endpoint.Path == EndpointPath.Forward, endpoint => endpoint.Address);
        Cidr[] places = [.. endpoints[false].Distinct().Except(endpoints[true])];
        return places.Length == 0 ? PacketSet.None(family) : PacketSet.Of(new AccessQuery { Family = family, InInterface = "any", Destinations = places });
    }
}
