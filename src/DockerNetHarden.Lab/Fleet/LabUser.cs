namespace DockerNetHarden.Lab;

/// <summary>What a user of a lab's host may do with sudo.</summary>
public enum LabSudo
{
    /// <summary>Nothing, or everything: root.</summary>
    None,

    /// <summary>Everything, without a password.</summary>
    Free,

    /// <summary>Everything, but sudo asks for the password, which nobody has.</summary>
    Password,
}

/// <summary>A user who logs in to a lab's host by key. The account exists only in the namespace of its sshd.</summary>
/// <param name="Name">The login name.</param>
/// <param name="Uid">The user id; 0 is root.</param>
/// <param name="Shell">The login shell.</param>
/// <param name="Sudo">What sudo lets the user do.</param>
/// <param name="ForcedCommand">What the key runs instead of what was asked for (sshd(8), AUTHORIZED_KEYS FILE FORMAT).</param>
public sealed record LabUser(string Name, int Uid, string Shell, LabSudo Sudo, string? ForcedCommand = null)
{
    /// <summary>Root; a user with sudo; one whose sudo asks for a password; one with a forced command; and one for each login shell that this machine has.</summary>
    public static IReadOnlyList<LabUser> Usual { get; } =
    [
        new("root", 0, "/bin/bash", LabSudo.None),
        new("ops", 20001, "/bin/bash", LabSudo.Free),
        new("asks", 20002, "/bin/bash", LabSudo.Password),
        new("forced", 20003, "/bin/sh", LabSudo.Free, "echo 'Only backups are taken here.'; exit 3"),
        .. new[] { "bash", "dash", "csh", "fish", "zsh" }.Select((shell, index) => (shell, index, path: LabHost.FindProgram(shell)))
            .Where(found => found.path is not null)
            .Select(found => new LabUser("in-" + found.shell, 20010 + found.index, found.path!, LabSudo.Free)),
    ];
}
