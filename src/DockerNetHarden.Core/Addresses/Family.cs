namespace DockerNetHarden.Addresses;

/// <summary>The address family of a rule: IPv4 (iptables) or IPv6 (ip6tables).</summary>
public enum Family
{
    /// <summary>IPv4, written with iptables.</summary>
    IPv4 = 4,

    /// <summary>IPv6, written with ip6tables.</summary>
    IPv6 = 6,
}
