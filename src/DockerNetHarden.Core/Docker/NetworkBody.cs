using System.Buffers;
using System.Text.Json;

namespace DockerNetHarden.Docker;

/// <summary>Writes what is asked for as the body of <c>POST /networks/create</c>. The names of its members are Docker's, not ours.</summary>
internal static class NetworkBody
{
    // From this version on names are always unique and CheckDuplicate is ignored: https://docs.docker.com/reference/api/engine/version-history/.
    private static ApiVersion UniqueNames => new(1, 44);

    /// <summary>The body, for a version of the API; null: the engine's newest.</summary>
    public static ReadOnlyMemory<byte> Write(NetworkSpec spec, ApiVersion? api)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteString("Name", spec.Name);
            if (api is { } version && version < UniqueNames)
                writer.WriteBoolean("CheckDuplicate", true);
            writer.WriteString("Driver", "bridge");
            if (spec.Internal is { } isInternal)
                writer.WriteBoolean("Internal", isInternal);
            if (spec.EnableIPv6 is { } enableIPv6)
                writer.WriteBoolean("EnableIPv6", enableIPv6);
            if (spec.Subnets.Count > 0)
                WriteRanges(writer, spec);
            writer.WriteStartObject("Options");
            if (spec.BridgeName is not null)
                writer.WriteString(NetworkReader.BridgeNameOption, spec.BridgeName);
            if (spec.Icc is { } icc)
                writer.WriteString(NetworkReader.IccOption, icc ? "true" : "false");
            foreach (var (key, value) in spec.Options)
                writer.WriteString(key, value);
            writer.WriteEndObject();
            writer.WriteStartObject("Labels");
            foreach (var (key, value) in spec.Labels)
                writer.WriteString(key, value);
            writer.WriteEndObject();
            writer.WriteEndObject();
        }
        return json.WrittenMemory;
    }

    private static void WriteRanges(Utf8JsonWriter writer, NetworkSpec spec)
    {
        writer.WriteStartObject("IPAM");
        writer.WriteStartArray("Config");
        foreach (var subnet in spec.Subnets)
        {
            writer.WriteStartObject();
            writer.WriteString("Subnet", subnet.ToString());
            foreach (var gateway in spec.Gateways.Where(gateway => gateway.Family == subnet.Family))
                writer.WriteString("Gateway", gateway.Address);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
