using System.Globalization;
using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Matching;

/// <summary>Reads what a rule does. Source: iptables-extensions(8), "Target extensions".</summary>
internal static class ActionReader
{
    private static readonly CompiledAction s_continue = new(ActionKind.Continue);
    // So many destinations of one redirection are followed one by one.
    private const int MostChoices = 256;

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
        // In POSTROUTING it moves sources, which no rule after it looks at.
        "NETMAP" => NetMap(options, family),
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

    private static CompiledAction NetMap(IReadOnlyList<string> options, Family family) =>
        options is ["--to", var text, ..] && Cidr.TryParse(text, out var net) && net.Family == family
            ? new CompiledAction(ActionKind.Redirect) { Net = net }
            : new CompiledAction(ActionKind.Redirect) { Why = "NETMAP to what is not a prefix" };

    private static CompiledAction Redirect(IReadOnlyList<string> options, string option, Family family)
    {
        var isRedirect = option == "--to-ports";
        var action = new CompiledAction(ActionKind.Redirect) { ToLink = isRedirect };
        var texts = RuleOptions.ValuesOf(options, option);
        if (texts.Count == 0)
            return isRedirect ? action : action with { Why = "DNAT without --to-destination" };
        var choices = new List<(UInt128? Destination, int? Port)>();
        foreach (var text in texts)
        {
            var (address, ports) = isRedirect ? ("", text) : Parts(text, family);
            var (destinations, numbers) = (Addresses(address, family), Ports(ports));
            if (destinations is null || numbers is null || choices.Count + ((long)destinations.Count * numbers.Count) > MostChoices)
                return action with { Why = isRedirect ? $"it redirects to any of the ports {text}" : $"it redirects to any of {text}" };
            choices.AddRange(destinations.SelectMany(_ => numbers, static (destination, port) => (destination, port)));
        }
        return choices is [var only] ? action with { Destination = only.Destination, Port = only.Port } : action with { Choices = choices };
    }

    // 10.0.0.1, 10.0.0.1:80, :80, [fd00::1]:80
    private static (string Address, string Ports) Parts(string text, Family family)
    {
        var colon = text.LastIndexOf(':');
        if (colon == 0 || (family == Family.IPv4 && colon > 0))
            return (text[..colon], text[(colon + 1)..]);
        return text.StartsWith('[') && text.IndexOf(']', StringComparison.Ordinal) is var end and > 0 ? (text[1..end].Replace("]-[", "-", StringComparison.Ordinal), text[(end + 1)..].TrimStart(':')) : (text, "");
    }

    // One that stays as it is, one, or those of a range; null if it is not understood or too many.
    private static List<UInt128?>? Addresses(string text, Family family)
    {
        if (text.Length == 0)
            return [null];
        return Prefixes.Ends(text) is var (its, first, last) && its == family && last - first < MostChoices
            ? [.. Enumerable.Range(0, (int)(last - first) + 1).Select(at => (UInt128?)(first + (UInt128)at))]
            : null;
    }

    // "80", "80-90", "80-90/8000": a range that is counted from another port leads to the same ports.
    private static List<int?>? Ports(string text)
    {
        if (text.Length == 0)
            return [null];
        var ends = text.Split('/')[0].Split('-');
        if (ends.Length > 2 || !Port(ends[0], out var first) || !Port(ends[^1], out var last) || last < first || last - first >= MostChoices)
            return null;
        return [.. Enumerable.Range(first, last - first + 1).Select(static port => (int?)port)];

        static bool Port(string text, out ushort port) => ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port);
    }
}
