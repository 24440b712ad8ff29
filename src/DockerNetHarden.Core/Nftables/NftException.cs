using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Nftables;

/// <summary>nftables cannot express a rule, or not with the same meaning.</summary>
public sealed class NftException : FormatException
{
    internal NftException(FirewallRule rule, string reason)
        : base(ShownText.Message($"The rule '{rule}' cannot be written for nftables: {reason}")) => Rule = rule;

    /// <summary>The rule.</summary>
    public FirewallRule Rule { get; }
}
