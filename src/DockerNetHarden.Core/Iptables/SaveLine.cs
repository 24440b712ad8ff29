namespace DockerNetHarden.Iptables;

/// <summary>What a line of a save output is.</summary>
internal enum SaveLineKind
{
    /// <summary>A comment, a warning or a blank line.</summary>
    Remark,

    /// <summary><c>*filter</c>.</summary>
    Table,

    /// <summary><c>:INPUT ACCEPT [0:0]</c>.</summary>
    Chain,

    /// <summary><c>-P INPUT DROP</c>: the policy of a chain that may already be declared.</summary>
    Policy,

    /// <summary><c>-A INPUT ...</c>.</summary>
    Rule,

    /// <summary><c>COMMIT</c>.</summary>
    Commit,
}

/// <summary>One line of a save output: its bytes and its meaning.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Content">The line without its line end.</param>
/// <param name="Ending">The line end: <c>\n</c>, <c>\r\n</c>, or nothing on a last line without one.</param>
/// <param name="Name">The table of a table line.</param>
/// <param name="Chain">The chain of a chain or policy line.</param>
/// <param name="Rule">The rule of a rule line.</param>
internal readonly record struct SaveLine(
    SaveLineKind Kind, string Content, string Ending, string? Name = null, RulesetChain? Chain = null, RuleLine? Rule = null);
