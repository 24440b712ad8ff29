using System.Globalization;
using System.Security.Cryptography;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>Unique local IPv6 subnets, RFC 4193: fd, 40 random bits, a subnet of 16 bits, which is 0 here. Two of them meet by chance once in 10^12.</summary>
internal static class UniqueLocal
{
    /// <summary>A subnet that nobody else has.</summary>
    public static Cidr Subnet()
    {
        var id = RandomNumberGenerator.GetBytes(5);
        return Cidr.Parse(string.Create(CultureInfo.InvariantCulture, $"fd{id[0]:x2}:{(id[1] << 8) | id[2]:x}:{(id[3] << 8) | id[4]:x}::/64"));
    }
}
