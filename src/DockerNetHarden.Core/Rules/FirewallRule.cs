using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>
/// One rule, in iptables' vocabulary, for a host that has not been seen yet: immutable and checked when it is made. What only a host knows stands in it as
/// a symbolic operand (<see cref="Operand"/>). Each property is a string, a number or an enum, so that a rule survives ConvertTo-Json and CLIXML.
/// <see cref="ToString"/> is complete and canonical, <see cref="Parse"/> its inverse, and equality is equality of that text.
/// </summary>
public sealed partial class FirewallRule : IEquatable<FirewallRule>
{
    private readonly Lazy<string> _text;

    internal FirewallRule(RuleSpec spec)
    {
        var rule = RuleValidation.Normalize(spec);
        Spec = rule;
        Mark = new RuleMark(rule.Control, rule.Subject, rule.Network);
        Hook = Hook.Check(rule.Table!, rule.Chain!);
        // The text is asked for in every comparison; it is made once.
        _text = new Lazy<string>(() => RuleText.Write(this), LazyThreadSafetyMode.PublicationOnly);
    }

    internal RuleSpec Spec { get; }

    internal RuleMark Mark { get; }

    internal Hook Hook { get; }

    /// <summary>The control whose rule it is; part of the mark.</summary>
    public string Control => Spec.Control;

    /// <summary>Which one of the control (a provider, a port set); part of the mark.</summary>
    public string? Subject => Spec.Subject;

    /// <summary>The Docker network that the rule's mark is bound to; part of the mark.</summary>
    public string? Network => Spec.Network;

    /// <summary>Where in its control's chain the rule stands.</summary>
    public Phase Phase => Control switch
    {
        // A custom mark is a little program of the administrator's: its order is its meaning.
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

    /// <summary>The chain that asks the rule (the hook); the line itself stands in the control's own chain, to which the hook jumps.</summary>
    public string Chain => Spec.Chain!;

    /// <summary><c>-i</c>: the in-interface or its operand; <c>!</c> in front negates.</summary>
    public string? InInterface => Spec.InInterface;

    /// <summary><c>-o</c>: the out-interface or its operand; <c>!</c> in front negates.</summary>
    public string? OutInterface => Spec.OutInterface;

    /// <summary><c>-s</c>: the source prefix or its operand; <c>!</c> in front negates.</summary>
    public string? Source => Spec.Source;

    /// <summary><c>-d</c>: the destination prefix or its operand; <c>!</c> in front negates.</summary>
    public string? Destination => Spec.Destination;

    /// <summary><c>-p</c>: the protocol's name or number; <c>!</c> in front negates.</summary>
    public string? Protocol => Spec.Protocol;

    /// <summary><c>--sport</c>, <c>--sports</c>: source ports and ranges; <c>!</c> in front negates.</summary>
    public string? SourcePort => Spec.SourcePort;

    /// <summary><c>--dport</c>, <c>--dports</c>: destination ports and ranges, or <c>docker:published</c>; <c>!</c> in front negates.</summary>
    public string? DestinationPort => Spec.DestinationPort;

    /// <summary><c>--tcp-flags</c>: mask and flags (<c>FIN,SYN,RST,ACK SYN</c>); <c>SYN</c> alone means <c>--syn</c>; <c>!</c> in front negates.</summary>
    public string? TcpFlags => Spec.TcpFlags;

    /// <summary><c>--icmp-type</c>, <c>--icmpv6-type</c>: the number, or number/code; <c>!</c> in front negates.</summary>
    public string? IcmpType => Spec.IcmpType;

    /// <summary><c>--ctstate</c>: the connection's states; <c>!</c> in front negates.</summary>
    public string? ConnectionState => Spec.ConnectionState;

    /// <summary><c>--ctdir</c>: <c>ORIGINAL</c> (from who opened the connection) or <c>REPLY</c>.</summary>
    public string? ConnectionDirection => Spec.ConnectionDirection;

    /// <summary><c>--ctorigdst</c>: the destination before address translation; <c>!</c> in front negates.</summary>
    public string? OriginalDestination => Spec.OriginalDestination;

    /// <summary><c>--ctorigdstport</c>: the destination port before address translation; <c>!</c> in front negates.</summary>
    public string? OriginalDestinationPort => Spec.OriginalDestinationPort;

    /// <summary><c>-m addrtype --src-type</c>: for example <c>LOCAL</c>; <c>!</c> in front negates.</summary>
    public string? SourceAddressType => Spec.SourceAddressType;

    /// <summary><c>-m addrtype --dst-type</c>: for example <c>LOCAL</c>; <c>!</c> in front negates.</summary>
    public string? DestinationAddressType => Spec.DestinationAddressType;

    /// <summary><c>-m set --match-set</c>: the ipset's name and <c>src</c> or <c>dst</c> (<c>blocked dst</c>); <c>!</c> in front negates.</summary>
    public string? Set => Spec.Set;

    /// <summary><c>-m limit --limit</c>: the rate up to which the rule matches, for example <c>5/min</c>.</summary>
    public string? Limit => Spec.Limit;

    /// <summary><c>--limit-burst</c>, in packets.</summary>
    public int? LimitBurst => Spec.LimitBurst;

    /// <summary><c>-m hashlimit</c>: <c>above 5/min</c> or <c>upto 5/min</c>.</summary>
    public string? HashLimit => Spec.HashLimit;

    /// <summary><c>--hashlimit-burst</c>, in packets.</summary>
    public int? HashLimitBurst => Spec.HashLimitBurst;

    /// <summary><c>--hashlimit-mode</c>: what has a bucket of its own, for example <c>srcip</c>; null for one bucket for all.</summary>
    public string? HashLimitMode => Spec.HashLimitMode;

    /// <summary><c>--hashlimit-name</c>. Made from everything that shapes the buckets where none was given: under an unchanged name the kernel keeps an old rate.</summary>
    public string? HashLimitName => Spec.HashLimitName;

    /// <summary>A person's own words; they stand behind the mark in the line's comment.</summary>
    public string? Comment => Spec.Comment;

    /// <summary>The target.</summary>
    public RuleAction Action => Spec.Action!.Value;

    /// <summary><c>--reject-with</c>: how a rejected packet is answered.</summary>
    public string? RejectWith => Spec.RejectWith;

    /// <summary><c>--log-prefix</c>, at most 29 characters.</summary>
    public string? LogPrefix => Spec.LogPrefix;

    /// <summary>The chain to which a rule with the action Jump goes.</summary>
    public string? JumpTarget => Spec.JumpTarget;

    /// <summary>
    /// Reads a rule from text, in iptables' own words: <c>-A DOCKER-USER -d 10.0.0.5/32 -j DROP</c>. In front may stand <c>iptables</c>, <c>ip6tables</c>,
    /// <c>-6</c> and <c>-t TABLE</c>.
    /// </summary>
    /// <exception cref="RefusedValueException">The text is no rule, or one that cannot be.</exception>
    public static FirewallRule Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new FirewallRule(RuleParser.Parse(text));
    }

    /// <summary>The same rule under the mark <c>Custom/NAME</c>, so that it is replaced and removed by itself.</summary>
    /// <param name="name">The subject of the mark.</param>
    /// <exception cref="RefusedValueException">The rule belongs to another control, or the name cannot stand in a mark.</exception>
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
