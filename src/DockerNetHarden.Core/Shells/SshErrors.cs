using System.Globalization;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Shells;

/// <summary>Says what ssh's exit code 255 and its words mean, with the way out. Source: the texts of OpenSSH's sshconnect.c, sshconnect2.c, packet.c.</summary>
internal static class SshErrors
{
    private const string UnknownKey = "Host key verification failed";

    private static readonly string[] ChangedKey = ["REMOTE HOST IDENTIFICATION HAS CHANGED", "has changed and you have requested strict checking", "was revoked and you have requested strict checking"];

    private static readonly string[] NotLetIn = ["Permission denied (", "Permission denied, please try again", "Too many authentication failures", "No supported authentication methods"];

    private static readonly string[] NoConnection =
    [
        "Connection refused", "Connection timed out", "Operation timed out", "No route to host", "Network is unreachable", "Host is down", "Connection closed by", "Connection reset by",
        "kex_exchange_identification", "banner exchange", "Unable to negotiate", "Connection closed by remote host",
    ];

    private static readonly string[] BadOptions = ["Bad configuration option", "bad configuration option", "unknown option", "illegal option", "keyword ", "Bad owner or permissions"];

    /// <summary>The failure that ssh's words describe; the same failure if they say no more.</summary>
    internal static HostException Explain(SshTarget target, string executable, HostException error)
    {
        var said = error.Errors ?? "";
        if (error.Failure == HostFailure.CannotStart)
            return New(error, HostFailure.CannotStart, $"Host '{target.HostName}': '{executable}' could not be started{(error.InnerException is { } reason ? $" ({reason.Message})" : "")}.", "Install the OpenSSH client, or put its folder into PATH.");
        // ssh's words only count before the first frame: later ones could be a program's.
        if (error.Failure is not (HostFailure.NoPosixShell or HostFailure.Unreachable))
            return error;
        if (error.Failure == HostFailure.NoPosixShell && error.ExitCode != 255)
        {
            return New(error, HostFailure.NoPosixShell, string.Create(CultureInfo.InvariantCulture, $"Host '{target.HostName}': the login worked, but what ran is not a POSIX sh: it ended with exit code {error.ExitCode}, and no frame of the program came back.{Said(error)}"),
                "A forced command in authorized_keys or sshd_config, a restricted login shell or a missing /bin/sh does this; use a key or a user without it.");
        }
        return said switch
        {
            _ when Has(said, ChangedKey) => New(error, HostFailure.ChangedHostKey, $"Host '{target.HostName}': its key is not the one that ssh knows, so nothing was sent.{Said(error)}",
                $"Somebody may be in between. Only if the host was reinstalled: compare the fingerprint there (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then forget the old key here with: ssh-keygen -R {KnownAs(target)}"),
            _ when Has(said, UnknownKey) || Has(said, "host key is known for") => New(error, HostFailure.UnknownHostKey, $"Host '{target.HostName}': ssh does not know its key, and no key is accepted unseen.{Said(error)}",
                $"Log in once by hand and compare the fingerprint (ssh {Login(target)}), or let your administration distribute known_hosts."),
            _ when Has(said, NotLetIn) => New(error, HostFailure.AuthenticationFailed, $"Host '{target.HostName}': it did not let the user in.{Said(error)}",
                $"No password is asked here: give -KeyFilePath, load the key into ssh-agent, or set IdentityFile in ssh_config. Try: ssh -v -o BatchMode=yes {Login(target)}"),
            _ when Has(said, "Could not resolve hostname") => New(error, HostFailure.CannotResolve, $"Host '{target.HostName}': the name has no address.{Said(error)}", "Check its spelling, and what DNS, /etc/hosts and HostName in ssh_config say."),
            _ when Has(said, BadOptions) => New(error, HostFailure.CannotStart, $"Host '{target.HostName}': ssh does not accept its options.{Said(error)}", "Correct -Options or ssh_config; ssh_config(5) lists what there is."),
            _ when error.Failure == HostFailure.Unreachable => New(error, HostFailure.Unreachable, string.Create(CultureInfo.InvariantCulture, $"Host '{target.HostName}': its sh did not answer within {target.ConnectTimeout.TotalSeconds:0.###} seconds of connecting.{Said(error)}"),
                $"Check whether ssh {Login(target)} works by hand; a slow host needs a longer -ConnectingTimeout."),
            _ when Has(said, NoConnection) => New(error, HostFailure.Unreachable, $"Host '{target.HostName}': no connection.{Said(error)}", "Check that the host is up, sshd listens on that port, and no firewall is in between."),
            _ => New(error, HostFailure.Unreachable, $"Host '{target.HostName}': ssh ended with exit code 255 before the host's sh answered.{Said(error)}", $"Try: ssh -v -o BatchMode=yes {Login(target)}"),
        };
    }

    private static HostException New(HostException error, HostFailure failure, string cause, string remedy) => new(failure, error.Host, cause, remedy, error.ExitCode, error.Errors, error) { Output = error.Output };

    private static string Said(HostException error) => (error.Errors + "\n" + error.Output) is var said && string.IsNullOrWhiteSpace(said) ? " It printed no reason." : $" It said: {FarText.Line(said)}.";

    private static string Login(SshTarget target) =>
        (target.Port is { } port ? string.Create(CultureInfo.InvariantCulture, $"-p {port} ") : "") + (target.UserName is { } user ? $"{user}@" : "") + target.Host;

    // In known_hosts a port other than 22 is part of the name: [host]:port, sshd(8).
    private static string KnownAs(SshTarget target) =>
        target.Port is { } port and not 22 ? string.Create(CultureInfo.InvariantCulture, $"'[{target.Host}]:{port}'") : $"'{target.Host}'";

    private static bool Has(string said, params string[] words) => words.Any(word => said.Contains(word, StringComparison.Ordinal));
}
