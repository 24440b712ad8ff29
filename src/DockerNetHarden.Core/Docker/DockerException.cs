using DockerNetHarden.Addresses;

namespace DockerNetHarden.Docker;

/// <summary>Why Docker could not be asked, or refused.</summary>
public enum DockerFailure
{
    /// <summary>No engine is installed, or its socket does not exist.</summary>
    NotInstalled,

    /// <summary>The socket exists but nobody answers.</summary>
    DaemonDown,

    /// <summary>The user may not open the socket.</summary>
    NoPermission,

    /// <summary>The daemon runs rootless: the host's tables do not decide its packets.</summary>
    Rootless,

    /// <summary><c>DOCKER_HOST</c> cannot be used (another machine, an unknown scheme).</summary>
    UnusableEndpoint,

    /// <summary>The engine is too old for the API that is asked for.</summary>
    ApiTooOld,

    /// <summary>The object asked for does not exist (404).</summary>
    NotFound,

    /// <summary>The object to be created already exists, or is in use (403, 409).</summary>
    Conflict,

    /// <summary>The engine refused the request (400).</summary>
    BadRequest,

    /// <summary>The engine failed (5xx).</summary>
    EngineError,

    /// <summary>The reply was not understood.</summary>
    BadReply,

    /// <summary>The engine did not answer in time.</summary>
    Timeout,
}

/// <summary>An engine could not be asked, or it refused: the reason as data, and a message with the way out, without control characters whatever the engine said.</summary>
/// <param name="failure">The reason.</param>
/// <param name="cause">What happened, in whole sentences.</param>
/// <param name="endpoint">The endpoint that was asked.</param>
/// <param name="status">The HTTP status, if there was one.</param>
/// <param name="inner">The cause as an exception.</param>
/// <param name="remedy">What to do about it, in whole sentences; null if the cause says it too.</param>
public sealed class DockerException(DockerFailure failure, string cause, string? endpoint = null, int? status = null, Exception? inner = null, string? remedy = null)
    : Exception(FarText.OneLine(remedy is null ? cause : $"{cause} {remedy}"), inner)
{
    /// <summary>What happened: the message without its remedy.</summary>
    public string Cause { get; } = FarText.OneLine(cause);

    /// <summary>What to do about it, in whole sentences.</summary>
    public string Remedy { get; } = FarText.OneLine(remedy ?? cause);

    /// <summary>The reason.</summary>
    public DockerFailure Failure { get; } = failure;

    /// <summary>The endpoint that was asked, for example <c>unix:///var/run/docker.sock</c>.</summary>
    public string? Endpoint { get; } = endpoint;

    /// <summary>The HTTP status, if there was one.</summary>
    public int? Status { get; } = status;
}

/// <summary>What another machine or program printed, as a part of a message: see <see cref="ShownText"/>.</summary>
internal static class FarText
{
    /// <inheritdoc cref="ShownText.Message"/>
    public static string OneLine(string text) => ShownText.Message(text);

    /// <inheritdoc cref="ShownText.Lines"/>
    public static string Lines(string text) => ShownText.Lines(text);

    /// <summary>One line of at most 500 characters, for the middle of a sentence.</summary>
    internal static string Line(string text)
    {
        var line = OneLine(text.Trim());
        return line.Length == 0 ? "it printed no reason" : line.Length > 500 ? line[..500] + "..." : line;
    }

    /// <summary>What came outside the frames on both streams: the end of each, as one line.</summary>
    internal static string Seen(params string?[] streams) => string.Join(" | ", streams
        .Where(static text => !string.IsNullOrWhiteSpace(text)).Select(static text => OneLine(text!.Trim())).Select(static text => text.Length > 600 ? "..." + text[^600..] : text));
}
