using System.Net;
using System.Text;
using DockerNetHarden.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Hosts.Docker;

/// <summary>
/// Brings requests to a remote host's Docker, in the conversation that reads and writes its tables: HTTP/1.1 in a here-document, passed to the engine's socket by
/// whatever program the host has for that. Requests that are sent together wait here until one program takes them all. The sh is constant, the requests are data.
/// </summary>
/// <param name="shell">The conversation; its owner ends it.</param>
/// <param name="sudo">Whether Docker is asked through <c>sudo -n</c> if its socket is closed to the user.</param>
internal sealed class ShellTransport(IShell shell, bool sudo) : HttpMessageHandler
{
    private const string Dial = "docker";
    private const string Curl = "docker-curl";
    private const string Netcat = "docker-nc";

    // Of dnh_ask.
    private const int Waited = 124;

    // $dnh_docker before a command is "sudo -n" if the socket is closed to the user and sudo was asked for. It is split into words on
    // purpose. A DOCKER_HOST that is not a socket is left to the docker command.
    // The nc of Fedora and RHEL is ncat: it half-closes, goes on after the server has closed, and costs more than curl, so it is not used.
    private const string Find = """
        dnh_socket=/var/run/docker.sock dnh_docker= dnh_open=1 dnh_dial=0 dnh_curl=0 dnh_asked=0
        case ${DOCKER_HOST-} in
        unix://?*) dnh_socket=${DOCKER_HOST#unix://} ;;
        ?*) dnh_open=0 ;;
        esac
        [ -S "$dnh_socket" ] && [ -w "$dnh_socket" ] || dnh_open=0
        dnh_find nc
        dnh_nc=$V
        dnh_find ncat
        if [ -n "$V" ] && [ "$dnh_nc" -ef "$V" ]; then dnh_nc=; fi
        if command -v docker >/dev/null; then dnh_dial=1; elif command -v curl >/dev/null; then dnh_curl=1; fi
        """;

    // Runs a command that passes bytes between its input and a socket. When its input ends, most of them half-close, and engines from 26 on take that as the end of
    // the client: they give up the request they are working on and answer null or 499. So the input stays open until the command has ended, which it does when the
    // engine closes the connection after the reply to the last request. A pipe stays open while anybody has it open for writing: sleep has, and whoever reads the pipe opens it for
    // that through /proc, so no fifo and no folder for one are needed. A command that waits for the end of its input gets it when sleep ends; exit code 124 says so
    // (as timeout's does), and what the command printed may then be the answer to a request that was given up. KILL: TERM may be ignored (see WritingProgram).
    private const string Ask = """
        dnh_ask() {
        cat 2>/dev/null | (
        sleep "$1" </dev/null >/dev/null 2>&1 &
        exec 3>&-
        shift
        "$@"
        r=$?
        if { kill -KILL "$!"; wait "$!"; } 2>/dev/null; then r=124; fi
        exit "$r"
        ) 3>/proc/self/fd/0
        }
        """;

    private const string BySudo = """[ "$dnh_uid" = 0 ] || [ -w "$dnh_socket" ] || dnh_docker='sudo -n'""";

    // There are many kinds of netcat: what one brought counts only if the whole reply is there, from the first line to the body of the last, a ping's, and if it ended
    // by itself. Ten seconds, because curl or the docker command can ask again.
    private const string ByNetcat = """
        r=$(dnh_ask 10 "$dnh_nc" -U "$dnh_socket")
        [ $? != 124 ] && case $r in "HTTP/1."*OK) printf '%s' "$r" ;; *) false ;; esac
        """;

    // What ByNetcat does, beside other sections: the engine can take longer to answer than those do. The first line says how it ended, the rest is the reply.
    private const string NetcatBeside = """
        if [ "$dnh_open" = 1 ] && [ -n "$dnh_nc" ]; then
        r=$(dnh_ask 10 "$dnh_nc" -U "$dnh_socket")
        case $?:$r in
        124:*) printf '124\n' ;;
        *":HTTP/1."*OK) printf '0\n%s' "$r" ;;
        esac
        fi
        """;

    // One that brought no reply is asked again, for what it has to say about it; but one that took all of its time would only take it again.
    private const string NetcatsReply = """
        IFS= read -r c <&8 || c=
        case $c in
        0) cat <&8 ;;
        124) false ;;
        *)
        """ + "\n" + ByNetcat + "\n" + """
        ;;
        esac
        """;

