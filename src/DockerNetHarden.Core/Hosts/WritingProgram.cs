using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;
using DockerNetHarden.Snapshots;

namespace DockerNetHarden.Hosts;

/// <summary>
/// The program that writes to a host. The sh in here is constant: names of commands, tables, chains and all texts come as data.
/// </summary>
internal static class WritingProgram
{
    // $1 is the command's prefix; then come pairs of a table and its lines that the plan was made on.
    // The whole save is cut to the table here: `iptables-legacy-save -t mangle` would create the table, and a stale plan must change
    // nothing. If nothing anywhere is ours, nothing needs to be cut.
    // Exit 1: stale (the table and its lines are printed). Exit 3: not readable.
    private const string Premise = """
        dnh_ours() {
        case $1 in
        filter) sed -n '/^\*filter$/,/^COMMIT$/{/DNH-/p;}' ;;
        nat) sed -n '/^\*nat$/,/^COMMIT$/{/DNH-/p;}' ;;
        mangle) sed -n '/^\*mangle$/,/^COMMIT$/{/DNH-/p;}' ;;
        raw) sed -n '/^\*raw$/,/^COMMIT$/{/DNH-/p;}' ;;
        security) sed -n '/^\*security$/,/^COMMIT$/{/DNH-/p;}' ;;
        esac
        }
        dnh_premise() {
        t=$($S "$1-save") || return 3
        shift
        while [ $# -gt 1 ]; do
        case $1 in filter | nat | mangle | raw | security) ;; *) printf 'no table is called %s\n' "$1" >&2; return 3 ;; esac
        l=x
        case $t in *DNH-*) l=$(printf '%s\n' "$t" | dnh_ours "$1"; printf x) ;; esac
        if [ "$l" != "$2x" ]; then printf '%s\n' "$1"; printf '%s' "${l%x}"; return 1; fi
        shift 2
        done
        }
        dnh_premise "$@"
        """;

    // Between looking at a table and writing it, no other instance of this module may write: a refill replaces a whole chain, and what another writer had put into it since would be
    // lost. The lock is on a folder that every user can read, so it does not need sudo; it ends with the shell. Not xtables.lock: iptables takes that itself.
    // A failing redirection would end the shell, so the folder is checked first.
    private const string OpenLock = "if command -v flock >/dev/null && [ -d /run ] && [ -r /run ]; then exec 9</run; dnh_lock=1; fi";

    // Not `flock -w`, which busybox lacks. Exit 1 means the same as a stale premise: nothing was written, plan again.
    private const string Lock = """
        i=0
        until flock -n 9; do
        i=$((i + 1))
        if [ "$i" -gt 100 ]; then printf 'another writer holds the lock on /run\n' >&2; break; fi
        sleep 0.1
        done
        [ "$i" -le 100 ]
        """;

    private const string Go = """[ "$dnh_go" = 1 ]""";

