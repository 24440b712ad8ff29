using System.Net;
using System.Net.Sockets;
using DockerNetHarden.Addresses;
using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab;

// One strict reading of addresses (the framework's differs between versions), plus the zone, which only a probe needs: fe80::1%eth0.
internal static class LabAddress
{
    public static IPAddress Parse(string text, NetNamespace? seenFrom = null)
    {
        var percent = text.IndexOf('%', StringComparison.Ordinal);
        var address = Single(percent < 0 ? text : text[..percent]);
        if (percent < 0)
            return address;
        if (seenFrom is null || address.AddressFamily != AddressFamily.InterNetworkV6)
            throw new FormatException($"'{text}': a zone belongs to an IPv6 link-local address that is asked from inside a namespace.");
        return new IPAddress(address.GetAddressBytes(), seenFrom.InterfaceIndex(text[(percent + 1)..]));
    }

    private static IPAddress Single(string text)
    {
        var cidr = Cidr.Parse(text);
        if (!cidr.IsSingleAddress)
            throw new FormatException($"'{text}' is a prefix; name one address.");
        var octets = new byte[Cidr.Width(cidr.Family) / 8];
        var rest = cidr.Bits;
        for (var i = octets.Length - 1; i >= 0; i--, rest >>= 8)
            octets[i] = (byte)(rest & 0xff);
        return new IPAddress(octets);
    }
}
