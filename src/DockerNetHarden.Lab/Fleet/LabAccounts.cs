using System.Globalization;
using System.Text;

namespace DockerNetHarden.Lab;

/// <summary>The files of a host's accounts (passwd(5), shadow(5), group(5), sudoers(5)), and homes with noisy rc files.</summary>
internal sealed class LabAccounts(IReadOnlyList<LabUser> users, string folder, string? root)
{
    // What a person's rc files print into every conversation: on both streams, without a last newline, with text that looks like a frame and like rules.
    private const string Noise = """
        echo 'Welcome to the host. @0123456789abcdef begin save4'
        echo '*filter'
        printf 'news: %s' '-A INPUT -j ACCEPT'
        """;

    private static readonly string[] RcFiles = [".bashrc", ".bash_profile", ".profile", ".zshenv", ".zshrc", ".config/fish/config.fish"];

    public async Task WriteAsync(string hostName, string publicKey, CancellationToken stop)
    {
        var machine = await File.ReadAllLinesAsync(root + "/etc/passwd", stop).ConfigureAwait(false);
        var groups = await File.ReadAllLinesAsync(root + "/etc/group", stop).ConfigureAwait(false);
        var ours = users.Select(user => user.Name).ToHashSet(StringComparer.Ordinal);
        await TextAsync("passwd", users.Select(user => string.Create(CultureInfo.InvariantCulture, $"{user.Name}:x:{user.Uid}:{user.Uid}:{user.Name}:/run/home/{user.Name}:{user.Shell}"))
            .Concat(machine.Where(line => !ours.Contains(line.Split(':')[0]))), stop).ConfigureAwait(false);
        // No password matches '*'; '!' would lock the account, and sshd would refuse it (sshd_config(5), UsePAM).
        await TextAsync("shadow", users.Select(user => user.Name + ":*:19000:0:99999:7:::"), stop).ConfigureAwait(false);
        await TextAsync("group", groups.Concat(users.Where(user => user.Uid != 0).Select(user => string.Create(CultureInfo.InvariantCulture, $"{user.Name}:x:{user.Uid}:"))), stop).ConfigureAwait(false);
        await TextAsync("hosts", ["127.0.0.1 localhost " + hostName, "::1 localhost"], stop).ConfigureAwait(false);
        await TextAsync("resolv.conf", ["nameserver " + Services.LabAddresses.Host], stop).ConfigureAwait(false);
        await TextAsync("sudoers", users.Where(user => user.Sudo != LabSudo.None).Select(user => $"{user.Name} ALL=(ALL:ALL) {(user.Sudo == LabSudo.Free ? "NOPASSWD: " : "")}ALL")
            .Prepend("root ALL=(ALL:ALL) ALL").Prepend("Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\""), stop).ConfigureAwait(false);
        // sudo refuses a file that others may write to.
        File.SetUnixFileMode(Path.Combine(folder, "sudoers"), UnixFileMode.UserRead | UnixFileMode.GroupRead);
        File.SetUnixFileMode(Path.Combine(folder, "shadow"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        foreach (var user in users)
            await HomeAsync(user, publicKey, stop).ConfigureAwait(false);
    }

    private async Task HomeAsync(LabUser user, string publicKey, CancellationToken stop)
    {
        var home = Path.Combine(folder, "home", user.Name);
        Directory.CreateDirectory(Path.Combine(home, ".config/fish"));
        Directory.CreateDirectory(Path.Combine(home, ".ssh"));
        var noise = Noise.ReplaceLineEndings("\n") + "\n";
        foreach (var file in RcFiles)
            await File.WriteAllTextAsync(Path.Combine(home, file), noise + "echo 'rc file at work' >&2\n", stop).ConfigureAwait(false);
        // csh cannot redirect standard error alone.
        await File.WriteAllTextAsync(Path.Combine(home, ".cshrc"), noise, stop).ConfigureAwait(false);
        var forced = user.ForcedCommand is { } command ? "command=\"" + command.Replace("\"", "\\\"", StringComparison.Ordinal) + "\" " : "";
        await File.WriteAllTextAsync(Path.Combine(home, ".ssh/authorized_keys"), forced + publicKey.Trim() + "\n", stop).ConfigureAwait(false);
    }

    private async Task TextAsync(string file, IEnumerable<string> lines, CancellationToken stop)
    {
        var text = lines.Aggregate(new StringBuilder(), (all, line) => all.Append(line).Append('\n')).ToString();
        var path = Path.Combine(folder, file);
        await File.WriteAllTextAsync(path, text, stop).ConfigureAwait(false);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
    }
}
