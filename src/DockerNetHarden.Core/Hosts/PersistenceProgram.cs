using System.Globalization;
using DockerNetHarden.Docker;
using DockerNetHarden.Persistence;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>
/// What a host runs to show and to change what it keeps on its disk. Writing below /etc needs root: any other user writes through a sh that sudo starts,
/// and whoever may do that is as good as root. All of it is constant sh; paths and texts come as data.
/// </summary>
internal static class PersistenceProgram
{
    /// <summary>The exit code of a change of files that failed and could not be taken back.</summary>
    internal const int NotPutBack = 3;

    private const string Systems = """
        if [ -d /run/systemd/system ]; then echo systemd; fi
        if [ -d /usr/share/netfilter-persistent/plugins.d ]; then echo netfilter-persistent; fi
        if [ -e /etc/sysconfig/iptables ]; then echo iptables-services; fi
        """;

    // $1 the path, $2 the mode, the text on standard input. The file waits beside its place until all of them are there.
    private const string Put = """
        umask 022
        mkdir -p "${1%/*}" || exit 1
        umask 077
        cat >"$1.dnh-new" && chmod "$2" "$1.dnh-new" || { rm -f "$1.dnh-new"; exit 1; }
        """;

    // Each argument is a path behind a letter: r removes it, w moves the waiting file there, l makes a link to the unit. All or nothing: what was there waits beside its place until the last
    // change has succeeded. Each file is there whole or not at all. Exit 3: what was done could not all be taken back. No path has blanks.
    private const string Swap = $$"""
        umask 022
        old= new= code=0
        for a; do
        f=${a#?}
        case $a in
        r*) mv -f "$f" "$f.dnh-old" && old="$old $f" ;;
        l*) mkdir -p "${f%/*}" && ln -sf "/etc/systemd/system/${f##*/}" "$f" && new="$new $f" ;;
        w*) if [ -e "$f" ]; then cp -p "$f" "$f.dnh-old" && old="$old $f"; else new="$new $f"; fi && mv -f "$f.dnh-new" "$f" ;;
        esac || { code=1; break; }
        done
        if [ "$code" = 1 ]; then
        for f in $old; do mv -f "$f.dnh-old" "$f" || code=3; done
        [ -z "$new" ] || rm -f $new || code=3
        else
        for f in $old; do rm -f "$f.dnh-old"; done
        # A moved file keeps the label of the place where it was made.
        if command -v restorecon >/dev/null; then for a; do f=${a#w}; [ "$f" = "$a" ] || restorecon "$f" || :; done; fi
        fi
        {{Tidy}}
        exit "$code"
        """;

    // What waits for a change that did not come, and folders that are empty.
    private const string Tidy = """
        for a; do rm -f "${a#?}.dnh-new"; done
        for d in /etc/docker-net-harden /etc/systemd/system/docker.service.wants; do rmdir "$d" 2>/dev/null || :; done
        """;

    // Only if systemd started the host: otherwise there are only files to change. Exit code 5 of systemctl: no such unit is loaded.
    private const string StopGuard = """
        [ -d /run/systemd/system ] || exit 0
        systemctl stop docker-net-harden-guard.service || [ "$?" = 5 ]
        """;

    private const string StartGuard = """
        [ -d /run/systemd/system ] || exit 0
        systemctl --no-block start docker-net-harden-guard.service
        """;

    private const string Reload = """
        [ -d /run/systemd/system ] || exit 0
        code=0
        [ "$1" = start ] || systemctl stop docker-net-harden.service || [ "$?" = 5 ] || code=1
        systemctl daemon-reload || exit 1
        [ "$1" = start ] || exit "$code"
        # The saved rules are already applied: starting the unit only makes it count as started.
        systemctl --no-block start docker-net-harden.service && systemctl --no-block restart docker-net-harden-guard.service
        """;

    // $1 is the code, the rest its arguments.
    private const string AsRoot = """c=$1; shift; $S /bin/sh -c "$c" dnh-save "$@" """;

    private const string Go = """[ "$dnh_go" = 1 ]""";
    private const string StopAtFailure = """[ "$dnh_rc" = 0 ] || dnh_go=0""";

