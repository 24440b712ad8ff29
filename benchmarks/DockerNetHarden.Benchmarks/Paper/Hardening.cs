using DockerNetHarden.Controls;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Benchmarks;

/// <summary>The rules that are applied.</summary>
internal static class Hardening
{
    /// <summary>The four controls with their defaults.</summary>
    public static readonly IReadOnlyList<FirewallRule> Rules =
        [.. new MetadataAccess().Rules(), .. new HostAccess().Rules(), .. new InternalAccess().Rules(), .. new SmtpRate().Rules()];

    /// <summary>So many rules of a user's own, each of another address: -A DOCKER-USER -d 198.18.0.1/32 -j DROP.</summary>
    public static IReadOnlyList<FirewallRule> Own(int count) => [.. Enumerable.Range(0, count).Select(static number => FirewallRule.Parse(OwnText(number)))];

    /// <summary>One of them as text; 198.18.0.0/15 is the range of benchmarks (RFC 2544).</summary>
    public static string OwnText(int number) => $"-A DOCKER-USER -d 198.{18 + (number >> 16)}.{(number >> 8) & 255}.{number & 255}/32 -j DROP";
}
