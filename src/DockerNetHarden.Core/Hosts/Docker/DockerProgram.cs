using System.Text;
using DockerNetHarden.Docker;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>A batch of requests to Docker as a part of a program, and its replies. The sh is constant, the requests are data.</summary>
internal static class DockerProgram
{
    private const string Dial = "docker";
    private const string Curl = "docker-curl";
    private const string Netcat = "docker-nc";

    // $dnh_docker before a command is "sudo -n" where the socket is closed to the user and sudo was asked for. It is split into words on
    // purpose. A DOCKER_HOST that is no socket is for the docker command to understand.
    private const string Find = """
        dnh_socket=/var/run/docker.sock dnh_docker= dnh_open=1 dnh_dial=0 dnh_curl=0 dnh_asked=0
        case ${DOCKER_HOST-} in
        unix://?*) dnh_socket=${DOCKER_HOST#unix://} ;;
        ?*) dnh_open=0 ;;
        esac
        [ -S "$dnh_socket" ] && [ -w "$dnh_socket" ] || dnh_open=0
        if command -v docker >/dev/null; then dnh_dial=1; elif command -v curl >/dev/null; then dnh_curl=1; fi
        """;

    private const string BySudo = """[ "$dnh_uid" = 0 ] || [ -w "$dnh_socket" ] || dnh_docker='sudo -n'""";

    // There are netcats of many makers: what one brought counts if the whole reply is there, from the first line to the body of the last, a ping's.
    private const string ByNetcat = """
        r=$(nc -U "$dnh_socket")
        case $r in "HTTP/1."*OK) printf '%s' "$r" ;; *) false ;; esac
        """;

    private const string Asked = """[ "$dnh_rc" != 0 ] || dnh_asked=1""";

    /// <summary>
    /// Adds the batch: GET requests only. The ways to the socket are tried in the order of what they cost the host: measured with Docker 20.10 and curl 7.88, nc took
    /// 2 ms of processor time, curl 14 and the docker command 31.
    /// </summary>
    internal static void AddTo(ShellProgram program, IReadOnlyList<DockerRequest> requests, bool sudo)
    {
        program.Do(Find);
        if (sudo)
            program.Do(BySudo);
        // The end of the input reaches the engine as the end of the client, at which it gives up the request that it works on: that is a
        // ping, whose reply nobody needs.
        var conversation = Encoding.ASCII.GetString(DockerConversation.Write([.. requests, DockerApi.Ping()]));
        program.Section(Netcat, ByNetcat, input: conversation, when: """[ "$dnh_open" = 1 ] && command -v nc >/dev/null""", then: Asked, subshell: false);
        // -i and --raw: the replies as they came, with their headers, one after the other.
        program.Section(
            Curl, """$dnh_docker curl --silent --show-error --http1.1 --include --raw --max-time 60 --unix-socket "$dnh_socket" --config -""",
            input: string.Concat(requests.Select(static request => $"url = \"http://docker{request.Path}\"\n")),
            when: """[ "$dnh_asked" = 0 ] && { [ "$dnh_curl" = 1 ] || { [ "$dnh_open" = 1 ] && command -v curl >/dev/null; }; }""", then: Asked);
        program.Section(Dial, "$dnh_docker docker system dial-stdio", input: conversation, when: """[ "$dnh_asked$dnh_dial" = 01 ]""");
    }

    /// <summary>Adds one request that changes something. The ping behind it is why the engine does not take the end of the input for the client's end.</summary>
    internal static void AddChangeTo(ShellProgram program, DockerRequest request, bool sudo)
    {
        program.Do(Find);
        if (sudo)
            program.Do(BySudo);
        using var bytes = new MemoryStream();
        request.WriteTo(bytes, "docker", close: false);
        DockerApi.Ping().WriteTo(bytes, "docker", close: true);
        program.Section(Dial, "$dnh_docker docker system dial-stdio", input: Encoding.UTF8.GetString(bytes.ToArray()), when: """[ "$dnh_dial" = 1 ]""");
        program.Section(
            Curl, """
            $dnh_docker curl --silent --show-error --http1.1 --include --raw --max-time 60 --unix-socket "$dnh_socket" \
                --request "$1" --header 'Content-Type: application/json' --header 'Expect:' --data-binary @- "http://docker$2"
            """,
            data: [request.Method, request.Path], input: Encoding.UTF8.GetString((request.Body ?? ReadOnlyMemory<byte>.Empty).Span), when: """[ "$dnh_curl" = 1 ]""");
    }

    /// <summary>The replies, one a request, whatever their status.</summary>
    /// <exception cref="DockerException">Docker could not be asked.</exception>
    internal static IReadOnlyList<DockerResponse> Read(ShellReply reply, string host, IReadOnlyList<DockerRequest> requests)
    {
        // A later one was tried because the one before did not get through.
        if ((reply.Find(Dial) ?? reply.Find(Curl) ?? reply.Find(Netcat)) is not { } section)
            throw new DockerException(DockerFailure.NotInstalled, $"{host} has neither docker nor curl in its PATH, so Docker could not be asked there. Install the docker command (package docker-ce-cli or docker-cli).", host);
        try
        {
            return DockerConversation.Read(section.Output, requests.Count);
        }
        catch (DockerException error)
        {
            throw Explain(section, host, error);
        }
    }

    // The words are those of the docker command, of curl and of sudo.
    private static DockerException Explain(ShellSection section, string host, DockerException error)
    {
        var said = HostErrors.Line(section.Errors);
        var (failure, wayOut) = section.Errors switch
        {
            var text when Has(text, "a password is required", "a terminal is required", "is not in the sudoers", "is not allowed to", "may not run sudo", "sudo: not found", "sudo: command not found") =>
                (DockerFailure.NoPermission, "sudo there wants a password or does not allow the command: allow 'docker system dial-stdio' with NOPASSWD in sudoers."),
            var text when Has(text, "permission denied", "Permission denied") => (DockerFailure.NoPermission, "The user may not open Docker's socket: add the user to the group docker, or ask by sudo with -Sudo."),
            var text when Has(text, "no such file or directory", "No such file or directory") => (DockerFailure.NotInstalled, "Docker's socket does not exist there: install Docker, or start it: systemctl start docker."),
            var text when Has(text, "Cannot connect to the Docker daemon", "connection refused", "Connection refused", "Couldn't connect", "Failed to connect") => (DockerFailure.DaemonDown, "Start Docker there: systemctl start docker."),
            var text when Has(text, "timed out") => (DockerFailure.Timeout, "See there with systemctl status docker whether the engine hangs."),
            _ => (DockerFailure.BadReply, error.Message),
        };
        return new DockerException(failure, $"Docker of {host} could not be asked ({said}; exit code {section.ExitCode}). {wayOut}", host, inner: error);
    }

    private static bool Has(string text, params string[] words) => words.Any(word => text.Contains(word, StringComparison.Ordinal));
}
