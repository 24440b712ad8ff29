using DockerNetHarden.Addresses;

namespace DockerNetHarden.Rules;

/// <summary>
/// A rule before it is checked: every part as text, null where it was not given. Parsers, property bags and controls fill one; only
/// <see cref="FirewallRule"/> makes a rule of it. Names of the parts are those of the rule's properties.
/// </summary>
internal sealed record RuleSpec
{
    public string Control { get; set; } = "Custom";
    public string? Subject { get; set; }
    public string? Network { get; set; }
    public Family? Family { get; set; }
    public string? Table { get; set; }
    public string? Chain { get; set; }
    public string? InInterface { get; set; }
    public string? OutInterface { get; set; }
    public string? Source { get; set; }
    public string? Destination { get; set; }
    public string? Protocol { get; set; }
    public string? SourcePort { get; set; }
    public string? DestinationPort { get; set; }
    public string? TcpFlags { get; set; }
    public string? IcmpType { get; set; }
    public string? ConnectionState { get; set; }
    public string? ConnectionDirection { get; set; }
    public string? OriginalDestination { get; set; }
    public string? OriginalDestinationPort { get; set; }
    public string? SourceAddressType { get; set; }
    public string? DestinationAddressType { get; set; }
    public string? Set { get; set; }
    public string? Limit { get; set; }
    public int? LimitBurst { get; set; }
    public string? HashLimit { get; set; }
    public int? HashLimitBurst { get; set; }
    public string? HashLimitMode { get; set; }
    public string? HashLimitName { get; set; }
    public string? Comment { get; set; }
    public RuleAction? Action { get; set; }
    public string? RejectWith { get; set; }
    public string? LogPrefix { get; set; }
    public string? JumpTarget { get; set; }
}
