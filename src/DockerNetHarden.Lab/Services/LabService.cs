namespace DockerNetHarden.Lab.Services;

/// <summary>What a service speaks.</summary>
public enum ServiceKind
{
    /// <summary>HTTP/1.1 with keep-alive; every request is answered 200 with the service's name and a secret.</summary>
    Http,

    /// <summary>DNS over UDP and TCP: every question of type A is answered with 192.0.2.53.</summary>
    Dns,

    /// <summary>TCP: a greeting as a mail server gives it, then whatever is sent is read and forgotten.</summary>
    Mail,

    /// <summary>UDP: every datagram goes back to where it came from.</summary>
    Echo,
}

/// <summary>Where a service of the lab runs.</summary>
public enum ServicePlace
{
    /// <summary>Outside: behind the host's uplink.</summary>
    Outside,

    /// <summary>On the Docker host itself.</summary>
    Host,
}

/// <summary>One service that a lab offers. Its connections are counted under its name.</summary>
public sealed record LabService(string Name, ServicePlace Place, string Address, int Port, ServiceKind Kind);

/// <summary>How often a service was reached: connections and datagrams that arrived, and requests among them that were answered.</summary>
public sealed record ServiceCount(long Connections, long Requests);

/// <summary>The addresses of a lab: the same in every lab, because every lab has its own namespaces.</summary>
public static class LabAddresses
{
    /// <summary>The host's address on its uplink: in 172.31.0.0/16, AWS's default VPC and one of Docker's address pools.</summary>
    public const string Host = "172.31.5.4";

    /// <summary>The host's second address, in another of Docker's pools.</summary>
    public const string HostSecond = "192.168.7.4";

    /// <summary>A machine beside the host: a service, and a client.</summary>
    public const string Neighbour = "172.31.0.9";

    /// <summary>The same on the second network.</summary>
    public const string NeighbourSecond = "192.168.7.7";

    /// <summary>The host's default gateway.</summary>
    public const string Gateway = "172.31.0.1";

    public const string Metadata = "169.254.169.254";
    public const string WireServer = "168.63.129.16";
    public const string Alibaba = "100.100.100.200";
    public const string OracleStorage = "169.254.0.2";
    public const string Internal = "10.0.0.5";
    public const string InternalDns = "10.0.0.53";
    public const string Web = "203.0.113.25";
    public const string WebSecond = "198.51.100.7";

    // Documentation prefixes (RFC 3849) stand for the internet, a unique local address (RFC 4193) for internal hosts.
    public const string HostV6 = "2001:db8:31::4";
    public const string NeighbourV6 = "2001:db8:31::9";
    public const string GatewayV6 = "2001:db8:31::1";

    /// <summary>AWS's metadata service over IPv6.</summary>
    public const string MetadataV6 = "fd00:ec2::254";
    public const string InternalV6 = "fd00:10::5";
    public const string WebV6 = "2001:db8:203::25";

    /// <summary>10.0.0.5 behind a translator with the well-known prefix (RFC 6052).</summary>
    public const string InternalNat64 = "64:ff9b::a00:5";

    /// <summary>The port of the host's own HTTP service, on every address of both families.</summary>
    public const int HostHttpPort = 8080;

    /// <summary>The port of the host's UDP echo, on every IPv4 address.</summary>
    public const int HostEchoPort = 9000;

    /// <summary>Everything that answers before any rule is written.</summary>
    public static IReadOnlyList<LabService> Services { get; } =
    [
        new("metadata", ServicePlace.Outside, Metadata, 80, ServiceKind.Http),
        new("metadata-dns", ServicePlace.Outside, Metadata, 53, ServiceKind.Dns),
        new("wireserver", ServicePlace.Outside, WireServer, 80, ServiceKind.Http),
        new("wireserver-443", ServicePlace.Outside, WireServer, 443, ServiceKind.Http),
        new("wireserver-32526", ServicePlace.Outside, WireServer, 32526, ServiceKind.Http),
        new("wireserver-dns", ServicePlace.Outside, WireServer, 53, ServiceKind.Dns),
        new("alibaba", ServicePlace.Outside, Alibaba, 80, ServiceKind.Http),
        new("oracle-storage", ServicePlace.Outside, OracleStorage, 3260, ServiceKind.Mail),
        new("internal", ServicePlace.Outside, Internal, 80, ServiceKind.Http),
        new("internal-192", ServicePlace.Outside, NeighbourSecond, 80, ServiceKind.Http),
        new("internal-172", ServicePlace.Outside, Neighbour, 80, ServiceKind.Http),
        new("internal-dns", ServicePlace.Outside, InternalDns, 53, ServiceKind.Dns),
        new("web", ServicePlace.Outside, Web, 80, ServiceKind.Http),
        new("web-second", ServicePlace.Outside, WebSecond, 80, ServiceKind.Http),
        new("mail", ServicePlace.Outside, Web, 25, ServiceKind.Mail),
        new("mail", ServicePlace.Outside, Web, 465, ServiceKind.Mail),
        new("mail", ServicePlace.Outside, Web, 587, ServiceKind.Mail),
        new("host-http", ServicePlace.Host, "0.0.0.0", HostHttpPort, ServiceKind.Http),
        new("host-http", ServicePlace.Host, "::", HostHttpPort, ServiceKind.Http),
        new("host-echo", ServicePlace.Host, "0.0.0.0", HostEchoPort, ServiceKind.Echo),
        // Bound to the address that it answers from: a resolver does not accept an answer from another address.
        new("host-dns", ServicePlace.Host, Host, 53, ServiceKind.Dns),
    ];

    /// <summary>The services that also answer over IPv6 in a lab with IPv6.</summary>
    public static IReadOnlyList<LabService> ServicesV6 { get; } =
    [
        new("metadata-v6", ServicePlace.Outside, MetadataV6, 80, ServiceKind.Http),
        new("internal-v6", ServicePlace.Outside, InternalV6, 80, ServiceKind.Http),
        new("internal-nat64", ServicePlace.Outside, InternalNat64, 80, ServiceKind.Http),
        new("neighbour-v6", ServicePlace.Outside, NeighbourV6, 80, ServiceKind.Http),
        new("web-v6", ServicePlace.Outside, WebV6, 80, ServiceKind.Http),
        new("mail-v6", ServicePlace.Outside, WebV6, 25, ServiceKind.Mail),
    ];
}
