using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>
/// A place where the kernel asks rules: a table and a chain of it, and the names of our own chains there. Every control has one chain of its own per hook;
/// the hook gets one marked jump to it.
/// </summary>
/// <param name="Table">The table: <c>filter</c>, <c>mangle</c> or <c>raw</c>.</param>
/// <param name="Chain">The chain that jumps: <c>DOCKER-USER</c>, <c>INPUT</c>, <c>POSTROUTING</c> ...</param>
public sealed record Hook(string Table, string Chain)
{
    /// <summary>The beginning of every name of a chain of ours.</summary>
    public const string Prefix = "DNH-";

    /// <summary>Docker's chain for the administrator's own rules.</summary>
    public const string DockerUser = "DOCKER-USER";

    private static readonly (Hook Hook, string Suffix)[] Known =
    [
        (new("filter", DockerUser), "-USER"), (new("filter", "INPUT"), "-IN"), (new("filter", "OUTPUT"), "-OUT"),
        (new("mangle", "PREROUTING"), "-PRE"), (new("mangle", "INPUT"), "-IN"), (new("mangle", "FORWARD"), "-FWD"),
        (new("mangle", "OUTPUT"), "-OUT"), (new("mangle", "POSTROUTING"), "-POST"),
        (new("raw", "PREROUTING"), "-PRE"), (new("raw", "OUTPUT"), "-OUT"),
    ];

    private static readonly Dictionary<(string Table, string Chain), (string Control, Hook Hook)> Owners =
        (from known in Known from control in RuleMark.Controls select (known.Hook, control)).ToDictionary(pair => (pair.Hook.Table, pair.Hook.ChainOf(pair.control)), pair => (pair.control, pair.Hook));

    /// <summary>All hooks that rules can use.</summary>
    public static IReadOnlyList<Hook> All { get; } = [.. Known.Select(known => known.Hook)];

    /// <summary>The tables in which we write.</summary>
    public static IReadOnlyList<string> Tables { get; } = ["filter", "mangle", "raw"];

    /// <summary>Whether the kernel makes the chain itself; otherwise somebody else (Docker) must have made it.</summary>
    public bool IsBuiltIn => !string.Equals(Chain, DockerUser, StringComparison.Ordinal);

    /// <summary>Whether the in-interface is known there.</summary>
    public bool HasInInterface => Chain is not ("OUTPUT" or "POSTROUTING");

    /// <summary>Whether the out-interface is known there.</summary>
    public bool HasOutInterface => Chain is not ("INPUT" or "PREROUTING");

    /// <summary>The name of a control's chain at this hook, for example <c>DNH-METADATA</c>. The control's usual hook in a table needs no suffix.</summary>
    public string ChainOf(string control)
    {
        var word = control switch
        {
            "MetadataAccess" => "METADATA",
            "HostAccess" => "HOST",
            "InternalAccess" => "INTERNAL",
            "SmtpRate" => "SMTP",
            _ => "CUSTOM",
        };
        var usual = Table switch
        {
            "filter" => string.Equals(control, "HostAccess", StringComparison.Ordinal) ? "INPUT" : DockerUser,
            "mangle" => "POSTROUTING",
            _ => "PREROUTING",
        };
        return Prefix + word + (string.Equals(Chain, usual, StringComparison.Ordinal) ? "" : Array.Find(Known, known => known.Hook == this).Suffix);
    }

    /// <summary>The control and hook whose chain it is; null if it is not the chain of a control. A part of such a chain is not one itself.</summary>
    public static (string Control, Hook Hook)? OwnerOf(string table, string chain) => Owners.TryGetValue((table, chain), out var owner) ? owner : null;

    /// <summary>The chain to which a part of it belongs, and which sends packets there: <c>DNH-INTERNAL</c> for <c>DNH-INTERNAL.2</c>. A chain that is no such part belongs to itself.</summary>
    public static string WholeOf(string chain)
    {
        var dot = chain.LastIndexOf('.');
        return dot > 0 && dot + 1 < chain.Length && chain.StartsWith(Prefix, StringComparison.Ordinal) && chain.AsSpan(dot + 1).IndexOfAnyExceptInRange('0', '9') < 0 ? chain[..dot] : chain;
    }

    /// <summary>Whether a chain is ours: that of a control, a part of it, or one that blocks share (<see cref="VerdictChain"/>).</summary>
    public static bool IsOurs(string table, string chain) =>
        OwnerOf(table, WholeOf(chain)) is not null || VerdictChain.In(table).Contains(VerdictChain.Find(chain));

    /// <summary>The hook that a rule names, itself or by the chain of its control there: lines that the host printed name that.</summary>
    /// <exception cref="RefusedValueException">It names neither, or the chain of another control.</exception>
    public static Hook Of(string table, string chain, string control) => OwnerOf(table, chain) switch
    {
        null => Check(table, chain),
        var (owner, hook) when string.Equals(owner, control, StringComparison.Ordinal) => hook,
        var (owner, hook) => throw new RefusedValueException("Chain", chain, $"it has the rules of {owner}, and the rule's comment says {control}; leave the comment as Get-FirewallRule shows it, or name the chain {hook.Chain}."),
    };

    /// <summary>Checks that rules can be put there.</summary>
    /// <exception cref="RefusedValueException">They cannot; the reason names the hook to use.</exception>
    public static Hook Check(string table, string chain)
    {
        var hook = new Hook(table, chain);
        if (Array.Exists(Known, known => known.Hook == hook))
            return hook;
        if (hook == new Hook("filter", "FORWARD"))
            throw new RefusedValueException("Chain", chain, "Docker puts its own jumps before a rule in FORWARD whenever a network is made; use DOCKER-USER, or mangle POSTROUTING for IPv6.");
        if (!Tables.Contains(table, StringComparer.Ordinal))
            throw new RefusedValueException("Table", table, $"rules are put into {string.Join(", ", Tables)}; nat decides where packets go, not whether they may.");
        var chains = Known.Where(known => string.Equals(known.Hook.Table, table, StringComparison.Ordinal)).Select(known => known.Hook.Chain);
        throw new RefusedValueException("Chain", chain, $"rules of table {table} are put on {string.Join(", ", chains)}.");
    }
}
