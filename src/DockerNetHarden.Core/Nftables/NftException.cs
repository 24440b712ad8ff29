using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>A rule that nftables cannot say, or not so that it means the same.</summary>
public sealed class NftException : FormatException
{
    internal NftException(FirewallRule rule, string reason)
        : base($"The rule '{rule}' cannot be written for nftables: {reason}") => Rule = rule;

    /// <summary>The rule.</summary>
    public FirewallRule Rule { get; }
}
