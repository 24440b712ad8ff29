using DockerNetHarden.Addresses;
using DockerNetHarden.Iptables;

namespace DockerNetHarden.Rules;

/// <summary>
/// One rule, in iptables' vocabulary, for a host that has not been seen yet: immutable and checked when it is made. It names what only a host knows by
/// symbolic operands (<see cref="Operand"/>). Each property is a string, a number or an enum, so that a rule survives ConvertTo-Json and CLIXML.
/// <see cref="ToString"/> is complete and canonical, <see cref="Parse"/> its inverse, and equality is equality of that text.
/// </summary>
public sealed class FirewallRule : IEquatable<FirewallRule>
{
    private readonly Lazy<string> _text;

    internal FirewallRule(RuleSpec spec)
    {
        var rule = spec.Canonical();
        Spec = rule;
        Mark = new RuleMark(rule.Control, rule.Subject, rule.Network);
        Hook = Hook.Check(rule.Table!, rule.Chain!);
        Tokens = RuleText.Tokens(rule);
        // Every comparison needs the text, so it is made once.
        _text = new Lazy<string>(() => RuleText.Write(this), LazyThreadSafetyMode.PublicationOnly);
    }

    internal RuleSpec Spec { get; }

    /// <summary>The arguments after <c>-A CHAIN</c>.</summary>
    internal IReadOnlyList<string> Tokens { get; }

    internal RuleMark Mark { get; }

    internal Hook Hook { get; }

    /// <summary>The control whose rule it is; part of the mark.</summary>
    public string Control => Spec.Control;

    /// <summary>Which one of a control (a provider, a port set); part of the mark.</summary>
    public string? Subject => Spec.Subject;

    /// <summary>The Docker network that the rule is bound to; part of the mark.</summary>
    public string? Network => Spec.Network;

    /// <summary>The rule's phase: where in its control's chain it belongs.</summary>
    public Phase Phase => Control switch
    {
        // The rules of a custom mark are a little program by the administrator: their order is their meaning.
        "Custom" => Phase.Block,
        _ when Action is RuleAction.Return or RuleAction.Accept && Limit is null && HashLimit is null => Phase.Exception,
        "SmtpRate" => Phase.Limit,
        _ when Action != RuleAction.Log && (Limit is not null || HashLimit is not null) => Phase.Limit,
        _ => Phase.Block,
    };

    /// <summary>The family.</summary>
    public Family Family => Spec.Family!.Value;

    /// <summary>The table: filter, mangle or raw.</summary>
    public string Table => Spec.Table!;

    /// <summary>The chain that asks the rule (the hook); the line itself is in the control's own chain, to which the hook jumps.</summary>
    public string Chain => Spec.Chain!;

    /// <summary><c>-i</c>: the in-interface or its operand; <c>!</c> in front negates.</summary>
    public string? InInterface => Spec.InInterface;

    /// <summary><c>-o</c>: the out-interface or its operand; <c>!</c> in front negates.</summary>
    public string? OutInterface => Spec.OutInterface;

    /// <summary><c>-s</c>: the source prefix or its operand; <c>!</c> in front negates.</summary>
    public string? Source => Spec.Source;

    /// <summary><c>-d</c>: the destination prefix or its operand; <c>!</c> in front negates. A control's rule can have several prefixes (<c>10.0.0.0/8,192.168.0.0/16</c>).</summary>
    public string? Destination => Spec.Destination;

    /// <summary><c>-p</c>: the protocol's name or number; <c>!</c> in front negates.</summary>
    public string? Protocol => Spec.Protocol;

    /// <summary><c>--sport</c>, <c>--sports</c>: source ports and ranges; <c>!</c> in front negates.</summary>
    public string? SourcePort => Spec.Text(RuleFields.SourcePort);

    /// <summary><c>--dport</c>, <c>--dports</c>: destination ports and ranges, or <c>docker:published</c>; <c>!</c> in front negates.</summary>
    public string? DestinationPort => Spec.DestinationPort;

    /// <summary><c>--tcp-flags</c>: mask and flags (<c>FIN,SYN,RST,ACK SYN</c>); <c>SYN</c> alone means <c>--syn</c>; <c>!</c> in front negates.</summary>
    public string? TcpFlags => Spec.Text(RuleFields.TcpFlags);

