using DockerNetHarden.Addresses;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosts;

/// <summary>
/// iptables-nft makes a table, and the built-in chains that it needs, when something is first written there, and never removes them. A table that a write of ours
/// makes is marked by an empty chain with a name of its own, so that it can be told from one that was there before; when nothing else is left in it, it is removed.
/// </summary>
internal static class MadeTables
{
    // $1 is the command's prefix, $2 the family as nft calls it, $3 the table. Without the right to remove the table later there is no mark, and the table stays.
    private const string MarkTable = $$"""
        [ -z "$S" ] || sudo -n -l nft list table "$2" "$3" >/dev/null 2>&1 || exit 0
        printf '*%s\n:{{PlanTable.Made}} - [0:0]\nCOMMIT\n' "$3" | $S "$1-restore" --noflush --counters --wait 10 2>/dev/null || :
        """;

    // The same data. A marked table is removed if it has nothing but built-in chains without rules and with the policy
    // ACCEPT: any other line is somebody's, and then only the mark is removed. Between this look and the deletion somebody may write. `nft delete chain` and `nft delete table`
    // delete everything in them, so they do not protect anything. iptables' -X refuses a built-in chain that holds a rule (iptables 1.8.8 and later can do it; others refuse it, and the
    // table stays). And the transaction that deletes the table creates the built-in chains once more: `create` fails if one is there again,
    // and the whole transaction with it. A chain that is not reached from a built-in chain decides no packet.
    internal const string TakeTable = $$"""
        l=$($S nft list table "$2" "$3" 2>/dev/null) || exit 0
        c= b= made=0 other=0
        while read -r w n r; do
        case "$w $n $r" in
        "chain DNH-"*) exit 0 ;;
        "table $2 $3 {" | "# "* | "  ") ;;
        "chain {{PlanTable.Made}} {") made=1 ;;
        "chain PREROUTING {" | "chain INPUT {" | "chain FORWARD {" | "chain OUTPUT {" | "chain POSTROUTING {") c=$n ;;
        "type filter hook "*" policy accept;" | "type route hook "*" policy accept;") b="$b $c"; c= ;;
        "}  ") [ -z "$c" ] || other=1; c= ;;
        *) other=1 ;;
        esac
        done <<dnh_listed
        $l
        dnh_listed
        [ "$made" = 1 ] || exit 0
        [ "$other" = 0 ] || b=
        t=$(printf '*%s\n' "$3"; for c in $b {{PlanTable.Made}}; do printf '%s %s\n' -X "$c"; done; echo COMMIT)
        printf '%s\n' "$t" | $S "$1-restore" --noflush --counters --wait 10 || exit 0
        [ "$other" = 1 ] || $S nft "create chain $2 $3 PREROUTING; create chain $2 $3 INPUT; create chain $2 $3 FORWARD; create chain $2 $3 OUTPUT; create chain $2 $3 POSTROUTING; delete table $2 $3" || :
        """;

    internal static void AddMarks(ShellProgram program, WriteRequest request)
    {
        for (var i = 0; i < request.NewTables.Count; i++)
        {
            program.Section(
                WritingProgram.Named("made", i + 1), MarkTable, data: TableData(request, request.NewTables[i]),
                when: """[ "$dnh_go" = 1 ] && command -v nft >/dev/null""");
        }
    }

    // A timer that takes the change back does the same for the tables marked since. It puts jumps into existing built-in chains, so nothing is removed while one waits.
    internal static void AddTakings(ShellProgram program, WriteRequest request)
    {
        for (var i = 0; i < request.NewTables.Count; i++)
            program.Section(WritingProgram.Named("unmade", i + 1), TakeTable, data: TableData(request, request.NewTables[i]), when: """[ "$dnh_failed$dnh_stuck" = 10 ] && command -v nft >/dev/null""");
        for (var i = 0; i < request.EmptiedTables.Count && request.Rollback is null; i++)
            program.Section(WritingProgram.Named("emptied", i + 1), TakeTable, data: TableData(request, request.EmptiedTables[i]), when: """[ "$dnh_go$dnh_failed" = 10 ] && command -v nft >/dev/null""");
    }

    private static string[] TableData(WriteRequest request, PlanTable table) =>
        [WritingProgram.PrefixOf(request, table.Family), table.Family == Family.IPv4 ? "ip" : "ip6", table.Table];
}
