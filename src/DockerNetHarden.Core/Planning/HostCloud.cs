using DockerNetHarden.Addresses;
using DockerNetHarden.Controls;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Planning;

/// <summary>The cloud that a host is in, as its firmware tells, and the addresses of metadata that matter there. Source of the signs: cloud-init's ds-identify, and others that metadata-endpoints.json names.</summary>
internal sealed class HostCloud
{
    private HostCloud(HostSnapshot host, MetadataProvider? provider)
    {
        (HostName, Provider) = (host.HostName, provider);
        DhcpServers = host.Platform?.DhcpServers ?? [];
        Leased = provider is { DhcpServerPorts.Count: > 0 } ? [.. DhcpServers.Select(server => new MetadataEndpoint(server, provider.DhcpServerPorts, [], EndpointPath.Forward))] : [];
        IsKnown = provider is not null && (provider.Endpoints.Count > 0 || Leased.Count > 0);
        Endpoints = [.. IsKnown ? MetadataEndpoints.Merge([provider!]) : MetadataEndpoints.All, .. Leased];
        Others = [.. MetadataEndpoints.All.Where(endpoint => !Endpoints.Any(own => own.Address.Contains(endpoint.Address)))];
        Said = host.Platform is not { } platform ? "nothing was read of its firmware"
            : Texts(platform).Values.Where(text => text.Length > 0).Distinct(StringComparer.Ordinal).ToList() is { Count: > 0 } texts ? $"its firmware says {string.Join(", ", texts.Select(text => $"'{text}'"))}"
            : "its firmware says nothing (/sys/class/dmi/id)";
    }

    /// <summary>The host.</summary>
    public string HostName { get; }

    /// <summary>The cloud; null if it is not known.</summary>
    public MetadataProvider? Provider { get; }

    /// <summary>Whether the cloud and its addresses are known. If not, the addresses are those of all clouds: better too many than the wrong ones.</summary>
    public bool IsKnown { get; }

    /// <summary>The endpoints of the host's cloud, or of all.</summary>
    public IReadOnlyList<MetadataEndpoint> Endpoints { get; }

    /// <summary>The endpoints of other clouds, at addresses that are none of this one's.</summary>
    public IReadOnlyList<MetadataEndpoint> Others { get; }

    /// <summary>Those of <see cref="Endpoints"/> whose address only the host knew.</summary>
    public IReadOnlyList<MetadataEndpoint> Leased { get; }

    /// <summary>The ports at which hosts of this cloud, or of any, serve metadata themselves.</summary>
    public IReadOnlyList<PortSpec> HostPorts => MetadataEndpoints.HostPorts(IsKnown ? [Provider!] : MetadataEndpoints.Providers);

    /// <summary>The DHCP servers of the host's networks, as far as its leases were read.</summary>
    public IReadOnlyList<Cidr> DhcpServers { get; }

    /// <summary>What the firmware says, in words that continue a sentence.</summary>
    public string Said { get; }

    /// <summary>The cloud of a host.</summary>
    public static HostCloud Of(HostSnapshot host)
    {
        if (host.Platform is not { } platform)
            return new(host, null);
        var texts = Texts(platform);
        return new(host, MetadataEndpoints.Providers.FirstOrDefault(provider => provider.Firmware.Any(sign => sign.Matches(texts[sign.Place]))));
    }

    private static Dictionary<string, string> Texts(HostPlatform platform) => new(StringComparer.Ordinal)
    {
        ["vendor"] = platform.Vendor,
        ["product"] = platform.Product,
        ["chassisVendor"] = platform.ChassisVendor,
        ["chassisAssetTag"] = platform.ChassisAssetTag,
        ["biosVersion"] = platform.BiosVersion,
    };
}