    /// <summary><c>--icmp-type</c>, <c>--icmpv6-type</c>: the number, or number/code; <c>!</c> in front negates.</summary>
    public string? IcmpType => Spec.Text(RuleFields.IcmpType);

    /// <summary><c>--ctstate</c>: the connection's states; <c>!</c> in front negates.</summary>
    public string? ConnectionState => Spec.Text(RuleFields.ConnectionState);

    /// <summary><c>--ctdir</c>: <c>ORIGINAL</c> (from the side that opened the connection) or <c>REPLY</c>.</summary>
    public string? ConnectionDirection => Spec.Text(RuleFields.ConnectionDirection);

    /// <summary><c>--ctorigdst</c>: the destination before address translation; <c>!</c> in front negates.</summary>
    public string? OriginalDestination => Spec.Text(RuleFields.OriginalDestination);

    /// <summary><c>--ctorigdstport</c>: the destination port before address translation; <c>!</c> in front negates.</summary>
    public string? OriginalDestinationPort => Spec.Text(RuleFields.OriginalDestinationPort);

    /// <summary><c>-m addrtype --src-type</c>: for example <c>LOCAL</c>; <c>!</c> in front negates.</summary>
    public string? SourceAddressType => Spec.Text(RuleFields.SourceAddressType);

    /// <summary><c>-m addrtype --dst-type</c>: for example <c>LOCAL</c>; <c>!</c> in front negates.</summary>
    public string? DestinationAddressType => Spec.Text(RuleFields.DestinationAddressType);

    /// <summary><c>-m set --match-set</c>: the ipset's name and <c>src</c> or <c>dst</c> (<c>blocked dst</c>); <c>!</c> in front negates.</summary>
    public string? Set => Spec.Text(RuleFields.Set);

    /// <summary><c>-m limit --limit</c>: the rate up to which the rule matches, for example <c>5/min</c>.</summary>
    public string? Limit => Spec.Limit;

    /// <summary><c>--limit-burst</c>, in packets.</summary>
    public int? LimitBurst => Spec.LimitBurst;

    /// <summary><c>-m hashlimit</c>: <c>above 5/min</c> or <c>upto 5/min</c>.</summary>
    public string? HashLimit => Spec.HashLimit;

    /// <summary><c>--hashlimit-burst</c>, in packets.</summary>
    public int? HashLimitBurst => Spec.HashLimitBurst;

    /// <summary><c>--hashlimit-mode</c>: what gets its own bucket, for example <c>srcip</c>; null for one bucket for all.</summary>
    public string? HashLimitMode => Spec.HashLimitMode;

    /// <summary><c>--hashlimit-name</c>. If none is given it is made from everything that shapes the buckets, because the kernel keeps the old rate under an unchanged name.</summary>
    public string? HashLimitName => Spec.Text(RuleFields.HashLimitName);

    /// <summary>A person's own words; they follow the mark in the line's comment.</summary>
    public string? Comment => Spec.Text(RuleFields.Comment);

    /// <summary>
    /// <c>Opened</c>: the rule decides packets that a container sends on connections which it opened itself, and packets of no connection; replies pass. In the text it is the target, a chain that all
    /// such rules share: <c>-j DNH-REJECT</c>, <c>-j DNH-DROP</c>. Null: the rule decides whatever matches.
    /// </summary>
    public string? Connections => Spec.Text(RuleFields.Connections);

    /// <summary>The target.</summary>
    public RuleAction Action => Spec.Action!.Value;

    /// <summary><c>--reject-with</c>: how a rejected packet is answered.</summary>
    public string? RejectWith => Spec.RejectWith;

    /// <summary><c>--log-prefix</c>, at most 29 characters.</summary>
    public string? LogPrefix => Spec.Text(RuleFields.LogPrefix);

    /// <summary>The chain to which a rule with the action Jump goes.</summary>
    public string? JumpTarget => Spec.Text(RuleFields.JumpTarget);