    // Less than the minute a program has, so that a command that waits for the end of its input still brings its reply.
    // sudo takes DOCKER_HOST away.
    private const string ByDial = """dnh_ask 50 $dnh_docker docker ${dnh_docker:+${DOCKER_HOST:+-H "$DOCKER_HOST"}} system dial-stdio""";

    private const string Asked = """[ "$dnh_rc" != 0 ] || dnh_asked=1""";

    private readonly List<Request> _waiting = [];
    private List<Request> _sent = [];

    private sealed record Request(string Method, string Path, byte[]? Body)
    {
        public bool Changes => Method is not "GET";

        public TaskCompletionSource<HttpResponseMessage> Reply { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Writes the request as HTTP/1.1 (RFC 9112). The engine closes the connection after its reply to the last one.</summary>
        public string Text(bool last) =>
            $"{Method} {Path} HTTP/1.1\r\nHost: docker\r\nAccept: application/json\r\n{(Body is null ? "" : $"Content-Type: application/json\r\nContent-Length: {Body.Length}\r\n")}{(last ? "Connection: close\r\n" : "")}\r\n{Encoding.UTF8.GetString(Body ?? [])}";
    }

    /// <summary>How long one program with requests may take; one minute unless set.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Sends the waiting requests in one program, and answers them. A failure is the answer of each.</summary>
    /// <param name="stop">Ends the program; once a request that changes something was sent, it is waited for.</param>
    public async Task SendAsync(CancellationToken stop)
    {
        var program = new ShellProgram();
        AddTo(program);
        try
        {
            Answer(await shell.RunAsync(program.Build(Timeout, changes: _sent is [{ Changes: true }]), stop).ConfigureAwait(false));
        }
        catch (Exception error)
        {
            _sent.ForEach(request => request.Reply.TrySetException(error));
        }
    }

    /// <summary>Adds the waiting requests to a program.</summary>
    /// <param name="program">The program.</param>
    /// <param name="meanwhile">Adds the sections that the host works on while the engine answers what it is asked. They come before the transport's own.</param>
    public void AddTo(ShellProgram program, Action<ShellProgram>? meanwhile = null)
    {
        (_sent, var changing) = ([.. _waiting], _waiting.Find(static request => request.Changes));
        _waiting.Clear();
        // RFC 9112 section 9.3.2: nothing is pipelined after a request that changes something.
        if (changing is not null && _sent.Count > 1)
            throw new InvalidOperationException($"{changing.Method} {changing.Path} changes something, so it is sent alone.");
        program.Do(Find).Do(Ask);
        if (sudo)
            program.Do(BySudo);
        if (changing is null)
            AddReading(program, meanwhile);
        else
            AddChange(program, changing);
    }

