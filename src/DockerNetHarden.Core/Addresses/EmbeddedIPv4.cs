namespace DockerNetHarden.Addresses;

/// <summary>
/// IPv6 addresses that lead to an IPv4 address in them: through a translator with the well-known prefix 64:ff9b::/96 (NAT64, RFC 6052), as a site's prefix in 2002::/16 (6to4, RFC 3056), and mapped in
/// ::ffff:0:0/96 (RFC 4291, 2.5.5.2). A translator's own prefix, also one in 64:ff9b:1::/48 (RFC 8215), is only known to whoever chose it.
/// </summary>
internal static class EmbeddedIPv4
{
    private static readonly Cidr[] Forms = [Cidr.Parse("64:ff9b::/96"), Cidr.Parse("2002::/16"), Cidr.Parse("::ffff:0.0.0.0/96")];

    /// <summary>The IPv6 prefixes that lead to an IPv4 prefix; none of an IPv6 prefix.</summary>
    public static IEnumerable<Cidr> FormsOf(Cidr prefix) => prefix.Family == Family.IPv6 ? []
        : Forms.Select(form => Cidr.From(Family.IPv6, form.Bits | (prefix.Bits << (96 - form.Length)), form.Length + prefix.Length));
}
