using System.Collections.Frozen;

namespace DockerNetHarden.Iptables;

/// <summary>
/// What has to be known about iptables' options to read a rule's tokens correctly: which options take any text, so that their value is not read
/// as an option (<c>--comment -j</c>), and which of those iptables-save prints in quotes.
/// Source: iptables-extensions(8) and the save functions of the extensions of iptables 1.8.
/// </summary>
internal static class RuleOptions
{
    // Printed through xtables_save_string: quoted only if the value needs it.
    private static readonly FrozenSet<string> s_quotedWhereNeeded = Set(
        "--comment", "--log-prefix", "--nflog-prefix", "--ulog-prefix", "--helper", "--path", "--nfacct-name");

    // Always printed in double quotes.
    private static readonly FrozenSet<string> s_alwaysQuoted = Set("--string", "--hex-string", "--u32", "--bytecode", "--led-trigger-id");

    private static readonly FrozenSet<string> s_text = Set(
        [
            .. s_quotedWhereNeeded, .. s_alwaysQuoted,
            "-i", "-o", "-m", "-j", "-g", "-p", "--in-interface", "--out-interface", "--match", "--jump", "--goto", "--protocol",
            "--physdev-in", "--physdev-out", "--name", "--hashlimit-name", "--label", "--match-set", "--add-set", "--del-set", "--map-set",
            "--object-pinned", "--rateest", "--rateest1", "--rateest2", "--rateest-name", "--selctx", "--genre", "--timeout",
            "--oif",
        ]);

    internal static bool IsOption(string token) => token.Length > 1 && token[0] == '-';

    internal static bool TakesText(string option) => s_text.Contains(option);

    internal static bool IsAlwaysQuoted(string option) => s_alwaysQuoted.Contains(option);

    internal static bool IsQuotedText(string option) => s_quotedWhereNeeded.Contains(option) || s_alwaysQuoted.Contains(option);

    /// <summary>The last value of any of these options; null if none of them has one.</summary>
    internal static string? LastValueOf(IReadOnlyList<string> tokens, params ReadOnlySpan<string> options) => ValuesOf(tokens, options) is [.., var last] ? last : null;

    /// <summary>The values of these options, in order.</summary>
    internal static IReadOnlyList<string> ValuesOf(IReadOnlyList<string> tokens, params ReadOnlySpan<string> options)
    {
        var values = new List<string>();
        for (var i = 0; i + 1 < tokens.Count; i++)
        {
            var token = tokens[i];
            if (!IsOption(token))
                continue;
            if (options.Contains(token))
                values.Add(tokens[i + 1]);
            if (TakesText(token))
                i++;
        }
        return values;
    }

    /// <summary>
    /// Puts a negation before its option, as iptables has printed it since 1.4.3; older versions printed <c>-s ! 10.0.0.0/8</c>.
    /// </summary>
    internal static void PutNegationFirst(List<string> tokens, List<int>? quotedNegations)
    {
        for (var i = 0; i + 1 < tokens.Count; i++)
        {
            var option = tokens[i];
            if (!IsOption(option))
                continue;
            // The "!" in "--syn ! -d x" negates what follows. A "!" in quotes, or behind an option whose text is quoted, is a value.
            if (tokens[i + 1] == "!" && i + 2 < tokens.Count && !IsOption(tokens[i + 2]) && !IsQuotedText(option)
                && quotedNegations?.Contains(i + 1) != true)
            {
                (tokens[i], tokens[i + 1]) = ("!", option);
                i += 2;
            }
            else if (TakesText(option))
                i++;
        }
    }

    private static FrozenSet<string> Set(params string[] options) => options.ToFrozenSet(StringComparer.Ordinal);
}