    /// <summary>Adds the sections that show the files: one for each that exists, one for links and one for what the host starts with.</summary>
    internal static ShellProgram ShowFiles(this ShellProgram program)
    {
        for (var i = 0; i < PersistencePaths.All.Count; i++)
            program.Section(Named("saved", i), """cat "$1" 2>/dev/null || $S cat "$1" """, data: [PersistencePaths.All[i]], when: """[ -e "$1" ]""");
        return program
            .Section("saved-links", """for l; do if [ -L "$l" ]; then printf '%s\n' "$l"; fi; done""", data: [.. PersistencePaths.Links, .. PersistencePaths.ForeignLinks])
            .Section("saved-systems", Systems);
    }

    /// <summary>Adds a section for each set that shows how it was made and what is in it.</summary>
    internal static ShellProgram ShowSets(this ShellProgram program, IReadOnlyList<string> names)
    {
        for (var i = 0; i < names.Count; i++)
            program.Section(Named("set", i), """$S ipset save "$1" """, data: [names[i]]);
        return program;
    }

    /// <summary>The program that carries out a plan, unless a rollback waits, and then shows the files.</summary>
    internal static ShellScript Write(PersistencePlan plan, TimeSpan timeout)
    {
        // What was begun is finished, whatever happens to the connection.
        var program = new ShellProgram().Do("trap '' HUP INT QUIT PIPE TERM; dnh_go=1")
            .Section("pending", AsRoot, data: [RollbackProgram.Pending], then: StopAtFailure);
        for (var i = 0; i < plan.Write.Count; i++)
            program.Section(Named("put", i), AsRoot, data: [Put, plan.Write[i].Path, plan.Write[i].Mode], input: plan.Write[i].Text, when: Go, then: StopAtFailure);
        string[] changes = [.. plan.Unlink.Concat(plan.Delete).Select(static path => "r" + path), .. plan.Write.Select(static file => "w" + file.Path), .. plan.Link.Select(static path => "l" + path)];
        var losesUnits = plan.Delete.Any(PersistencePaths.IsUnit);
        // While its file is there: what cannot be stopped can then be removed again.
        if (losesUnits)
            program.Section("stop", AsRoot, data: [StopGuard], when: Go, then: $"dnh_stopped=1; {StopAtFailure}");
        program.Section("tidy", AsRoot, data: [Tidy, .. changes], when: """[ "$dnh_go" = 0 ]""");
        program.Section("swap", AsRoot, data: [Swap, .. changes], when: Go, then: StopAtFailure);
        if (losesUnits)
            program.Section("start", AsRoot, data: [StartGuard], when: """[ "$dnh_go${dnh_stopped:-0}" = 01 ]""");
        if (losesUnits || plan.Files.Any(PersistencePaths.IsUnit))
            program.Section("reload", AsRoot, data: [Reload, plan.Files.Any(PersistencePaths.IsUnit) ? "start" : "stop"], when: Go, then: StopAtFailure);
        return program.ShowFiles().Build(timeout, changes: true);
    }

    /// <summary>The files as a program showed them.</summary>
    /// <exception cref="HostException">A file exists but may not be read.</exception>
    internal static SavedFiles ReadFiles(string host, ShellReply reply)
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < PersistencePaths.All.Count; i++)
        {
            if (reply.Find(Named("saved", i)) is not { } section)
                continue;
            if (section.ExitCode != 0)
                throw new HostException(
                    HostFailure.NoPermission, host, $"Host '{host}': {PersistencePaths.All[i]} cannot be read ({FarText.Line(section.Errors)}).", "Run as root, or allow the user that file as docs/guides/sudoers.md describes.", section.ExitCode, section.Errors);
            texts[PersistencePaths.All[i]] = section.Text;
        }
        return new SavedFiles { Texts = texts, Links = Lines(reply.Find("saved-links")), Systems = Lines(reply.Find("saved-systems")) };
    }

    internal static IReadOnlyList<string> Lines(ShellSection? section) => section?.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [];

    internal static string Named(string kind, int number) => string.Create(CultureInfo.InvariantCulture, $"{kind}-{number}");
}
