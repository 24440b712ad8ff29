using System.Text.Json;

namespace DockerNetHarden.Docker;

/// <summary>Makes a typed error from a reply that does not mean success: the reason from its status, the words from its body.</summary>
internal static class DockerErrors
{
    /// <summary>The error of a reply: 400 BadRequest, 403 and 409 Conflict, 404 NotFound, 5xx EngineError, else BadReply.</summary>
    /// <param name="purpose">What the request was for, as it completes "Docker could not ...": <c>read the network 'web'</c>.</param>
    /// <param name="status">The reply's status.</param>
    /// <param name="body">The reply's body.</param>
    /// <param name="endpoint">Where Docker was asked.</param>
    public static DockerException Of(string purpose, int status, string body, string? endpoint = null)
    {
        var said = Message(body);
        // A refusal by an authorization plugin is also a 403, but not a conflict: https://docs.docker.com/engine/extend/plugins_authorization/.
        // Engines up to 26 answer it with 404, later ones with 400.
        var exhausted = said.Contains("address pool", StringComparison.OrdinalIgnoreCase);
        var failure = said.StartsWith("authorization denied", StringComparison.OrdinalIgnoreCase)
            ? DockerFailure.NoPermission
            : exhausted ? DockerFailure.Conflict
            : status switch
            {
                404 => DockerFailure.NotFound,
                403 or 409 => DockerFailure.Conflict,
                >= 400 and <= 499 => DockerFailure.BadRequest,
                >= 500 => DockerFailure.EngineError,
                _ => DockerFailure.BadReply,
            };
        return new DockerException(failure, $"Docker could not {purpose}: {(said.Length > 0 ? said : "it gave no reason")} (HTTP {status}).", endpoint, status, remedy: exhausted ? NoPool : WayOut(failure));
    }

    private static string NoPool =>
        $"The engine has no free subnet left in its pools, or no pool for IPv6. Choose the subnets yourself, one for each family that the network should have: -Subnet 10.77.1.0/24, {UniqueLocal.Subnet()} "
        + "(the IPv6 one is unique local and was drawn at random). Or remove networks that nobody uses (docker network prune), or add pools to default-address-pools in daemon.json.";

    private static string WayOut(DockerFailure failure) => failure switch
    {
        DockerFailure.NotFound => "`docker network ls` and `docker ps -a` show what is there.",
        DockerFailure.Conflict => "`docker network ls` and `docker network inspect` show what is in the way: a name, a bridge name or a subnet that is taken, or containers that are still on the network.",
        DockerFailure.NoPermission => "Ask who runs the host's authorization plugin.",
        DockerFailure.BadRequest => "Correct what was asked for.",
        DockerFailure.EngineError => "The engine's log says more: `journalctl -u docker`.",
        _ => "Check that it is Docker's socket, and that nothing in front of it answers instead.",
    };

    // {"message": "..."}; engines also answer in plain text, for example to a version that they do not support.
    private static string Message(string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.String)
                return Clean(message.GetString()!);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // Not JSON: the text itself is the message.
        }
        return Clean(body.Length <= 2000 ? body : body[..2000]);
    }

    private static string Clean(string text)
    {
        var clean = FarText.OneLine(string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).TrimEnd('.');
        return clean.Length <= 1000 ? clean : clean[..1000] + "...";
    }
}
