namespace DockerNetHarden.Docker;

/// <summary>One reply of the Engine API.</summary>
/// <param name="Status">The HTTP status, 200 to 599.</param>
/// <param name="Headers">The headers; their names are compared without regard to case, repeated ones are joined by <c>", "</c>.</param>
/// <param name="Body">The body, transfer coding taken off; empty where there is none.</param>
public sealed record DockerResponse(int Status, IReadOnlyDictionary<string, string> Headers, ReadOnlyMemory<byte> Body)
{
    /// <summary>Whether the status is 2xx.</summary>
    public bool IsSuccess => Status is >= 200 and <= 299;
}
