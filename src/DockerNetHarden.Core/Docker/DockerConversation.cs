namespace DockerNetHarden.Docker;

/// <summary>
/// Many requests in one trip: all are written one after the other (pipelined, RFC 9112 section 9.3.2) and all replies read back in order.
/// Made for <c>docker system dial-stdio</c>, where a trip costs more than what is said on it.
/// </summary>
public static class DockerConversation
{
    /// <summary>The bytes to send. The last request asks for the end of the conversation, so that the program between does not wait.</summary>
    /// <exception cref="ArgumentException">No request, or a request that is not a GET: what changes something is sent alone, its reply awaited.</exception>
    public static byte[] Write(IReadOnlyList<DockerRequest> requests, string host = "docker")
    {
        ArgumentNullException.ThrowIfNull(requests);
        if (requests.Count == 0)
            throw new ArgumentException("A conversation needs a request.", nameof(requests));
        // RFC 9112 section 9.3.2: nothing is pipelined behind a request that changes something.
        if (requests.SkipLast(1).FirstOrDefault(request => !string.Equals(request.Method, "GET", StringComparison.Ordinal)) is { } changing)
            throw new ArgumentException($"{changing.Method} {changing.Path} changes something, so it can only be the last request of a conversation.", nameof(requests));

        using var output = new MemoryStream();
        for (var i = 0; i < requests.Count; i++)
            requests[i].WriteTo(output, host, close: i == requests.Count - 1);
        return output.ToArray();
    }

    /// <summary>The replies to <paramref name="count"/> requests.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>: fewer replies, or bytes that are none.</exception>
    public static async Task<IReadOnlyList<DockerResponse>> ReadAsync(Stream input, int count, CancellationToken stop, DockerResponseLimits? limits = null)
    {
        var reader = new DockerResponseReader(input, limits);
        var replies = new List<DockerResponse>(count);
        while (replies.Count < count)
        {
            replies.Add(await reader.ReadAsync(stop).ConfigureAwait(false)
                ?? throw new DockerException(DockerFailure.BadReply, $"Docker gave {replies.Count} of {count} replies before the conversation ended: the connection broke, or the engine stopped. Try again; `systemctl status docker` says how it is."));
        }
        return replies;
    }

    /// <summary>The replies in bytes that are all there.</summary>
    /// <exception cref="DockerException"><see cref="DockerFailure.BadReply"/>: fewer replies, or bytes that are none.</exception>
    public static IReadOnlyList<DockerResponse> Read(ReadOnlyMemory<byte> bytes, int count, DockerResponseLimits? limits = null)
    {
        using var input = new MemoryStream(bytes.ToArray(), writable: false);
        // A MemoryStream answers at once: nothing is waited for here.
        return ReadAsync(input, count, CancellationToken.None, limits).GetAwaiter().GetResult();
    }
}
