using System.Globalization;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Matching;

/// <summary>Reads what a rule does. Source: iptables-extensions(8), "Target extensions".</summary>
internal static class ActionReader
{
    private static readonly CompiledAction s_continue = new(ActionKind.Continue);
    private static readonly CompiledAction s_accept = new(ActionKind.Accept);

    internal static CompiledAction Read(
        string? target, bool isGoto, IReadOnlyList<string> options, Family family, Func<string, CompiledChain?> chainNamed) => target switch
    {
        null => s_continue,
        // A user's chain cannot hide a target: iptables looks for the standard targets first, then for chains, then for extensions.
        "ACCEPT" => s_accept,
        "DROP" => new CompiledAction(ActionKind.Drop),
        "RETURN" => new CompiledAction(ActionKind.Return),
        _ when chainNamed(target) is { } chain => new CompiledAction(isGoto ? ActionKind.Goto : ActionKind.Jump) { Target = chain },
        "REJECT" => new CompiledAction(ActionKind.Reject) { IsReset = options.Contains("tcp-reset", StringComparer.Ordinal) },
        "LOG" or "NFLOG" or "ULOG" or "TRACE" or "TCPMSS" or "CLASSIFY" or "TOS" or "DSCP" or "ECN" or "TTL" or "HL" or "CHECKSUM" or "AUDIT"
            or "CONNSECMARK" or "SECMARK" or "IDLETIMER" or "LED" or "RATEEST" or "TCPOPTSTRIP" or "SET" => s_continue,
        // They rewrite the source, and no rule after them looks at sources.
        "SNAT" or "MASQUERADE" => s_accept,
        "MARK" => new CompiledAction(ActionKind.Mark) { Mark = Mark(options) },
        // Saving a mark does not change the packet; restoring one may.
        "CONNMARK" => options.Any(static option => option == "--restore-mark") ? new CompiledAction(ActionKind.Mark) : s_continue,
        "NOTRACK" => new CompiledAction(ActionKind.Untrack),
        "CT" => Conntrack(options),
        "DNAT" => Redirect(options, "--to-destination", family),
        "REDIRECT" => Redirect(options, "--to-ports", family),
        _ when isGoto => new CompiledAction(ActionKind.Goto) { Why = $"the chain {target} does not exist" },
        _ => new CompiledAction(ActionKind.Obscure) { Why = $"-j {target} is neither modelled nor a chain" },
    };

    private static CompiledAction Conntrack(IReadOnlyList<string> options)
    {
        // A helper, events or a timeout decide nothing here. A zone moves the packet to a different connection.
        if (options.Any(static option => option.StartsWith("--zone", StringComparison.Ordinal)))
            return new CompiledAction(ActionKind.Untrack) { Why = "-j CT --zone is not modelled" };
        return options.Contains("--notrack", StringComparer.Ordinal) ? new CompiledAction(ActionKind.Untrack) : s_continue;
    }

    private static (uint Value, uint Mask)? Mark(IReadOnlyList<string> options)
    {
        if (options.Count < 2 || MatchModules.MarkValue(options[1]) is not { } mark)
            return null;
        return options[0] switch
        {
            "--set-xmark" => mark,
            "--set-mark" => (mark.Value, mark.Value | mark.Mask),
            "--and-mark" => (0, ~mark.Value),
            "--or-mark" => (mark.Value, mark.Value),
            "--xor-mark" => (mark.Value, 0),
            _ => null,
        };
    }

    private static CompiledAction Redirect(IReadOnlyList<string> options, string option, Family family)
    {
        var isRedirect = option == "--to-ports";
        var action = new CompiledAction(ActionKind.Redirect) { ToLink = isRedirect };
        var at = options.ToList().IndexOf(option);
        if (at < 0)
            return isRedirect ? action : action with { Why = "DNAT without --to-destination" };
        if (options.Count(each => each == option) > 1)
            return action with { Why = "DNAT to several destinations" };
        var text = at + 1 < options.Count ? options[at + 1] : "";
        return isRedirect ? WithPort(action, text) : WithDestination(action, text, family);
    }

    // 10.0.0.1, 10.0.0.1:80, :80, [fd00::1]:80; a range is more than one destination.
    private static CompiledAction WithDestination(CompiledAction action, string text, Family family)
    {
        var (address, port) = (text, "");
        var colon = text.LastIndexOf(':');
        if (colon == 0 || (family == Family.IPv4 && colon > 0))
            (address, port) = (text[..colon], text[(colon + 1)..]);
        else if (text.StartsWith('[') && text.IndexOf(']', StringComparison.Ordinal) is var end and > 0)
            (address, port) = (text[1..end], text[(end + 1)..].TrimStart(':'));
        var result = port.Length == 0 ? action : WithPort(action, port);
        if (address.Length == 0)
            return result;
        return Cidr.TryParse(address, out var one) && one.Family == family && one.IsSingleAddress
            ? result with { Destination = one.Bits }
            : result with { Why = $"DNAT to {text} is not to one address" };
    }

    private static CompiledAction WithPort(CompiledAction action, string text) =>
        ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? action with { Port = port }
            : action with { Why = $"it redirects to any of the ports {text}" };
}
