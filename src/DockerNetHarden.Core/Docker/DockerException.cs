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

    /// <summary>What is asked for does not exist (404).</summary>
    NotFound,

    /// <summary>What is to be created exists, or is in use (403, 409).</summary>
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

/// <summary>An engine that could not be asked, or that refused: the reason as data, the message with the way out. It has no control characters, whatever the engine said.</summary>
public sealed class DockerException(DockerFailure failure, string message, string? endpoint = null, int? status = null, Exception? inner = null)
    : Exception(FarText.OneLine(message), inner)
{
    /// <summary>The reason.</summary>
    public DockerFailure Failure { get; } = failure;

    /// <summary>The endpoint that was asked, for example <c>unix:///var/run/docker.sock</c>.</summary>
    public string? Endpoint { get; } = endpoint;

    /// <summary>The HTTP status, where there was one.</summary>
    public int? Status { get; } = status;
}
