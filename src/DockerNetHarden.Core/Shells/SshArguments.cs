using System.Globalization;

namespace DockerNetHarden.Shells;

/// <summary>The arguments of ssh, one element each; no shell sees them. Source: ssh(1), ssh_config(5).</summary>
/// <remarks>
/// If an option is given twice, ssh takes the first. So the options that the conversation depends on come first, and those that a user
/// may want to change (the timeouts) are left out if the user gives them.
/// </remarks>
internal static class SshArguments
{
    // The conversation depends on these: with other values it would hang, ask questions, or not work at all.
    private static readonly string[] Decided =
    [
        "BatchMode", "RemoteCommand", "RequestTTY", "ClearAllForwardings", "ControlMaster", "SessionType", "StdinNull", "ForkAfterAuthentication",
    ];

    /// <summary>The arguments.</summary>
    /// <param name="target">The host.</param>
    /// <param name="controlPath">The ControlPath to use; null for what ssh_config says.</param>
    internal static IEnumerable<string> Of(SshTarget target, string? controlPath)
    {
        // No terminal: it would echo the program and change line ends. A RemoteCommand, RequestTTY or LocalForward of ssh_config would
        // break the call.
        yield return "-T";
        if (controlPath is not null)
        {
            yield return "-S";
            yield return controlPath;
        }
        foreach (var option in new[] { "BatchMode=yes", "RemoteCommand=none", "ClearAllForwardings=yes", "ControlMaster=no" })
        {
            yield return "-o";
            yield return option;
        }
        var seconds = (int)Math.Ceiling(target.ConnectTimeout.TotalSeconds);
        foreach (var (key, value) in new (string, string)[]
        {
            ("LogLevel", "ERROR"), ("ConnectTimeout", seconds.ToString(CultureInfo.InvariantCulture)), ("ServerAliveInterval", "5"), ("ServerAliveCountMax", "3"),
        })
        {
            if (target.Options.Any(option => option.Key.Equals(key, StringComparison.OrdinalIgnoreCase)))
                continue;
            yield return "-o";
            yield return $"{key}={value}";
        }
        foreach (var (key, value) in target.Options)
        {
            yield return "-o";
            yield return $"{key}={value}";
        }
        if (target.UserName is not null)
        {
            yield return "-l";
            yield return target.UserName;
        }
        if (target.Port is { } port)
        {
            yield return "-p";
            yield return port.ToString(CultureInfo.InvariantCulture);
        }
        if (target.KeyFilePath is not null)
        {
            yield return "-i";
            yield return target.KeyFilePath;
        }
        yield return "--";
        yield return target.Host;
        // Every login shell understands this; csh and fish would not understand more.
        yield return "exec /bin/sh";
    }

    internal static List<KeyValuePair<string, string>> CheckOptions(IReadOnlyList<KeyValuePair<string, string>> options)
    {
        foreach (var (key, value) in options)
        {
            if (string.IsNullOrEmpty(key) || !key.All(char.IsAsciiLetterOrDigit))
                throw new SshTargetException("Options", key, "the name of an option has letters and digits only, see ssh_config(5).");
            if (Decided.Contains(key, StringComparer.OrdinalIgnoreCase))
                throw new SshTargetException("Options", key, "the conversation with the host depends on it, so it cannot be changed. Leave it out.");
            if (string.IsNullOrWhiteSpace(value) || value.Any(char.IsControl))
                throw new SshTargetException("Options", $"{key}={value}", "its value is empty or has control characters.");
        }
        return [.. options];
    }
}
