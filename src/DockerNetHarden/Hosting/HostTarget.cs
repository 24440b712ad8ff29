using System.Management.Automation.Runspaces;
using DockerNetHarden.Hosts;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosting;

/// <summary>
/// A host for a command to work on, as the user named it, or the file of a snapshot. Two targets are equal if host, user and port are the same text, or the
/// session or the file is the same.
/// </summary>
internal sealed class HostTarget : IEquatable<HostTarget>
{
    /// <summary>The name of this machine, also in results.</summary>
    public const string LocalName = "localhost";

    private readonly string _key;

    private HostTarget(string name, string key) => (Name, _key) = (name, key);

    public string Name { get; }

    public SshTarget? Ssh { get; private init; }

    public PSSession? Session { get; private init; }

    /// <summary>How long the far end of a session may take to identify itself.</summary>
    public TimeSpan ConnectTimeout { get; private init; }

    /// <summary>The snapshot's file if no host is asked; null if one is.</summary>
    public string? SnapshotPath { get; private init; }

    public bool IsLocal => Ssh is null && Session is null && SnapshotPath is null;

    public static HostTarget Local() => new(LocalName, "local");

    public static HostTarget Over(SshTarget ssh) =>
        new(ssh.HostName, string.Join('\n', "ssh", ssh.HostName, ssh.UserName, ssh.Port)) { Ssh = ssh };

    public static HostTarget OfSnapshot(string path) => new(path, "snapshot\n" + path) { SnapshotPath = path };

    // The far end of a session can call itself localhost (a process, a forwarded port). Results with that name would be taken for this machine's, so it gets a name
    // that no ssh host can have.
    public static HostTarget Over(PSSession session, TimeSpan? connectTimeout = null) =>
        new(NameOf(session.ComputerName, session.Name), "session\n" + session.InstanceId) { Session = session, ConnectTimeout = connectTimeout ?? TimeSpan.FromSeconds(15) };

    /// <summary>Opens the host; null for the file of a snapshot. A session belongs to the user who opened it: only they can tell whether they can still get in.</summary>
    public DockerHost? Open(bool sudo, ShellTimeouts timeouts) =>
        SnapshotPath is not null ? null
        : Session is { } session ? DockerHost.Over(new PSSessionShell(Name, session, ConnectTimeout, timeouts), sudo)
        : Ssh is { } ssh ? DockerHost.BySsh(ssh, sudo, timeouts)
        : DockerHost.Local(timeouts);

    /// <summary>A name that no host can have.</summary>
    internal static string NameOfSnapshot(string path) => "snapshot:" + path;

    internal static string NameOf(string? computer, string session) =>
        string.IsNullOrEmpty(computer) || string.Equals(computer, LocalName, StringComparison.OrdinalIgnoreCase) ? "session:" + session : computer;

    public bool Equals(HostTarget? other) => other is not null && string.Equals(_key, other._key, StringComparison.Ordinal);

    public override bool Equals(object? obj) => Equals(obj as HostTarget);

    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(_key);

    public override string ToString() => Name;
}
