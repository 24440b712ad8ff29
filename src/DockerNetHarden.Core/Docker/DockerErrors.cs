using System.Text;
using System.Text.Json;

namespace DockerNetHarden.Docker;

/// <summary>Makes a typed error of a reply that is none of success: the reason from its status, the words from its body.</summary>
public static class DockerErrors
{
    /// <summary>Throws where the reply is not a success; else gives it back.</summary>
    /// <exception cref="DockerException">By the status: 400 BadRequest, 403 and 409 Conflict, 404 NotFound, 5xx EngineError, else BadReply.</exception>
    public static DockerResponse ThrowIfFailed(DockerRequest request, DockerResponse response, string? endpoint = null)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(response);
        if (response.IsSuccess)
            return response;

        var said = Message(response.Body);
        // A refusal by an authorization plugin is a 403 too, and no conflict: https://docs.docker.com/engine/extend/plugins_authorization/.
        // Engines to 26 say 404 to it, later ones 400.
        var exhausted = said.Contains("address pool", StringComparison.OrdinalIgnoreCase);
        var failure = said.StartsWith("authorization denied", StringComparison.OrdinalIgnoreCase)
            ? DockerFailure.NoPermission
            : exhausted ? DockerFailure.Conflict
            : response.Status switch
            {
                404 => DockerFailure.NotFound,
                403 or 409 => DockerFailure.Conflict,
                >= 400 and <= 499 => DockerFailure.BadRequest,
                >= 500 => DockerFailure.EngineError,
                _ => DockerFailure.BadReply,
            };
        throw new DockerException(failure, $"Docker could not {request.Purpose}: {(said.Length > 0 ? said : "it gave no reason")} (HTTP {response.Status}). {(exhausted ? NoPool : WayOut(failure))}", endpoint, response.Status);
    }

    private static string NoPool =>
        $"The engine has no free subnet left in its pools, or no pool for IPv6. Choose the subnets yourself, one of each family that the network is to have: -Subnet 10.77.1.0/24, {UniqueLocal.Subnet()} "
        + "(the IPv6 one is unique local and was drawn at random). Or remove networks that nobody uses (docker network prune), or add pools to default-address-pools in daemon.json.";

    private static string WayOut(DockerFailure failure) => failure switch
    {
        DockerFailure.NotFound => "`docker network ls` and `docker ps -a` show what is there.",
        DockerFailure.Conflict => "`docker network ls` and `docker network inspect` show what stands in the way: a name, a bridge name or a subnet that is taken, or containers that are still on the network.",
        DockerFailure.NoPermission => "Ask who runs the host's authorization plugin.",
        DockerFailure.BadRequest => "Correct what was asked for.",
        DockerFailure.EngineError => "The engine's log says more: `journalctl -u docker`.",
        _ => "Is it Docker's socket, and nothing before it that answers instead?",
    };

    // {"message": "..."}; engines also answer in plain text, for example to a version that they do not speak.
    private static string Message(ReadOnlyMemory<byte> body)
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
        return Clean(Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, 2000)]));
    }

    private static string Clean(string text)
    {
        var clean = FarText.OneLine(string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).TrimEnd('.');
        return clean.Length <= 1000 ? clean : clean[..1000] + "...";
    }
}
