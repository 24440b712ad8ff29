using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>A value that can be negated: a <c>!</c> in front, as in iptables. The canonical form has no space after it.</summary>
internal readonly record struct Negatable(bool Not, string Value)
{
    public static Negatable Parse(string text)
    {
        var trimmed = text.Trim();
        return trimmed.StartsWith('!') ? new Negatable(true, trimmed[1..].TrimStart()) : new Negatable(false, trimmed);
    }

    public override string ToString() => Not ? "!" + Value : Value;
}

/// <summary>One way to write a field in the text of a rule.</summary>
/// <param name="Modules">The matches that know the option, as <c>-m</c> names them; the first is written, or the rule's own protocol if it is one of them.</param>
/// <param name="Options">The spellings of the option; the first is written.</param>
internal sealed record RuleForm(string[] Modules, params string[] Options)
{
    /// <summary>In place of a match: family, table and chain, which come before the rule.</summary>
    public const string Line = "the line";

    /// <summary>In place of a match: an option that needs none.</summary>
    public const string Packet = "the packet";

    /// <summary>In place of a match: the target and its options, which come last.</summary>
    public const string Target = "the target";

    /// <summary>The words of the value that the option itself means.</summary>
    public string? Prefix { get; init; }

    /// <summary>How many arguments the option takes.</summary>
    public int Arguments { get; init; } = 1;

    /// <summary>Whether an instance of the match takes only this option.</summary>
    public bool IsAlone { get; init; }

    /// <summary>Whether the form can express a value; the first that can is written.</summary>
    public Func<RuleSpec, string, bool> Fits { get; init; } = (_, _) => true;

    /// <summary>Whether it is written without <c>-m</c>.</summary>
    public bool HasNoMatch => Modules[0] is Line or Packet or Target;

    public bool IsOf(string? module) => Array.IndexOf(Modules, module) >= 0;

    public string ModuleOf(RuleSpec rule) => IsOf(rule.Protocol) ? rule.Protocol! : Modules[0];

    public bool CanSay(RuleSpec rule, string value) => (Prefix is null || value.StartsWith(Prefix, StringComparison.Ordinal)) && Fits(rule, value);

    /// <summary>The option and its arguments.</summary>
    public IEnumerable<string> Write(string text) => Arguments switch
    {
        0 => [Options[0]],
        1 => [Options[0], Prefix is null ? text : text[(Prefix.Length + 1)..]],
        _ => [Options[0], .. text.Split(' ')],
    };
}

/// <summary>A field of a rule: everything that the parser, the writer, the checks, property bags and the export to nft know about it. The entries are those of <see cref="RuleFields"/>.</summary>
/// <param name="Name">The name of the property of <see cref="FirewallRule"/>; a parameter of New-FirewallRule has it as its name or its alias.</param>
/// <param name="Nft">What nft says for a value.</param>
/// <param name="Forms">How it is written in the text; none if it is part of another field's text.</param>
internal sealed record RuleField(string Name, Func<RuleSpec, Negatable, NftForm> Nft, params RuleForm[] Forms)
{
    // udplite is the one protocol with ports for which iptables has no match: its ports are written with multiport.
    private static readonly string[] Transport = ["tcp", "udp", "sctp", "dccp"];

    /// <summary>Its place in the table, which is the order in which iptables-save prints and in which values are checked.</summary>
    public int Index { get; init; }

    /// <summary>Whether the option may be negated by a <c>!</c> before it.</summary>
    public bool IsNegatable { get; init; }

    /// <summary>Whether it holds an address, which decides the rule's family.</summary>
    public bool IsAddress { get; init; }

    /// <summary>Reads a value of a property bag or of an argument.</summary>
    public Func<string, object, object> Type { get; init; } = AsText;

    /// <summary>The canonical form of a given value, without its <c>!</c>; null if it adds no condition.</summary>
    /// <exception cref="RefusedValueException">The value is not possible.</exception>
    public Func<RuleSpec, object, object?> Check { get; init; } = (_, value) => value;

    /// <summary>The value if none was given.</summary>
    public Func<RuleSpec, object?> Default { get; init; } = _ => null;

    /// <summary>What iptables uses if the match has no such option; null if it demands one.</summary>
    public string? Implied { get; init; }

