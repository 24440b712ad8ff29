using DockerNetHarden.Addresses;
using DockerNetHarden.Planning;

namespace DockerNetHarden.Hosts;

/// <summary>
/// iptables-nft makes a table, and the built-in chains that it needs, when something is first written there, and never takes them away. A table that a write of ours
/// makes is marked by an empty chain of a name of its own, so that it can be told from one that was there before; when nothing else is left in it, it goes.
/// </summary>
internal static class MadeTables
{
    // $1 is the command's prefix, $2 the family as nft calls it, $3 the table. Without the right to take the table away later there is no mark, and the table stays.
    private const string MarkTable = $$"""
        [ -z "$S" ] || sudo -n -l nft list table "$2" "$3" >/dev/null 2>&1 || exit 0
        printf '*%s\n:{{PlanTable.Made}} - [0:0]\nCOMMIT\n' "$3" | $S "$1-restore" --noflush --counters --wait 10 2>/dev/null || :
        """;

    // The same data. Goes is what is marked and has nothing but built-in chains without rules, with the policy
    // ACCEPT: any other line is somebody's, and then only the mark goes. Between this look and the deletion somebody may write. `nft delete chain` and `nft delete table`
    // take all that is in them, so they are no guard. iptables' -X refuses a built-in chain in which a rule is (iptables 1.8.8 and later can do it; others refuse it, and the
    // table stays). And the names of the built-in chains are made once more in the transaction that deletes the table: `create` fails where one is there again,
    // and all of the transaction with it. What is not reached from a built-in chain decides no packet.
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

    // A timer that takes the change back does the same for the tables that are marked since. It puts jumps into built-in chains that are there, so while one waits nothing is taken away.
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
