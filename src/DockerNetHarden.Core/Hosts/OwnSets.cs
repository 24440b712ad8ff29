using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Our sets of ipset(8) on a host: how they are read, made before the lines that ask them, and removed after them. The sh in here is constant; names and members come as data.</summary>
internal static class OwnSets
{
    /// <summary>The section with our sets as <c>ipset save</c> prints them.</summary>
    internal const string Section = "own-sets";

    /// <summary>Whether there can be sets: ipset would load the kernel's module for them to find none. A kernel without /sys/module does not say.</summary>
    internal const string MayExist = "{ [ -e /sys/module/ip_set ] || [ ! -d /sys/module ]; } && command -v ipset >/dev/null";

    /// <summary>Prints them, without other people's: those can have a hundred thousand members.</summary>
    internal const string List = """
        l=$($S ipset list -n) || exit 1
        for n in $l; do case $n in DNH-[46]-*) $S ipset save "$n" || exit 1 ;; esac; done
        """;

    /// <summary>Removes the sets that it is given, if nothing asks them. nf_tables lets go of a set some milliseconds after the line that asked it.</summary>
    internal const string Remove = """
        for n; do
        i=0
        until $S ipset destroy "$n" 2>/dev/null; do
        i=$((i + 1))
        case " $($S ipset list -n 2>/dev/null | tr '\n' ' ') " in *" $n "*) ;; *) break ;; esac
        [ "$i" -le 10 ] || break
        sleep 0.1
        done
        done
        """;

    // $1 is the names that the plan was made on, one a line.
    private const string Premise = """
        l=$($S ipset list -n 2>/dev/null)
        l=$(for n in $l; do case $n in *-x) ;; DNH-[46]-*) printf '%s\n' "$n" ;; esac; done | sort)
        [ "$l" = "$1" ]
        """;

    /// <summary>The sets that a section shows; none if it shows none. A host whose ipset may not be used has none that can be read.</summary>
    /// <exception cref="HostException">What ipset printed is not its form.</exception>
    internal static IReadOnlyList<HostIpSet> Read(string host, ShellSection? section)
    {
        if (section is not { ExitCode: 0 })
            return [];
        try
        {
            return IpSetText.Parse(section.Text);
        }
        catch (FormatException error)
        {
            throw HostErrors.NotParsed(host, "ipset save", error);
        }
    }

    /// <summary>Adds the comparison with what the change was planned on.</summary>
    internal static void AddPremise(ShellProgram program, SetChange? change)
    {
        if (change is not null)
            program.Section("premise-sets", Premise, data: [string.Join('\n', change.Premise)], then: """[ "$dnh_rc" = 0 ] || dnh_go=0""", subshell: false);
    }

    /// <summary>Adds what makes the sets.</summary>
    internal static void AddWrite(ShellProgram program, SetChange? change)
    {
        if (change is { IsEmpty: false })
            program.Section("sets", "$S ipset restore", input: change.Text, when: """[ "$dnh_go" = 1 ]""", then: """[ "$dnh_rc" = 0 ] || dnh_go=0 dnh_failed=1""");
    }

    /// <summary>Adds what removes sets: those that nothing asks any more or, if the write failed, those that were made for it.</summary>
    internal static void AddRemovals(ShellProgram program, SetChange? change)
    {
        if (change is { IsEmpty: false })
            program.Section("unset-new", Remove, data: change.Unfinished, when: """[ "$dnh_failed" = 1 ]""");
        if (change is { Gone.Count: > 0 })
            program.Section("unset", Remove, data: change.Gone, when: """[ "$dnh_go" = 1 ]""");
    }

    /// <summary>Adds reading them back.</summary>
    internal static void AddReading(ShellProgram program, SetChange? change)
    {
        if (change is not null)
            program.Section(Section, List);
    }
}
