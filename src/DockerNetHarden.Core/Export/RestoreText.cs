using System.Globalization;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Export;

/// <summary>
/// Texts for <c>iptables-restore --noflush</c>, one for each family. A restore text cannot say "unless it is there", so the command in its header removes
/// the jumps that exist already; everything else in it gives the same result however often it is loaded. Source: iptables-restore(8).
/// </summary>
internal static class RestoreText
{
    // Reads the live rules first (live is 1), then the text: an -I whose -A is in the same table is left out.
    private const string Missing = """awk '/^\*/{t=$0}live{have[t $0]=1;next}/^-I /{l=$0;sub(/^-I/,"-A",l);if((t l) in have)next}{print}' live=1 - live=""";

    public static IReadOnlyList<ExportedText> Write(IReadOnlyList<ExportedTable> tables) =>
        [.. tables.GroupBy(table => table.Family).OrderBy(family => family.Key).Select(family => new ExportedText(family.Key == Family.IPv4 ? ".v4" : ".v6", Write(family.Key, [.. family])))];

    /// <summary>The chains of a table, declared and filled: once loaded, each has exactly these lines.</summary>
    public static string Chains(ExportedTable table)
    {
        var text = new StringBuilder();
        foreach (var chain in table.Chains)
            text.Append(CultureInfo.InvariantCulture, $":{chain.Name} - [0:0]\n");
        foreach (var line in table.Chains.SelectMany(chain => chain.Lines))
            text.Append(line.Text).Append('\n');
        return text.ToString();
    }

    private static string Write(Family family, IReadOnlyList<ExportedTable> tables)
    {
        var command = family == Family.IPv4 ? "iptables" : "ip6tables";
        var load = $"Load: {command}-save | {Missing} FILE | {command}-restore --noflush --wait 10";
        var text = new StringBuilder(tables.Any(table => table.NeedsDockerUser)
            ? ExportTemplate.Header(null, $"First, if Docker has not made its chain yet: {command} -w -N {Hook.DockerUser}", load)
            : ExportTemplate.Header(null, load));
        foreach (var table in tables)
        {
            text.Append(CultureInfo.InvariantCulture, $"*{table.Table}\n").Append(Chains(table));
            // Each is inserted at the head, so the last comes first.
            foreach (var jump in table.Hooks.SelectMany(hook => hook.Jumps.Reverse()))
                text.Append(CultureInfo.InvariantCulture, $"-I {jump.Chain} {SaveTokenizer.Join(jump.Tokens)}\n");
            text.Append("COMMIT\n");
        }
        return text.ToString();
    }
}
