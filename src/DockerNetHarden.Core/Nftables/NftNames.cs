using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>
/// The names in our table. A base chain is called after the hook that it takes the place of, a control's chain after hook, control and family. Sets and rates are called after what they hold: what has the
/// same name is the same, so it can stay, with its state, when the rules around it change.
/// </summary>
internal static class NftNames
{
    public const string Rate = "rate_";
    public const string BucketRate = "bucketrate_";
    public const string Buckets = "buckets_";
    public const string Beyond = "beyond_";
    public const string Addresses4 = "ip_";
    public const string Addresses6 = "ip6_";
    public const string Links = "links_";

    private static readonly SearchValues<char> s_hex = SearchValues.Create("0123456789abcdef");

    private static readonly string[] Objects = [Rate, BucketRate, Buckets, Addresses4, Addresses6, Links];

    private static readonly Dictionary<string, (Hook Hook, string Control, Family Family)> Chains =
        (from hook in Hook.All from control in RuleMark.Controls from family in Enum.GetValues<Family>() select (Hook: hook, Control: control, Family: family))
        .ToDictionary(place => Chain(place.Hook, place.Control, place.Family), StringComparer.Ordinal);

    private static readonly Dictionary<string, Hook> Bases = Hook.All.ToDictionary(Base, StringComparer.Ordinal);

    public static string Chain(Hook hook, string control, Family family) => $"{Base(hook)}_{control.ToLowerInvariant()}_{NftForm.Word(family)}";

    public static string Base(Hook hook) => $"{hook.Table}_{HookWord(hook)}";

    // In FORWARD, Docker jumps to DOCKER-USER first of all.
    public static string HookWord(Hook hook) => hook.IsBuiltIn ? hook.Chain.ToLowerInvariant() : "forward";

    /// <summary>The chain that all blocks with this action share.</summary>
    public static string Verdict(RuleAction action) => action == RuleAction.Reject ? "opened_reject" : "opened_drop";

    /// <summary>The place of a control's chain; null if it is no such chain.</summary>
    public static (Hook Hook, string Control, Family Family)? PlaceOf(string chain) => Chains.TryGetValue(chain, out var place) ? place : null;

    /// <summary>The hook of a base chain; null if it is none of ours.</summary>
    public static Hook? HookOf(string chain) => Bases.GetValueOrDefault(chain);

    /// <summary>Whether a chain is one that we make.</summary>
    public static bool IsOurChain(string name) => Chains.ContainsKey(name) || Bases.ContainsKey(name) || IsTarget(name);

    /// <summary>Whether a chain decides for rules that jump there, as a target of iptables does.</summary>
    /// <param name="table">The family and the table.</param>
    /// <param name="chain">The chain.</param>
    public static bool IsTarget(string table, string chain) => table == NftRenderer.Table && IsTarget(chain);

    private static bool IsTarget(string chain) => chain == Verdict(RuleAction.Reject) || chain == Verdict(RuleAction.Drop) || IsHashed(chain, Beyond);

    /// <summary>Whether a set or a limit is one that we make.</summary>
    public static bool IsOurObject(string name) => Array.Exists(Objects, prefix => IsHashed(name, prefix));

    /// <summary>A name made of what it stands for.</summary>
    public static string Hashed(string prefix, string content) => prefix + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(content)))[..12].ToLowerInvariant();

    // An older version numbered them.
    private static bool IsHashed(string name, string prefix) => name.Length > prefix.Length && name.Length <= prefix.Length + 12 && name.StartsWith(prefix, StringComparison.Ordinal) && !name.AsSpan(prefix.Length).ContainsAnyExcept(s_hex);
}
