using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>Writes a rule as iptables-save would: the same options in the same order, so that what is read back can be compared as text.</summary>
internal static class RuleText
{
    // A match is written where the table first names it, whichever of its options a rule has.
    private static readonly List<string> Order = [.. RuleFields.All.SelectMany(field => field.Forms).SelectMany(form => form.Modules).Distinct(StringComparer.Ordinal)];

    /// <summary>The whole canonical text, which begins with family, table and hook.</summary>
    public static string Write(FirewallRule rule) => SaveTokenizer.Join([.. Parts(rule.Spec, ofLine: true), .. rule.Tokens]);

    /// <summary>The arguments after <c>-A CHAIN</c>.</summary>
    public static IReadOnlyList<string> Tokens(RuleSpec rule) => Parts(rule, ofLine: false);

    private static List<string> Parts(RuleSpec rule, bool ofLine)
    {
        var parts = new List<(int Place, string Module, RuleForm Form, IReadOnlyList<string> Tokens)>();
        foreach (var field in RuleFields.All)
        {
            if ((field.Module is RuleForm.Line) == ofLine && field.Write(rule) is var (module, form, tokens))
                parts.Add((Order.IndexOf(module), module, form, tokens));
        }
        var all = new List<string>();
        var open = "";
        foreach (var (_, module, form, tokens) in parts.OrderBy(part => part.Place))
        {
            if (!form.HasNoMatch && (form.IsAlone || module != open))
                all.AddRange(["-m", module]);
            all.AddRange(tokens);
            open = module;
        }
        return all;
    }
}
