using System.Runtime.CompilerServices;
using System.Text.Json;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>Something that happened to an engine's objects.</summary>
/// <param name="Type">What it happened to: <c>network</c>, <c>container</c>, <c>daemon</c>.</param>
/// <param name="Action">What happened: <c>create</c>, <c>destroy</c>, <c>start</c>, <c>die</c>, <c>reload</c> ...</param>
/// <param name="Name">The object's name, or its id if the engine gives no name.</param>
public sealed record DockerEvent(string Type, string Action, string Name)
{
    /// <summary>The event in readable form: <c>network create web</c>.</summary>
    public override string ToString() => $"{Type} {Action} {Name}";

    /// <summary>
    /// Listens to an engine until it ends the connection (it stops, or is restarted) or <paramref name="stop"/> is cancelled.
    /// Source: https://docs.docker.com/reference/api/engine/, SystemEvents: one JSON object per line.
    /// </summary>
    /// <param name="docker">The engine.</param>
    /// <param name="types">The types of objects to hear about.</param>
    /// <param name="stop">Ends the listening.</param>
    /// <exception cref="DockerException">The engine could not be asked, or its answer was not understood.</exception>
    public static async IAsyncEnumerable<DockerEvent> ListenAsync(HostDocker docker, IReadOnlyList<string> types, [EnumeratorCancellation] CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(docker);
        var stream = await docker.OpenEventsAsync(types, stop).ConfigureAwait(false);
        await using var closing = stream.ConfigureAwait(false);
        using var reader = new StreamReader(stream);
        while (await NextLineAsync(reader, stop).ConfigureAwait(false) is { } line)
        {
            if (line.Length > 0)
                yield return Read(line, docker.Endpoint);
        }
    }

    internal static DockerEvent Read(string line, string endpoint)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            var actor = root.GetProperty("Actor");
            var name = actor.TryGetProperty("Attributes", out var attributes) && attributes.TryGetProperty("name", out var named) ? named.GetString() : null;
            return new DockerEvent(root.GetProperty(nameof(Type)).GetString()!, root.GetProperty(nameof(Action)).GetString()!, name ?? actor.GetProperty("ID").GetString()!);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new DockerException(DockerFailure.BadReply, $"Docker reported an event that is not understood ({line[..Math.Min(line.Length, 200)]}).", endpoint, inner: error, remedy: "Check that it is Docker's socket that answers.");
        }
    }

    // An engine that is killed breaks the connection in the middle of a chunk: for the listener that is an ordinary end.
    private static async Task<string?> NextLineAsync(StreamReader reader, CancellationToken stop)
    {
        try
        {
            return await reader.ReadLineAsync(stop).ConfigureAwait(false);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
