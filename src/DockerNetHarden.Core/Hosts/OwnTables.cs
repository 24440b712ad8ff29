using DockerNetHarden.Docker;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>Our nftables table on a host: how it is read, written in one transaction, and taken back. The sh in here is constant; names and texts come as data.</summary>
internal static class OwnTables
{
    /// <summary>The section with the table as JSON.</summary>
    internal const string Section = "own-table";

    /// <summary>Lists the table.</summary>
    internal const string List = "$S nft -j list table inet docker_net_harden";

    // Every rule, chain and set that is made anew has a new handle, so the handles tell whether anything was changed since the table was read. The text is kept: it takes the write back.
    // $1 is the handles. Without the table the transaction makes it, and fails if it exists after all.
    internal const string Premise = """
        dnh_table=$($S nft -a list table inet docker_net_harden 2>/dev/null) || dnh_table=
        dnh_handles=$(printf '%s\n' "$dnh_table" | sed -n 's/.*# handle \([0-9]*\)$/\1/p' | sort -n)
        [ "$dnh_handles" = "$1" ]
        """;

    /// <summary>Writes a text, one transaction.</summary>
    internal const string Write = """$S nft -f -""";

    // What nft lists it can load again, with the counters; deleted first, in the same transaction. The number behind each line is a comment.
    internal const string Undo = """
        { printf 'table inet docker_net_harden\ndelete table inet docker_net_harden\n'; printf '%s\n' "$dnh_table"; } | $S nft -f -
        """;

    /// <summary>The table that a section shows, empty if there is none; null, and why, if it cannot be known.</summary>
    /// <param name="host">The host as the user named it.</param>
    /// <param name="section">The section; null if the host has no nft.</param>
    /// <exception cref="HostException">What nft printed is not its JSON.</exception>
    internal static (NftRuleset? Table, string? Error) Read(string host, ShellSection? section)
    {
        if (section is null)
            return (null, null);
        try
        {
            if (section.ExitCode == 0)
                return (NftText.Parse(section.Output), null);
        }
        catch (FormatException error)
        {
            throw HostErrors.NotParsed(host, "nft", error);
        }
        return section.Errors.Contains("No such file or directory", StringComparison.Ordinal) ? (new NftRuleset([], [], []), null) : (null, FarText.Line(section.Errors));
    }

    /// <summary>Whether nft refused a text because the table was not as it was when the text was made.</summary>
    internal static bool IsLostRace(string errors) =>
        errors.Contains("No such file or directory", StringComparison.Ordinal) || errors.Contains("File exists", StringComparison.Ordinal) || errors.Contains("Device or resource busy", StringComparison.Ordinal)
        || errors.Contains("Resource temporarily unavailable", StringComparison.Ordinal) || errors.Contains("Interrupted system call", StringComparison.Ordinal);

    /// <summary>Adds the comparison with what the change was planned on.</summary>
    internal static void AddPremise(ShellProgram program, NftChange? change)
    {
        if (change is not null)
            program.Section("premise-table", Premise, data: [change.Premise], then: """[ "$dnh_rc" = 0 ] || dnh_go=0""", subshell: false);
    }

    /// <summary>Adds the transaction.</summary>
    internal static void AddWrite(ShellProgram program, NftChange? change)
    {
        if (change is not null)
            program.Section("table", Write, input: change.Text, when: """[ "$dnh_go" = 1 ]""", then: """if [ "$dnh_rc" = 0 ]; then dnh_tabled=1; else dnh_go=0 dnh_failed=1; fi""");
    }

    /// <summary>Adds what takes it back if something after it fails.</summary>
    internal static void AddUndo(ShellProgram program, NftChange? change)
    {
        if (change is not null)
            program.Section("untable", Undo, when: """[ "$dnh_failed$dnh_tabled" = 11 ]""", then: """[ "$dnh_rc" = 0 ] || dnh_stuck=1""");
    }
}
