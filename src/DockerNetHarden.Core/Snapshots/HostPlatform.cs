using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>
/// What tells which cloud a host is in: what its firmware says about the machine (SMBIOS, which the kernel shows in <c>/sys/class/dmi/id</c>), and which DHCP servers gave it its addresses.
/// A text is empty if the firmware does not say it.
/// </summary>
public sealed record HostPlatform
{
    /// <summary>The machine's vendor, from <c>sys_vendor</c>: <c>Amazon EC2</c>.</summary>
    public string Vendor { get; init; } = "";

    /// <summary>The product's name, from <c>product_name</c>: <c>Google Compute Engine</c>.</summary>
    public string Product { get; init; } = "";

    /// <summary>The chassis's vendor, from <c>chassis_vendor</c>.</summary>
    public string ChassisVendor { get; init; } = "";

    /// <summary>The chassis's asset tag, from <c>chassis_asset_tag</c>: <c>OracleCloud.com</c>.</summary>
    public string ChassisAssetTag { get; init; } = "";

    /// <summary>The firmware's version, from <c>bios_version</c>: <c>4.11.amazon</c>.</summary>
    public string BiosVersion { get; init; } = "";

    /// <summary>The DHCP servers in the leases of the host, IPv4.</summary>
    public IReadOnlyList<Cidr> DhcpServers { get; init; } = [];
}

/// <summary>Reads a <see cref="HostPlatform"/> out of the files that hold it.</summary>
internal static partial class PlatformText
{
    private const string Dmi = "/sys/class/dmi/id/";

    /// <summary>The files of the firmware's texts, and where systemd-networkd, dhclient and NetworkManager keep leases, as patterns for a shell. Source: cloud-init, net/dhcp.py.</summary>
    public const string Files = $"{Dmi}sys_vendor {Dmi}product_name {Dmi}chassis_vendor {Dmi}chassis_asset_tag {Dmi}bios_version "
        + "/run/systemd/netif/leases/* /run/dhclient*.lease* /var/lib/dhcp/dhclient*.lease* /var/lib/dhclient/*.lease* /var/lib/NetworkManager/*.lease*";

    /// <summary>Reads it.</summary>
    /// <param name="file">The text of a file, by its path; empty if there is no such file.</param>
    /// <param name="lines">The lines of all files, each with the file's path and a colon before it.</param>
    public static HostPlatform Read(Func<string, string> file, IEnumerable<string> lines) => new()
    {
        Vendor = Text(file(Dmi + "sys_vendor")),
        Product = Text(file(Dmi + "product_name")),
        ChassisVendor = Text(file(Dmi + "chassis_vendor")),
        ChassisAssetTag = Text(file(Dmi + "chassis_asset_tag")),
        BiosVersion = Text(file(Dmi + "bios_version")),
        // A file of dhclient holds older leases too; the last one counts.
        DhcpServers = [.. lines.Select(line => LeaseLine().Match(line)).Where(match => match.Success)
            .GroupBy(match => match.Groups["file"].Value, StringComparer.Ordinal).Select(leases => leases.Last().Groups["server"].Value)
            .Select(text => Cidr.TryParse(text, out var server) ? server : (Cidr?)null).OfType<Cidr>()
            .Where(server => server is { Family: Family.IPv4, IsSingleAddress: true }).Distinct().Order()],
    };

    // Texts of SMBIOS have no longest length; what clouds say is short.
    private static string Text(string text) => ShownText.Value(text.Trim());

    // systemd-networkd and NetworkManager; dhclient.leases(5).
    [GeneratedRegex(@"\A(?<file>[^:]*(/leases/|\.lease)[^:]*):\s*(SERVER_ADDRESS=|option dhcp-server-identifier )(?<server>[0-9.]+);?\s*\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex LeaseLine();
}
