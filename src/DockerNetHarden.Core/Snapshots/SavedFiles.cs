namespace DockerNetHarden.Snapshots;

/// <summary>What a host keeps on its disk so that rules of ours are there after its next start: files and links as they are, not what they mean.</summary>
public sealed record SavedFiles
{
    /// <summary>The text of each file that exists, by its path.</summary>
    public required IReadOnlyDictionary<string, string> Texts { get; init; }

    /// <summary>The links that enable a unit, those that exist.</summary>
    public IReadOnlyList<string> Links { get; init; } = [];

    /// <summary>What the host starts with and could load rules by: <c>systemd</c>, <c>netfilter-persistent</c>, <c>iptables-services</c>.</summary>
    public IReadOnlyList<string> Systems { get; init; } = [];
}
