using DockerNetHarden.Addresses;

namespace DockerNetHarden.Effects;

/// <summary>What a change does to the connections that are open on a host.</summary>
public sealed record ChangeEffect
{
    // More lines than this are not read.
    private const int MostLines = 40;

    /// <summary>The connections that would be cut or limited; null if that could not be found out, as <see cref="Notes"/> says.</summary>
    public IReadOnlyList<AffectedConnection>? Connections { get; init; }

    /// <summary>What is not known, one sentence each; empty if everything is.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>What a person reads before a change, one line each.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            var lines = new List<string>();
            if (Connections is { Count: 0 })
                lines.Add("No open connection of a container would be cut.");
            else if (Connections is not null)
            {
                lines.Add("Open connections that this change concerns:");
                lines.AddRange(Connections.Take(MostLines).Select(static connection => $"  {connection}"));
                if (Connections.Count > MostLines)
                    lines.Add(FormattableString.Invariant($"  and {Connections.Count - MostLines} more; Affected in the result has them all"));
            }
            lines.AddRange(Notes);
            return lines;
        }
    }

    /// <summary>The same as one text.</summary>
    public string Text => string.Join('\n', Lines.Select(ShownText.Plain));

    /// <summary>An effect that could not be found out.</summary>
    /// <param name="why">Why, in a sentence.</param>
    internal static ChangeEffect Unknown(string why) => new() { Notes = [$"Which open connections this change would cut is not known: {why}"] };
}
