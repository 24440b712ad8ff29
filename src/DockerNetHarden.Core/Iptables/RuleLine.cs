using DockerNetHarden.Rules;

namespace DockerNetHarden.Iptables;

/// <summary>
/// One rule as iptables-save prints it (an <c>-A</c> line): its tokens verbatim, unquoted, without <c>-A CHAIN</c> and without counters.
/// Source: iptables-save(8).
/// </summary>
/// <param name="Family">The family whose save output holds the line.</param>
/// <param name="Table">The table, for example <c>filter</c>.</param>
/// <param name="Chain">The chain, for example <c>DOCKER-USER</c>.</param>
/// <param name="Tokens">Everything behind <c>-A CHAIN</c>, one element an argument, quotes and escapes taken off.</param>
/// <param name="Packets">The packet counter; 0 where the output has no counters.</param>
/// <param name="Bytes">The byte counter; 0 where the output has no counters.</param>
public sealed record RuleLine(Family Family, string Table, string Chain, IReadOnlyList<string> Tokens, long Packets = 0, long Bytes = 0);
