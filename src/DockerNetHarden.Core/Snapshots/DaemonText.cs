using System.Text.Json;

namespace DockerNetHarden.Snapshots;

/// <summary>
/// dockerd's settings that decide about packets, from its arguments and its configuration file. All others are not read: among them are proxies and log
/// options, which can hold passwords. Source: dockerd(8), dockerd's configuration file reference.
/// </summary>
public static class DaemonText
{
    // On or off; on the command line a name alone means on.
    private static readonly HashSet<string> Switches = new(StringComparer.Ordinal)
    {
        "iptables", "ip6tables", "ip-forward", "ip-forward-no-drop", "ip-masq", "ipv6", "userland-proxy", "icc", "live-restore", "experimental", "allow-direct-routing", "selinux-enabled",
        "no-new-privileges",
    };

    // If the names in the file and on the command line differ, the one in the file is used.
    private static readonly Dictionary<string, string> Values = new(StringComparer.Ordinal)
    {
        ["firewall-backend"] = "firewall-backend", ["bridge"] = "bridge", ["b"] = "bridge", ["bip"] = "bip", ["bip6"] = "bip6", ["fixed-cidr"] = "fixed-cidr", ["fixed-cidr-v6"] = "fixed-cidr-v6",
        ["default-gateway"] = "default-gateway", ["default-gateway-v6"] = "default-gateway-v6", ["ip"] = "ip", ["host"] = "hosts", ["H"] = "hosts", ["hosts"] = "hosts", ["dns"] = "dns",
        ["data-root"] = "data-root", ["userns-remap"] = "userns-remap", ["tlsverify"] = "tlsverify", ["default-network-opt"] = "default-network-opts", ["default-network-opts"] = "default-network-opts",
    };

    /// <summary>Reads both sources; dockerd does not start if both name the same setting, so neither overrides the other.</summary>
    /// <param name="arguments">The arguments of the process, one per line; empty if they are not known.</param>
    /// <param name="json">The configuration file; empty if there is none.</param>
    /// <returns>The settings by their name in the configuration file; lists are joined with commas.</returns>
    /// <exception cref="FormatException">The file is not a JSON object.</exception>
    public static IReadOnlyDictionary<string, string> Parse(string arguments, string json)
    {
        ArgumentNullException.ThrowIfNull(arguments);
        ArgumentNullException.ThrowIfNull(json);
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        ReadFile(json, settings);
        ReadArguments(arguments.Split('\n'), settings);
        return settings;
    }

    private static void ReadArguments(string[] arguments, Dictionary<string, string> settings)
    {
        for (var i = 1; i < arguments.Length; i++)
        {
            if (!arguments[i].StartsWith('-'))
                continue;
            var parts = arguments[i].TrimStart('-').Split('=', 2);
            if (parts[0] is "tlsverify" || Switches.Contains(parts[0]))
                settings[parts[0]] = parts.Length == 2 ? parts[1] : "true";
            else if (Values.TryGetValue(parts[0], out var name))
                Add(settings, name, parts.Length == 2 ? parts[1] : i + 1 < arguments.Length ? arguments[++i] : "");
        }
    }

    private static void ReadFile(string json, Dictionary<string, string> settings)
    {
        // dockerd also starts with an empty file.
        if (string.IsNullOrWhiteSpace(json))
            return;
        try
        {
            using var document = JsonText.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new FormatException("dockerd's configuration file is not a JSON object; dockerd itself would not start with it.");
            foreach (var member in document.RootElement.EnumerateObject())
            {
                if (Switches.Contains(member.Name))
                    Add(settings, member.Name, Text(member.Value));
                else if (Values.TryGetValue(member.Name, out var name))
                    Add(settings, name, Text(member.Value));
            }
        }
        catch (JsonException error)
        {
            throw new FormatException($"dockerd's configuration file is not JSON: {error.Message}", error);
        }
    }

    private static void Add(Dictionary<string, string> settings, string name, string value) =>
        settings[name] = settings.TryGetValue(name, out var before) ? $"{before},{value}" : value;

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Array => string.Join(',', value.EnumerateArray().Select(Text)),
        _ => value.GetRawText(),
    };
}