    /// <summary>The text of a canonical rule's value; null if none is written.</summary>
    public Func<RuleSpec, object?, string?> Printed { get; init; } = (_, value) => Print(value);

    /// <summary>Puts an argument of the option into a rule, if it holds more than the field.</summary>
    public Action<RuleSpec, string>? Take { get; init; }

    /// <summary>The match of its first form; it decides which fields go together in nft.</summary>
    public string? Module => Forms is [var form, ..] ? form.Modules[0] : null;

    /// <summary>The canonical value in a rule whose earlier fields are canonical.</summary>
    public object? Canonical(RuleSpec rule)
    {
        if (rule[this] is not { } value)
            return Default(rule);
        if (!IsNegatable || value is not string text)
            return Check(rule, value);
        var parsed = Negatable.Parse(text);
        // A value that matches everything adds no condition: iptables-save leaves it out, so it would never be read back as written.
        if (Check(rule, parsed.Value) is not string canonical)
            return parsed.Not ? throw new RefusedValueException(Name, text, "it matches nothing, so the rule would never act.") : null;
        return (parsed with { Value = canonical }).ToString();
    }

    /// <summary>The match and the arguments that express a canonical rule's value, including the negation; null if there is nothing to write.</summary>
    public (string Module, RuleForm Form, IReadOnlyList<string> Tokens)? Write(RuleSpec rule)
    {
        if (Forms.Length == 0 || Printed(rule, rule[this]) is not { } text)
            return null;
        var value = IsNegatable ? Negatable.Parse(text) : new Negatable(false, text);
        var form = Array.Find(Forms, each => each.CanSay(rule, value.Value))!;
        return (form.ModuleOf(rule), form, [.. value.Not ? ["!"] : Array.Empty<string>(), .. form.Write(value.Value)]);
    }

    /// <summary>A text that can be negated.</summary>
    public static RuleField Text(string name, Func<RuleSpec, string, string, string?> check, Func<RuleSpec, Negatable, NftForm> nft, params RuleForm[] forms) =>
        Plain(name, (rule, text) => check(rule, text, name), nft, forms) with { IsNegatable = true };

    /// <summary>A text that cannot be negated.</summary>
    public static RuleField Plain(string name, Func<RuleSpec, string, string?> check, Func<RuleSpec, Negatable, NftForm> nft, params RuleForm[] forms) =>
        new(name, nft, forms) { Check = (rule, value) => check(rule, (string)value) };

    public static RuleField Address(string name, Func<RuleSpec, string, string, string?> check, Func<RuleSpec, Negatable, NftForm> nft, RuleForm form) =>
        Text(name, check, nft, form) with { IsAddress = true };

    // One port or one range is written with the protocol's own match, a list with multiport, which also accepts the other spellings.
    public static RuleField Ports(string name, Func<RuleSpec, string, string, string?> check, Func<RuleSpec, Negatable, NftForm> nft, string[] one, string[] list) => Text(name, check, nft,
        new(Transport, one) { Fits = (rule, text) => Array.IndexOf(Transport, rule.Protocol) >= 0 && !text.Contains(',', StringComparison.Ordinal) },
        new(["multiport"], [.. list, .. one]) { IsAlone = true });

    public static string? Print(object? value) => Convert.ToString(value, CultureInfo.InvariantCulture) is { Length: > 0 } text ? text : null;

    public static object AsText(string name, object value) => value switch
    {
        string text => text,
        // A port typed as a number in a hashtable: @{ DestinationPort = 80 }.
        int or long or short or ushort or uint or byte => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        _ => throw new RefusedValueException(name, value.ToString(), $"it is a {value.GetType().Name}, not a text."),
    };

    public static object AsNumber(string name, object value) =>
        int.TryParse(Convert.ToString(value, CultureInfo.InvariantCulture), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new RefusedValueException(name, value.ToString(), "it is not a whole number.");

    public static object AsEnum<T>(string name, object value)
        where T : struct, Enum
    {
        var text = Convert.ToString(value, CultureInfo.InvariantCulture);
        return Enum.TryParse<T>(text, ignoreCase: true, out var result) && Enum.IsDefined(result)
            ? result
            : throw new RefusedValueException(name, text, $"it is not one of {string.Join(", ", Enum.GetNames<T>())}.");
    }
}