    /// <summary>
    /// The program that writes: compares the premises, creates chains, runs the steps in order; a failing step is the last one, and those
    /// before it are taken back in reverse. It always reads back.
    /// </summary>
    internal static ShellScript Of(WriteRequest request, TimeSpan timeout)
    {
        var program = new ShellProgram()
            // From here on the program finishes what it began: neither a lost connection (HUP, PIPE) nor a Ctrl-C, which the terminal
            // sends to the whole process group (INT, QUIT), may stop it between two tables. iptables-restore inherits this. It is never
            // reset: a signal could still come before the last frame. The shell ends with its input anyway.
            .Do("trap '' HUP INT QUIT PIPE TERM; dnh_go=1 dnh_failed=0 dnh_killed=0 dnh_wrote=0 dnh_done=0 dnh_lock=0 dnh_armed=0 dnh_stuck=0 dnh_tabled=0")
            .Do(OpenLock)
            .Section("premise-lock", Lock, when: """[ "$dnh_lock" = 1 ]""", then: """[ "$dnh_rc" = 0 ] || dnh_go=0""", subshell: false);
        foreach (var family in request.Premises.GroupBy(static premise => premise.Family))
        {
            program.Section(
                Named("premise", (int)family.Key), Premise,
                data: [PrefixOf(request, family.Key), .. family.SelectMany(static premise => new[] { premise.Table, premise.Lines })],
                then: """[ "$dnh_rc" = 0 ] || dnh_go=0""", subshell: false);
        }
        OwnTables.AddPremise(program, request.Nft);
        OwnSets.AddPremise(program, request.Sets);
        if (request.Rollback is { } rollback)
        {
            // Before anything is written, and only if something will be; without a timer nothing is written.
            program.Section(
                "arm", RollbackProgram.Arm,
                data:
                [
                    rollback.Id, ((int)rollback.After.TotalSeconds).ToString(CultureInfo.InvariantCulture), request.Tool.Prefix4, request.Tool.Prefix6 ?? "",
                    rollback.Targets, RollbackTimer.Code.ReplaceLineEndings("\n"), rollback.More,
                ],
                when: Go, then: """case $dnh_rc in 0) dnh_armed=1 ;; 10) ;; *) dnh_go=0 ;; esac""");
        }
        OwnSets.AddWrite(program, request.Sets);
        MadeTables.AddMarks(program, request);
        for (var i = 0; i < request.NewChains.Count; i++)
        {
            // It fails if the chain exists, which is fine; any other reason fails the step that needs the chain, with its own
            // message.
            var chain = request.NewChains[i];
            program.Section(
                Named("create", i + 1), """$S "$1" -w 10 -t "$2" -N "$3" 2>/dev/null || :""",
                data: [PrefixOf(request, chain.Family), chain.Table, chain.Chain], when: Go);
        }
        if (request.Nft is { IsFirst: true })
            OwnTables.AddWrite(program, request.Nft);
        for (var i = 0; i < request.Steps.Count; i++)
        {
            program.Section(
                Named("step", i + 1), """$S "$1-restore" --noflush --counters --wait 10""",
                data: [PrefixOf(request, request.Steps[i].Family)], input: request.Steps[i].Restore, when: Go,
                then: """if [ "$dnh_rc" = 0 ]; then dnh_done=$((dnh_done + 1)); else dnh_go=0 dnh_failed=1; [ "$dnh_rc" -le 128 ] || dnh_killed=$((dnh_done + 1)); fi""");
        }
        if (request.Nft is { IsFirst: false })
            OwnTables.AddWrite(program, request.Nft);
        // One that was killed may have written its table, or not. If its table is as it was, there is nothing to take back: the inverse of a step that deletes a jump would insert a second one.
        for (var i = request.Steps.Count - 1; i >= 0; i--)
        {
            var step = request.Steps[i];
            program.Section(
                Named("wrote", i + 1), Premise,
                data:
                [
                    PrefixOf(request, step.Family), step.Table, request.Premises.FirstOrDefault(premise => premise.Family == step.Family && string.Equals(premise.Table, step.Table, StringComparison.Ordinal))?.Lines ?? "",
                    (i + 1).ToString(CultureInfo.InvariantCulture),
                ],
                when: """[ "$dnh_killed" = "$4" ]""", then: """[ "$dnh_rc" = 0 ] || dnh_wrote=1""");
            program.Section(
                Named("undo", i + 1), """$S "$1-restore" --noflush --counters --wait 10""",
                data: [PrefixOf(request, step.Family), (i + 1).ToString(CultureInfo.InvariantCulture)], input: step.Inverse,
                when: """[ "$dnh_failed" = 1 ] && { [ "$dnh_done" -ge "$2" ] || [ "$dnh_killed$dnh_wrote" = "${2}1" ]; }""", then: """[ "$dnh_rc" = 0 ] || dnh_stuck=1""");
        }
        OwnTables.AddUndo(program, request.Nft);
        if (request.Rollback is { } armed)
            program.Section("disarm", RollbackProgram.Disarm, data: [armed.Id], when: """[ "$dnh_armed$dnh_failed$dnh_stuck" = 110 ]""");
        MadeTables.AddTakings(program, request);
        OwnSets.AddRemovals(program, request.Sets);
        program.Section("save4", """$S "$1-save" -c""", data: [request.Tool.Prefix4]);
        if (request.Tool.Prefix6 is { } prefix6)
            program.Section("save6", """$S "$1-save" -c""", data: [prefix6]);
        if (request.HasNft)
            program.Section(OwnTables.Section, OwnTables.List);
        OwnSets.AddReading(program, request.Sets);
        return program.Do("exec 9<&-").Build(timeout, changes: true);
    }

    internal static string Named(string kind, int number) => string.Create(CultureInfo.InvariantCulture, $"{kind}-{number}");

    internal static string PrefixOf(WriteRequest request, Family family) =>
        family == Family.IPv4 ? request.Tool.Prefix4 : request.Tool.Prefix6
            ?? throw new ArgumentException(
                "The request writes IPv6 rules, but the host has no ip6tables: install it, or leave the IPv6 rules out.", nameof(request));
}

/// <summary>What to write to a host, as data.</summary>
public sealed record WriteRequest
{
    /// <summary>The iptables commands from the snapshot that the plan was made on.</summary>
    public required IptablesTool Tool { get; init; }

    /// <summary>The transactions, in an order that is safe to stop at.</summary>
    public required IReadOnlyList<PlanStep> Steps { get; init; }

    /// <summary>What the plan was made on; if anything differs, nothing is written.</summary>
    public IReadOnlyList<PlanPremise> Premises { get; init; } = [];

    /// <summary>
    /// Chains to create first. A created chain stays when a later step fails: an empty chain to which nothing jumps decides nothing.
    /// </summary>
    public IReadOnlyList<NewChain> NewChains { get; init; } = [];

    /// <summary>Tables that the write makes: they are marked, and removed again if the write is taken back.</summary>
    public IReadOnlyList<PlanTable> NewTables { get; init; } = [];

    /// <summary>Tables with that mark that may be empty after the write, and are then removed.</summary>
    public IReadOnlyList<PlanTable> EmptiedTables { get; init; } = [];

    /// <summary>What changes in our nftables table; null if nothing does. It comes before the steps if it adds, else after them.</summary>
    public NftChange? Nft { get; init; }

    /// <summary>What becomes of our sets of ipset; null if none is concerned.</summary>
    internal SetChange? Sets { get; init; }

    /// <summary>Whether our nftables table is read back.</summary>
    public bool HasNft { get; init; }

    /// <summary>The rollback to arm first; null if the change is final at once. One that is already armed stays as it is.</summary>
    public RollbackArm? Rollback { get; init; }
}