    /// <summary>
    /// Reads a rule from text, in iptables' own words: <c>-A DOCKER-USER -d 10.0.0.5/32 -j DROP</c>. It may begin with <c>iptables</c>, <c>ip6tables</c>,
    /// <c>-6</c> and <c>-t TABLE</c>.
    /// </summary>
    /// <exception cref="RefusedValueException">The text is not a rule, or the rule is not possible.</exception>
    public static FirewallRule Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new FirewallRule(RuleParser.Parse(text));
    }

    /// <summary>Makes a rule from properties with the names of this class, as ConvertFrom-Json, Import-Clixml or a hashtable holds them. Null or empty counts as not given. Case does not matter.</summary>
    /// <param name="values">The properties. Numbers and enums may come as numbers or as text.</param>
    /// <exception cref="RefusedValueException">A property is unknown or appears twice, or the rule is not possible.</exception>
    public static FirewallRule FromProperties(IReadOnlyDictionary<string, object?> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var (spec, phase) = RuleSpec.FromProperties(values);
        var rule = new FirewallRule(spec);
        return phase is null || phase == rule.Phase ? rule : throw new RefusedValueException(nameof(Phase), phase.ToString(), $"the phase follows from control and action, here {rule.Phase}; leave it out.");
    }

    /// <summary>The same rule under the mark <c>Custom/NAME</c>, so that it is replaced and removed by itself.</summary>
    /// <param name="name">The subject of the mark.</param>
    /// <exception cref="RefusedValueException">The rule belongs to another control, or the name is not valid in a mark.</exception>
    public FirewallRule Named(string name) => string.Equals(Control, "Custom", StringComparison.Ordinal)
        ? With(spec => spec.Subject = name)
        : throw new RefusedValueException("Name", name, $"the rule belongs to {Mark}; only a rule of the control Custom can be given a name.");

    /// <summary>The rule in canonical text; it holds everything.</summary>
    public override string ToString() => _text.Value;

    /// <inheritdoc/>
    public bool Equals(FirewallRule? other) => other is not null && string.Equals(ToString(), other.ToString(), StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as FirewallRule);

    /// <inheritdoc/>
    public override int GetHashCode() => StringComparer.Ordinal.GetHashCode(ToString());

    // A changed copy; checked like a new one.
    internal FirewallRule With(Action<RuleSpec> change)
    {
        var copy = Spec with { };
        change(copy);
        return new FirewallRule(copy);
    }
}

/// <summary>The one table of what a rule can say, in the order in which iptables-save prints it: parser, writer, checks, property bags and the export to nft read it.</summary>
internal static class RuleFields
{
    // Filled by the entries below, so it must come before them.
    private static readonly List<RuleField> Entries = [];

    private static readonly string[] Line = [RuleForm.Line], Packet = [RuleForm.Packet], Target = [RuleForm.Target];
    private static readonly string[] Conntrack = ["conntrack"], AddressType = ["addrtype"], Limits = ["limit"], HashLimits = ["hashlimit"];

    public static IReadOnlyList<RuleField> All => Entries;