    /// <summary>Gives the replies to those who asked, whatever their status.</summary>
    public void Answer(ShellReply reply)
    {
        try
        {
            foreach (var (request, read) in _sent.Zip(Read(reply)))
            {
                var message = new HttpResponseMessage((HttpStatusCode)read.Status) { Content = new ByteArrayContent(read.Body) };
                foreach (var (name, value) in read.Headers)
                    message.Headers.TryAddWithoutValidation(name, value);
                request.Reply.TrySetResult(message);
            }
        }
        catch (DockerException error)
        {
            _sent.ForEach(request => request.Reply.TrySetException(error));
        }
    }

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        // A body in memory is complete at once: the request is already waiting when this method returns.
        var body = request.Content is null ? null : await request.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false);
        // A section's input ends with a newline, and after a request comes the next one. So the newline becomes part of the body, where JSON allows it.
        var waiting = new Request(request.Method.Method, request.RequestUri!.PathAndQuery, body is null ? null : [.. body, (byte)'\n']);
        _waiting.Add(waiting);
        return await waiting.Reply.Task.ConfigureAwait(false);
    }

    // The ways to the socket are tried in the order of their cost on the host: measured with Docker 20.10 and curl 7.88, nc took 2 ms of processor time, curl 14 and the
    // docker command 31.
    private void AddReading(ShellProgram program, Action<ShellProgram>? meanwhile)
    {
        // The last one asks the engine to close the connection. It is a ping: its reply shows that all have come.
        var conversation = string.Concat(_sent.Select(static request => request.Text(last: false)).Append(new Request("GET", "/_ping", null).Text(last: true)));
        const string ifOpen = """[ "$dnh_open" = 1 ] && [ -n "$dnh_nc" ]""";
        if (meanwhile is null)
        {
            program.Section(Netcat, ByNetcat, input: conversation, when: ifOpen, then: Asked, subshell: false);
        }
        else
        {
            program.Beside(NetcatBeside, conversation);
            meanwhile(program);
            program.Section(Netcat, NetcatsReply, input: conversation, when: ifOpen, then: Asked, subshell: false);
        }
        // -i and --raw: the replies as they came, with their headers, one after another.
        program.Section(
            Curl, """$dnh_docker curl --silent --show-error --http1.1 --include --raw --max-time 60 --unix-socket "$dnh_socket" --config -""",
            input: string.Concat(_sent.Select(static request => $"url = \"http://docker{request.Path}\"\n")),
            when: """[ "$dnh_asked" = 0 ] && { [ "$dnh_curl" = 1 ] || { [ "$dnh_open" = 1 ] && command -v curl >/dev/null; }; }""", then: Asked);
        program.Section(Dial, ByDial, input: conversation, when: """[ "$dnh_asked$dnh_dial" = 01 ]""");
    }

    private static void AddChange(ShellProgram program, Request request)
    {
        program.Section(Dial, ByDial, input: request.Text(last: true), when: """[ "$dnh_dial" = 1 ]""");
        program.Section(
            Curl, """
            $dnh_docker curl --silent --show-error --http1.1 --include --raw --max-time 60 --unix-socket "$dnh_socket" \
                --request "$1" --header 'Content-Type: application/json' --header 'Expect:' --data-binary @- "http://docker$2"
            """,
            data: [request.Method, request.Path], input: Encoding.UTF8.GetString(request.Body ?? []), when: """[ "$dnh_curl" = 1 ]""");
    }

    private IReadOnlyList<HttpReply> Read(ShellReply reply)
    {
        // Each was tried because the one before it did not get through.
        if ((reply.Find(Dial) ?? reply.Find(Curl) ?? reply.Find(Netcat)) is not { } section)
            throw new DockerException(DockerFailure.NotInstalled, $"{shell.HostName} has neither docker nor curl in its PATH, so its Docker could not be asked.", shell.HostName, remedy: "Install the docker command (package docker-ce-cli or docker-cli).");
        try
        {
            return HttpReplyReader.Read(section.Output, _sent.Count);
        }
        catch (DockerException error)
        {
            throw Explain(section, shell.HostName, error);
        }
    }

    // The words are those of the docker command, of curl and of sudo.
    private static DockerException Explain(ShellSection section, string host, DockerException error)
    {
        var said = FarText.Line(section.Errors);
        var (failure, wayOut) = section.Errors switch
        {
            var text when Has(text, "a password is required", "a terminal is required", "is not in the sudoers", "is not allowed to", "may not run sudo", "sudo: not found", "sudo: command not found") =>
                (DockerFailure.NoPermission, "sudo there asks for a password or does not allow the command: allow 'docker system dial-stdio' with NOPASSWD in sudoers."),
            var text when Has(text, "permission denied", "Permission denied") => (DockerFailure.NoPermission, "The user may not open Docker's socket: add the user to the group docker, or use sudo with -Sudo."),
            var text when Has(text, "no such file or directory", "No such file or directory") => (DockerFailure.NotInstalled, "Docker's socket does not exist there: install Docker, or start it: systemctl start docker."),
            var text when Has(text, "Cannot connect to the Docker daemon", "connection refused", "Connection refused", "Couldn't connect", "Failed to connect") => (DockerFailure.DaemonDown, "Start Docker there: systemctl start docker."),
            // A reply that is wrong was not waited for in vain: more time would not mend it.
            _ when error.InnerException is not EndOfStreamException => (DockerFailure.BadReply, error.Message),
            _ when section.ExitCode == Waited => (DockerFailure.Timeout, "The docker command there did not end by itself, though the engine was asked to close the connection. Check there with systemctl status docker whether the engine hangs."),
            var text when Has(text, "timed out") => (DockerFailure.Timeout, "Check there with systemctl status docker whether the engine hangs."),
            _ => (DockerFailure.BadReply, error.Message),
        };
        return new DockerException(failure, $"Docker of {host} could not be asked ({said}; exit code {section.ExitCode}).", host, inner: error, remedy: wayOut);
    }

    private static bool Has(string text, params string[] words) => words.Any(word => text.Contains(word, StringComparison.Ordinal));
}
