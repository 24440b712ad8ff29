using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Shells;

/// <summary>
/// A host that ssh reaches, validated: it holds nothing that ssh would read as an option, or a shell in a ProxyCommand as code.
/// Anything not set is left to the user's ssh_config.
/// </summary>
public sealed record SshTarget
{
    private SshTarget(string hostName, string host) => (HostName, Host) = (hostName, host);

    /// <summary>The host as the user named it, for results and messages.</summary>
    public string HostName { get; }

    /// <summary>The name or address alone, as ssh gets it: no user, no port, no brackets.</summary>
    public string Host { get; }

    /// <summary>The user to log in as; null for what ssh_config says.</summary>
    public string? UserName { get; private init; }

    /// <summary>The port, 1 to 65535; null for what ssh_config says.</summary>
    public int? Port { get; private init; }

    /// <summary>The private key's file; null for what ssh_config and the agent have.</summary>
    public string? KeyFilePath { get; private init; }

    /// <summary>How long connecting may take, from the start of ssh until the host's sh answers; 15 seconds unless set.</summary>
    public TimeSpan ConnectTimeout { get; private init; } = TimeSpan.FromSeconds(15);

    /// <summary>More of ssh's options, as <c>-o</c> takes them; see ssh_config(5).</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Options { get; private init; } = [];

    /// <summary>What ssh is started with.</summary>
    public IReadOnlyList<string> Arguments => [.. SshArguments.Of(this, null)];

    /// <summary>The same for a connection of its own: no existing ControlMaster is used, so that a new TCP connection must succeed.</summary>
    public IReadOnlyList<string> NewConnectionArguments => [.. SshArguments.Of(this, "none")];

    /// <summary>Reads a host as a user names it: <c>host</c>, <c>user@host</c>, <c>host:port</c>, <c>[v6]:port</c>, a bare IPv6 address.</summary>
    /// <param name="hostName">The host. A user or a port in it overrides the parameters.</param>
    /// <param name="userName">The user; null for what ssh_config says.</param>
    /// <param name="port">The port; null for what ssh_config says.</param>
    /// <param name="keyFilePath">The private key's file; null for what ssh_config and the agent have.</param>
    /// <param name="connectTimeout">How long connecting may take, from a millisecond to an hour; 15 seconds if null.</param>
    /// <param name="options">More of ssh's options. Those that the conversation depends on are refused.</param>
    /// <returns>The target.</returns>
    /// <exception cref="SshTargetException">A value is not possible: it is empty, begins with <c>-</c>, has spaces, control characters or
    /// characters of a shell, or is out of range.</exception>
    public static SshTarget Parse(
        string hostName, string? userName = null, int? port = null, string? keyFilePath = null, TimeSpan? connectTimeout = null, IReadOnlyList<KeyValuePair<string, string>>? options = null)
    {
        var (user, host, embedded) = Split(hostName);
        CheckName("HostName", hostName, host, "/@\\[]", "a host");
        user ??= userName;
        if (user is not null)
            CheckName("UserName", user, user, "/:", "a user");
        return new SshTarget(hostName, host)
        {
            UserName = user,
            Port = CheckPort(hostName, embedded, port),
            KeyFilePath = CheckFile(keyFilePath),
            ConnectTimeout = CheckTimeout(connectTimeout ?? TimeSpan.FromSeconds(15)),
            Options = SshArguments.CheckOptions(options ?? []),
        };
    }

    private static (string? User, string Host, string? Port) Split(string hostName)
    {
        if (string.IsNullOrEmpty(hostName))
            throw new SshTargetException("HostName", hostName, "it is empty. Name a host, an address or an alias from ssh_config.");
        // The last @: a domain account can have one in its name, a host cannot.
        var at = hostName.LastIndexOf('@');
        var user = at < 0 ? null : hostName[..at];
        var rest = hostName[(at + 1)..];
        if (rest.StartsWith('['))
        {
            var close = rest.IndexOf(']', StringComparison.Ordinal);
            if (close < 0 || !rest.AsSpan(1, close - 1).Contains(':') || (close + 1 < rest.Length && rest[close + 1] != ':'))
                throw new SshTargetException("HostName", hostName, "brackets hold an IPv6 address, with or without a port after them: [2001:db8::1]:22.");
            return (user, rest[1..close], close + 1 == rest.Length ? null : rest[(close + 2)..]);
        }
        // More than one colon is an IPv6 address without a port.
        var colon = rest.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 || rest.IndexOf(':', colon + 1) >= 0 ? (user, rest, null) : (user, rest[..colon], rest[(colon + 1)..]);
    }

    // The characters are those that OpenSSH itself refuses since 9.6 (valid_hostname and valid_ruser in ssh.c): %h and %r end up in the shell
    // of a ProxyCommand. Older versions do not refuse them.
    private static void CheckName(string part, string given, string name, string alsoRefused, string what)
    {
        if (name.Length == 0)
            throw new SshTargetException(part, given, $"{what} is missing in it. Fill it in, or leave it out together with its '@' or ':'.");
        if (name[0] == '-')
            throw new SshTargetException(part, given, $"{what} must not begin with '-': ssh would read an option. Give ssh's options with Options.");
        foreach (var letter in name)
        {
            if (char.IsWhiteSpace(letter) || char.IsControl(letter))
                throw new SshTargetException(part, given, $"{what} cannot have spaces or control characters. Give one host per element.");
            if ("'`\"$\\;&<>|(){}*?!#".Contains(letter, StringComparison.Ordinal) || alsoRefused.Contains(letter, StringComparison.Ordinal))
                throw new SshTargetException(part, given, $"{what} cannot have '{letter}'. The forms are host, user@host, host:port, user@host:port and [v6]:port.");
        }
    }

    private static int? CheckPort(string hostName, string? embedded, int? port)
    {
        if (embedded is not null)
        {
            if (!int.TryParse(embedded, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number is < 1 or > 65535)
                throw new SshTargetException("HostName", hostName, $"'{embedded}' is not a port: use 1 to 65535.");
            return number;
        }
        return port is null or (>= 1 and <= 65535)
            ? port
            : throw new SshTargetException("Port", port.Value.ToString(CultureInfo.InvariantCulture), "a port is a number from 1 to 65535.");
    }

    private static string? CheckFile(string? path) =>
        path is null || (path.Length > 0 && !path.Any(char.IsControl)) ? path : throw new SshTargetException("KeyFilePath", path, "it is empty or has control characters. Give the file of a private key.");

    private static TimeSpan CheckTimeout(TimeSpan timeout) => timeout >= TimeSpan.FromMilliseconds(1) && timeout <= TimeSpan.FromHours(1)
        ? timeout
        : throw new SshTargetException("ConnectTimeout", timeout.ToString("c", CultureInfo.InvariantCulture), "connecting may take from a millisecond to an hour.");
}

/// <summary>A host, or a part of how to reach it, that ssh must not get. It is thrown before anything is started.</summary>
public sealed class SshTargetException : FormatException
{
    /// <summary>Refuses a value.</summary>
    /// <param name="part">What the value was meant for, for example <c>HostName</c>.</param>
    /// <param name="value">The value as it was given.</param>
    /// <param name="reason">Why it is refused, and the way out: one or more whole sentences.</param>
    public SshTargetException(string part, string? value, string reason)
        : base(ShownText.Message($"{part} '{ShownText.Value(value)}' is refused: {reason}")) => (Part, Value) = (part, value);

    /// <summary>What the value was meant for.</summary>
    public string Part { get; }

    /// <summary>The value as it was given.</summary>
    public string? Value { get; }
}
