using DockerNetHarden.Addresses;
using DockerNetHarden.Analysis;
using DockerNetHarden.Controls;
using DockerNetHarden.Docker;
using DockerNetHarden.Matching;
using DockerNetHarden.Packets;
using DockerNetHarden.Walking;

namespace DockerNetHarden.Audit;

/// <summary>What networks are asked about, in the order of a report's columns.</summary>
public enum AccessDestination
{
    /// <summary>The cloud's metadata, or that of every cloud if the host's is not known.</summary>
    Metadata,

    /// <summary>The host at its addresses, but for the network's own gateway.</summary>
    Host,

    /// <summary>The host at the network's own gateway address.</summary>
    Gateway,

    /// <summary>Internal ranges.</summary>
    Internal,

    /// <summary>New connections to mail servers outside.</summary>
    Mail,

    /// <summary>Every other service outside.</summary>
    Outside,
}

/// <summary>The answer to one question about a network.</summary>
/// <param name="Destination">What was asked about.</param>
/// <param name="Answer">What happens to the packets that a check is about.</param>
/// <param name="Excepted">What exceptions leave open although the rest is closed.</param>
internal sealed record MatrixCell(AccessDestination Destination, Answer Answer, Answer Excepted);

/// <summary>The answers about one network.</summary>
internal sealed record MatrixRow(DockerNetwork Network, IReadOnlyList<MatrixCell> Cells);

/// <summary>What each network of a host reaches: the answers that the checks judge, also where no check judges them.</summary>
internal static class NetworkMatrix
{
    // The global unicast addresses of IPv6 (RFC 4291, 2.4; IANA has assigned no others); of IPv4 all addresses that are for one machine (RFC 1122, 3.2.1.3).
    private static readonly IReadOnlyDictionary<Family, Cidr> Everywhere = new Dictionary<Family, Cidr> { [Family.IPv4] = Cidr.Parse("0.0.0.0/0"), [Family.IPv6] = Cidr.Parse("2000::/3") };
    private static readonly Cidr[] Nowhere = [Cidr.Parse("0.0.0.0/8"), Cidr.Parse("127.0.0.0/8"), Cidr.Parse("224.0.0.0/4"), Cidr.Parse("240.0.0.0/4")];

    /// <summary>The rows, by the networks' names. Each is whole before the next one is asked about, because the answers are then forgotten.</summary>
    public static IEnumerable<MatrixRow> Of(PacketWalk walk)
    {
        foreach (var network in new AuditedHost(walk).Networks)
        {
            var (host, gateway) = HostCheck.Parts(network);
            var (wholeHost, wholeGateway) = HostCheck.Parts(network, Services);
            yield return new MatrixRow(network.Network,
            [
                Metadata(network),
                Cell(AccessDestination.Host, host, wholeHost),
                Cell(AccessDestination.Gateway, gateway, wholeGateway),
                Cell(AccessDestination.Internal, InFamilies(network, InternalCheck.Of), InFamilies(network, static (each, family) => AuditedNetwork.Services(each.Internal(family), family))),
                Cell(AccessDestination.Mail, InFamilies(network, Mail), InFamilies(network, static (each, family) => each.Mail(family))),
                new(AccessDestination.Outside, InFamilies(network, Outside), Answer.Nothing),
            ]);
            network.Forget();
        }
    }

    // Where the profile allows it, the whole is the answer.
    private static MatrixCell Metadata(AuditedNetwork network)
    {
        var whole = MetadataAccessOf.All(network, network.Audit.Cloud.Endpoints);
        return network.AllowsMetadata ? new(AccessDestination.Metadata, whole, Answer.Nothing)
            : Cell(AccessDestination.Metadata, MetadataAccessOf.Unexcepted(network, network.Audit.Cloud.Endpoints), whole);
    }

    // Docker keeps networks apart, whatever the port: a mail server in another network of the host makes mail to the outside no less open.
    private static Answer Mail(AuditedNetwork network, Family family)
    {
        var answer = MailCheck.Of(network, family);
        var ranges = PacketSet.Of(new AccessQuery { Family = family, InInterface = network.Bridge, Destinations = [.. AccessTargets.InternalRanges.Where(range => range.Family == family)] });
        return answer.NotClosed.Any() ? answer.Where(part => !Answer.IsBlocked(part)).And(answer.Where(Answer.IsBlocked).Without([ranges])) : answer;
    }

    // If nothing is left when the exceptions are taken out, they leave everything open.
    private static MatrixCell Cell(AccessDestination destination, Answer answer, Answer whole) =>
        answer.IsEmpty ? new(destination, whole, Answer.Nothing) : new(destination, answer, answer.IsOpen ? Answer.Nothing : whole.Where(Answer.IsLetThrough));

    private static Answer InFamilies(AuditedNetwork network, Func<AuditedNetwork, Family, Answer> ask) =>
        network.Families.Aggregate(Answer.Nothing, (all, family) => all.And(ask(network, family)));

    private static Answer Services(AuditedNetwork network, Family family) =>
        AuditedNetwork.Services(network.Host(family).Where(part => part.Path is PacketPath.Local or PacketPath.None), family);

    // Without what the other columns are about.
    private static Answer Outside(AuditedNetwork network, Family family)
    {
        var known = network.Audit.Host.Addresses.Select(address => address.Address).Concat(AccessTargets.InternalRanges).Concat(MetadataAccessOf.Addresses).Concat(Nowhere)
            .Where(place => place.Family == family).Distinct();
        var mail = new AccessQuery { Family = family, InInterface = network.Bridge, Protocol = "tcp", Ports = PortList.Parse(SmtpRate.DefaultPorts, "Port") };
        return AuditedNetwork.Services(network.Places([Everywhere[family]]), family)
            .Without([PacketSet.Of(new AccessQuery { Family = family, InInterface = network.Bridge, Destinations = Cidr.Aggregate(known) }), PacketSet.Of(mail)])
            .Where(part => part is { Path: not (PacketPath.Local or PacketPath.Bridged), NewDestination: null } && !string.Equals(part.OutInterface, network.Bridge, StringComparison.Ordinal));
    }
}
