using System.Globalization;
using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Snapshots;

/// <summary>A packet in the kernel log. Source: iptables-extensions(8), LOG; net/netfilter/nf_log_syslog.c.</summary>
/// <param name="Prefix">What the rule puts before it, without its last space: <c>DNH-REPORT</c>, <c>DNH MetadataAccess</c>.</param>
/// <param name="At">When; null if the kernel writes no times (<c>printk.time</c> is off).</param>
/// <param name="InLink">The link by which it came; empty if it came by none.</param>
/// <param name="OutLink">The link by which it leaves; empty if it is for the host itself.</param>
/// <param name="Source">Where it comes from.</param>
/// <param name="Destination">Where it goes, after any translation.</param>
/// <param name="Protocol">The protocol in lower case, or its number.</param>
/// <param name="SourcePort">The source port; null if the protocol has none.</param>
/// <param name="Port">The destination port; null if the protocol has none.</param>
/// <param name="Id">What tells it from other packets between the same ends: the IPv4 identification, or the IPv6 flow label.</param>
public sealed record LoggedPacket(string Prefix, DateTimeOffset? At, string InLink, string OutLink, Cidr Source, Cidr Destination, string Protocol, int? SourcePort, int? Port, string Id);

/// <summary>What a host's kernel log has of this module's rules.</summary>
/// <param name="Packets">The packets, oldest first.</param>
/// <param name="Unread">Why the log could not be read; null if it could.</param>
public sealed partial record KernelLog(IReadOnlyList<LoggedPacket> Packets, string? Unread)
{
    private const int Patience = 1000;

    /// <summary>Reads the output of <c>dmesg</c>.</summary>
    /// <param name="text">The lines; those of others are left out.</param>
    /// <param name="uptime">What <c>/proc/uptime</c> said at the same time: the log's times count from the start of the host.</param>
    /// <param name="now">When that was.</param>
    public static KernelLog Parse(string text, string uptime, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(uptime);
        var up = Seconds(uptime.Split(' ')[0]);
        return new KernelLog([.. text.Split('\n').Select(line => Packet(line, up, now)).OfType<LoggedPacket>()], null);
    }

    private static LoggedPacket? Packet(string line, double? up, DateTimeOffset now)
    {
        if (Line().Match(line) is not { Success: true } match)
            return null;
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var word in match.Groups["rest"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            // An ICMP error quotes the packet that it is about behind its own values.
            var at = word.IndexOf('=', StringComparison.Ordinal);
            if (at > 0)
                values.TryAdd(word[..at], word[(at + 1)..]);
        }
        if (Address(values.GetValueOrDefault("SRC")) is not { } source || Address(values.GetValueOrDefault("DST")) is not { } destination)
            return null;
        var stamp = match.Groups["stamp"].Success ? Seconds(match.Groups["stamp"].Value) : null;
        return new LoggedPacket(
            match.Groups["prefix"].Value, stamp is null || up is null ? null : now - TimeSpan.FromSeconds(Math.Max(0, up.Value - stamp.Value)), values.GetValueOrDefault("IN", ""), values.GetValueOrDefault("OUT", ""),
            source, destination, values.GetValueOrDefault("PROTO", "").ToLowerInvariant(), Port(values.GetValueOrDefault("SPT")), Port(values.GetValueOrDefault("DPT")), values.GetValueOrDefault("ID") ?? values.GetValueOrDefault("FLOWLBL", ""));
    }

    // The kernel writes every digit of an IPv6 address.
    private static Cidr? Address(string? text) => text is null ? null
        : Cidr.TryParse(!text.Contains(':', StringComparison.Ordinal) ? text : string.Join(':', text.Split(':').Select(static group => group.TrimStart('0') is { Length: > 0 } digits ? digits : "0")), out var address) ? address : null;

    private static int? Port(string? text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65535 ? port : null;

    private static double? Seconds(string text) => double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) ? seconds : null;

    [GeneratedRegex(@"\A(<[0-9]+>)?(\[ *(?<stamp>[0-9]+\.[0-9]+)\] )?(?<prefix>DNH-REPORT|DNH [A-Za-z]+) (?<rest>IN=.*)\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, Patience)]
    private static partial Regex Line();
}
