using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Planning;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Export;

/// <summary>A chain of ours as it should be.</summary>
internal sealed record ExportedChain(string Name, IReadOnlyList<RuleLine> Lines);

/// <summary>The jumps from one hook, first to last.</summary>
internal sealed record ExportedHook(Hook Hook, IReadOnlyList<RuleLine> Jumps);

/// <summary>The part of an export for one table of one family.</summary>
internal sealed record ExportedTable(Family Family, string Table, IReadOnlyList<ExportedChain> Chains, IReadOnlyList<ExportedHook> Hooks)
{
    /// <summary>Whether it needs Docker's chain for the administrator's rules.</summary>
    public bool NeedsDockerUser => Hooks.Any(hook => !hook.Hook.IsBuiltIn);

    /// <summary>The tables of a plan for a host with nothing of ours, in the order in which they are written.</summary>
    public static IReadOnlyList<ExportedTable> AllOf(Plan plan) =>
        [.. plan.Added.GroupBy(line => (line.Family, line.Table)).Select(table => new ExportedTable(table.Key.Family, table.Key.Table, [.. ChainsOf(plan, table.Key.Family, table.Key.Table)], [.. HooksOf(table)]))];

    private static IEnumerable<ExportedChain> ChainsOf(Plan plan, Family family, string table)
    {
        var laid = plan.Chains.Where(chain => chain.Family == family && chain.Hook.Table == table).SelectMany(chain => chain.Laid).Select(part => new ExportedChain(part.Name, [.. part.Lines.Select(line => AsSaved(line.Line))])).ToList();
        var shared = VerdictChain.In(table).Where(verdict => laid.Exists(chain => chain.Lines.Any(line => line.Target == verdict.Name))).Select(verdict => new ExportedChain(verdict.Name, verdict.Lines(family, table)));
        return laid.Concat(shared);
    }

    // A plan inserts at the head, so its last jump comes first.
    private static IEnumerable<ExportedHook> HooksOf(IEnumerable<RuleLine> lines) =>
        lines.Where(JumpPlan.IsOurs).GroupBy(line => line.Chain, StringComparer.Ordinal)
            .Select(hook => new ExportedHook(new Hook(hook.First().Table, hook.Key), [.. hook.Reverse()]));

    // The loader compares the lines with iptables-save's, which omits the length of a single address after this one option.
    private static RuleLine AsSaved(RuleLine line) => line with
    {
        Tokens = [.. line.Tokens.Select((token, index) =>
            index > 0 && line.Tokens[index - 1] is "--ctorigdst" && Cidr.TryParse(token, out var cidr) && cidr.IsSingleAddress ? cidr.ToShortString() : token)],
    };
}