    public static readonly RuleField Control = Add(new("Control", NftForm.ByTheRenderer) { Default = _ => "Custom" });
    public static readonly RuleField Subject = Add(new("Subject", NftForm.ByTheRenderer));
    public static readonly RuleField Network = Add(new("Network", NftForm.ByTheRenderer));
    public static readonly RuleField Family = Add(new("Family", NftForm.ByTheRenderer, new(Line, "-4", "--ipv4") { Prefix = "IPv4", Arguments = 0 }, new(Line, "-6", "--ipv6") { Prefix = "IPv6", Arguments = 0 })
    {
        Type = RuleField.AsEnum<Family>, Check = (rule, _) => RuleChecks.Family(rule), Default = RuleChecks.Family, Printed = (rule, _) => rule.Family == Addresses.Family.IPv6 ? "IPv6" : null,
    });
    public static readonly RuleField Table = Add(new("Table", NftForm.ByTheRenderer, new RuleForm(Line, "-t", "--table")) { Default = _ => "filter", Printed = (rule, _) => rule.Table is "filter" ? null : rule.Table });
    public static readonly RuleField Chain = Add(new("Chain", NftForm.ByTheRenderer, new RuleForm(Line, "-A", "--append", "-I", "--insert"))
    {
        Check = (rule, chain) => Hook.Of(rule.Table!, (string)chain, rule.Control).Chain, Default = rule => Hook.Check(rule.Table!, Hook.DockerUser).Chain,
    });
    public static readonly RuleField Source = Add(RuleField.Address("Source", RuleChecks.Address, NftForm.Address("saddr"), new(Packet, "-s", "--source", "--src")));
    public static readonly RuleField Destination = Add(RuleField.Address("Destination", RuleChecks.Destinations, NftForm.Address("daddr"), new(Packet, "-d", "--destination", "--dst")));
    public static readonly RuleField InInterface = Add(RuleField.Text("InInterface", (rule, text, part) => RuleChecks.Interface(rule, text, part, hook => hook.HasInInterface), NftForm.Interface("iifname"), new RuleForm(Packet, "-i", "--in-interface")));
    public static readonly RuleField OutInterface = Add(RuleField.Text("OutInterface", (rule, text, part) => RuleChecks.Interface(rule, text, part, hook => hook.HasOutInterface), NftForm.Interface("oifname"), new RuleForm(Packet, "-o", "--out-interface")));
    public static readonly RuleField Protocol = Add(RuleField.Text("Protocol", (rule, text, _) => RuleWords.Protocol(text, rule.Family!.Value), NftForm.Protocol, new RuleForm(Packet, "-p", "--protocol", "--proto")));
    public static readonly RuleField SourcePort = Add(RuleField.Ports("SourcePort", RuleChecks.Ports, NftForm.Port("sport"), ["--sport", "--source-port"], ["--sports", "--source-ports"]));
    public static readonly RuleField DestinationPort = Add(RuleField.Ports("DestinationPort", RuleChecks.DestinationPorts, NftForm.Port("dport"), ["--dport", "--destination-port"], ["--dports", "--destination-ports"]));
    public static readonly RuleField TcpFlags = Add(RuleField.Text("TcpFlags", RuleChecks.TcpFlags, NftForm.TcpFlags, new(["tcp"], "--tcp-flags") { Arguments = 2 }, new(["tcp"], "--syn") { Prefix = "SYN", Arguments = 0 }));
    public static readonly RuleField IcmpType = Add(RuleField.Text("IcmpType", (rule, text, _) => RuleChecks.IcmpType(rule, text), NftForm.IcmpType,
        new(["icmp"], "--icmp-type") { Fits = (rule, _) => rule.Family == Addresses.Family.IPv4 }, new(["icmp6", "icmpv6"], "--icmpv6-type")));
    public static readonly RuleField ConnectionState = Add(RuleField.Text("ConnectionState", (_, text, _) => RuleWords.State(text), NftForm.ByTheRenderer, new(Conntrack, "--ctstate"), new(["state"], "--state")));
    public static readonly RuleField OriginalDestination = Add(RuleField.Address("OriginalDestination", RuleChecks.OriginalDestination, NftForm.Address("daddr", "ct original "), new RuleForm(Conntrack, "--ctorigdst")));
    public static readonly RuleField OriginalDestinationPort = Add(RuleField.Text("OriginalDestinationPort", (_, text, part) => RuleChecks.OnePort(text, part), NftForm.OriginalPort, new RuleForm(Conntrack, "--ctorigdstport")));
    public static readonly RuleField ConnectionDirection = Add(RuleField.Plain("ConnectionDirection", (_, text) => RuleWords.Direction(text), (_, direction) => $"ct direction {direction.Value.ToLowerInvariant()}", new RuleForm(Conntrack, "--ctdir")));
    public static readonly RuleField SourceAddressType = Add(RuleField.Text("SourceAddressType", (rule, text, part) => RuleWords.AddressType(text, part, rule.Family!.Value), NftForm.AddressType("saddr"), new RuleForm(AddressType, "--src-type")));
    public static readonly RuleField DestinationAddressType = Add(RuleField.Text("DestinationAddressType", (rule, text, part) => RuleWords.AddressType(text, part, rule.Family!.Value), NftForm.AddressType("daddr"), new RuleForm(AddressType, "--dst-type")));
    public static readonly RuleField Set = Add(RuleField.Text("Set", (_, text, _) => RuleChecks.SetMatch(text),
        (_, _) => NftForm.Cannot("nft does not see ipset's sets; make rules with the addresses, or export for iptables."), new RuleForm(["set"], "--match-set") { Arguments = 2 }));
    public static readonly RuleField Limit = Add(RuleField.Plain("Limit", (_, text) => Rate.ParseLimit(text, "Limit").ToString(), NftForm.ByTheRenderer, new RuleForm(Limits, "--limit")) with { Implied = "3/hour" });
    public static readonly RuleField LimitBurst = Add(new("LimitBurst", NftForm.ByTheRenderer, new RuleForm(Limits, "--limit-burst"))
    {
        Type = RuleField.AsNumber, Check = (rule, _) => RuleChecks.LimitBurst(rule), Default = RuleChecks.LimitBurst, Printed = (_, burst) => burst is 5 ? null : RuleField.Print(burst),
    });
    public static readonly RuleField HashLimit = Add(RuleField.Plain("HashLimit", (_, text) => RuleChecks.HashLimit(text), NftForm.ByTheRenderer,
        new(HashLimits, "--hashlimit-above") { Prefix = "above" }, new(HashLimits, "--hashlimit-upto", "--hashlimit") { Prefix = "upto" }));
    public static readonly RuleField HashLimitBurst = Add(new("HashLimitBurst", NftForm.ByTheRenderer, new RuleForm(HashLimits, "--hashlimit-burst"))
    {
        Type = RuleField.AsNumber, Check = (rule, _) => RuleChecks.HashLimitBurst(rule), Default = RuleChecks.HashLimitBurst,
    });
    public static readonly RuleField HashLimitMode = Add(RuleField.Plain("HashLimitMode", RuleChecks.HashLimitMode, NftForm.ByTheRenderer, new RuleForm(HashLimits, "--hashlimit-mode")));
    public static readonly RuleField HashLimitName = Add(RuleField.Plain("HashLimitName", RuleChecks.HashLimitName, NftForm.ByTheRenderer, new RuleForm(HashLimits, "--hashlimit-name")) with { Default = RuleChecks.BucketName });
    public static readonly RuleField Comment = Add(RuleField.Plain("Comment", RuleChecks.Comment, NftForm.ByTheRenderer, new RuleForm(["comment"], "--comment")) with
    {
        Printed = (rule, comment) => new RuleMark(rule.Control, rule.Subject, rule.Network).ToComment((string?)comment), Take = RuleParser.TakeComment,
    });
    public static readonly RuleField Connections = Add(RuleField.Plain("Connections", (_, text) => RuleChecks.Connections(text), NftForm.ByTheRenderer));
    public static readonly RuleField Action = Add(new("Action", NftForm.ByTheRenderer, new RuleForm(Target, "-j", "--jump"))
    {
        Type = RuleField.AsEnum<RuleAction>, Check = (rule, action) => RuleChecks.Action(rule, (RuleAction)action), Take = RuleParser.TakeTarget,
        Default = _ => throw new RefusedValueException("Action", null, "a rule needs a target; write -j ACCEPT, RETURN, DROP, REJECT, LOG or a chain's name."),
        Printed = (rule, action) => action is RuleAction.Jump ? rule.Text(JumpTarget!) : rule.Has(Connections!) || action is RuleAction.Report ? VerdictChain.Of((RuleAction)action!).Name : action!.ToString()!.ToUpperInvariant(),
    });
    public static readonly RuleField RejectWith = Add(RuleField.Plain("RejectWith", RuleChecks.RejectWith, NftForm.ByTheRenderer, new RuleForm(Target, "--reject-with")) with
    {
        Default = rule => rule.Action != RuleAction.Reject || rule.Has(Connections) ? null : rule.Family == Addresses.Family.IPv4 ? "icmp-port-unreachable" : "icmp6-port-unreachable",
    });
    public static readonly RuleField LogPrefix = Add(RuleField.Plain("LogPrefix", RuleChecks.LogPrefix, NftForm.ByTheRenderer, new RuleForm(Target, "--log-prefix")));
    public static readonly RuleField JumpTarget = Add(RuleField.Plain("JumpTarget", RuleChecks.JumpTarget, NftForm.ByTheRenderer) with
    {
        Default = rule => rule.Action != RuleAction.Jump ? null : throw new RefusedValueException("JumpTarget", null, "a jump needs the name of a chain."),
    });

    private static RuleField Add(RuleField field)
    {
        Entries.Add(field with { Index = Entries.Count });
        return Entries[^1];
    }
}
