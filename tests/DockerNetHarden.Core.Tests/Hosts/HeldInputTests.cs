using System.Diagnostics;
using DockerNetHarden.Addresses;
using DockerNetHarden.Core.Tests.Docker;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>
/// Programs that bring requests to Docker's socket half-close when their input ends, and engines from 26 on then give up the current request. So the input stays open until the
/// replies are there, and no process is left behind.
/// </summary>
[Collection(TimedCollection.Name)]
public sealed class HeldInputTests
{
    // Passes bytes both ways, half-closes at the end of its input and ends when the server does, like docker system dial-stdio and most netcats. Called as lingers it goes
    // on to the end of its input, as ncat does. "nc -U PATH"; docker finds the socket in DOCKER_HOST.
    internal const string HalfCloser = """
        exec /usr/bin/perl -e '
        use Socket;
        my ($lingers, $path) = (shift, $ARGV[0] eq "-U" ? $ARGV[1] : substr($ENV{DOCKER_HOST}, 7));
        socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
        connect($s, sockaddr_un($path)) or die "connect: $!";
        my ($in, $net) = (1, 1);
        while ($net) {
            my $r = "";
            vec($r, 0, 1) = 1 if $in;
            vec($r, fileno($s), 1) = 1;
            select($r, undef, undef, undef);
            if ($in && vec($r, 0, 1)) { if (sysread(STDIN, my $b, 65536)) { syswrite($s, $b) } else { $in = 0; shutdown($s, 1) } }
            if (vec($r, fileno($s), 1)) { if (sysread($s, my $b, 65536)) { syswrite(STDOUT, $b) } else { $net = 0 } }
        }
        if ($lingers) { 1 while $in && sysread(STDIN, my $b, 65536) }
        '
        """;

    // How the stand-in is called: it ends with the server, or it goes on to the end of its input.
    internal const string Ends = " '' \"$@\"";
    private const string Stays = " 1 \"$@\"";

    private static readonly NetworkSpec Made = new("web", "dnhweb0", [Cidr.Parse("10.77.3.0/24")]);

    /// <summary>The shells of this machine, each with a program that half-closes: a stand-in under both names, and each docker command that exists.</summary>
    public static TheoryData<string, string> ShellsAndHelpers()
    {
        var all = new TheoryData<string, string>();
        foreach (object[] row in (IEnumerable<object[]>)ShellFacts.Shells())
        {
            foreach (var helper in new[] { "stand-in docker", "stand-in nc", "/usr/bin/docker", "/usr/local/bin/docker" })
            {
                if (File.Exists(helper.StartsWith('/') ? helper : "/usr/bin/perl"))
                    all.Add((string)row[0], helper);
            }
        }
        return all;
    }

    [Theory]
    [MemberData(nameof(ShellsAndHelpers))]
    public async Task The_input_stays_open_until_the_replies_are_there(string shell, string helper)
    {
        await using var engine = new CancellingEngine();
        using var commands = Commands();
        if (helper is "stand-in nc" or "stand-in docker")
            await commands.AddProgramAsync(helper.Split(' ')[1], HalfCloser + Ends);
        else
            File.CreateSymbolicLink(commands["docker"], helper);

        var mark = Guid.NewGuid().ToString("N");
        await using var opened = Open(shell, commands, engine, mark);
        await using var docker = HostDocker.Over(opened);
        var clock = Stopwatch.StartNew();
        var (said, networks, _) = await docker.ReadAsync(CancellationToken.None);
        Assert.Equal(("28.0.4", "1.48"), (said.Version, said.ApiVersion));
        Assert.Empty(networks);
        Assert.Equal(["GET /_ping", "GET /info", "GET /networks", "GET /containers/json?all=1", "GET /_ping"], engine.Answered.ToArray());
        // It ends with the replies, not when the time for holding the input is over.
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(8), clock.Elapsed.ToString());
        await AssertNothingIsLeftAsync(mark);

        if (helper is "stand-in nc")
            return;
        engine.Answered.Clear();
        Assert.Equal(DockerReplies.WebId, (await docker.CreateNetworkAsync(Made, CancellationToken.None)).Id);
        Assert.StartsWith("POST /v1.48/networks/create{\"Name\":\"web\"", Assert.Single(engine.Answered, static request => request.StartsWith("POST ", StringComparison.Ordinal)), StringComparison.Ordinal);
        await AssertNothingIsLeftAsync(mark);
    }

    [PerlFact]
    public async Task A_netcat_that_waits_for_the_end_of_its_input_gets_it_and_the_next_one_is_asked()
    {
        using var commands = Commands();
        await commands.AddProgramAsync("nc", HalfCloser + Stays);
        await commands.AddProgramAsync("docker", HalfCloser + Ends);
        // A shorter time, for a shorter test.
        await ShortenAsync(commands, "10", "1");
        await AssertIsReadAsync(commands);
    }

    [PerlFact]
    public async Task A_docker_command_that_waits_for_the_end_of_its_input_still_brings_the_replies()
    {
        using var commands = Commands();
        await commands.AddProgramAsync("docker", HalfCloser + Stays);
        await ShortenAsync(commands, "50", "2");
        await AssertIsReadAsync(commands);
    }

    [PerlFact]
    public async Task Ncat_by_the_name_of_nc_is_not_asked()
    {
        await using var engine = new CancellingEngine();
        using var commands = Commands();
        await commands.AddProgramAsync("ncat", "echo asked >&2; exit 1");
        File.CreateSymbolicLink(commands["nc"], commands["ncat"]);
        await commands.AddProgramAsync("docker", HalfCloser + Ends);
        await using var opened = Open("/bin/sh", commands, engine, "");
        await using var docker = HostDocker.Over(opened);
        var program = new ShellProgram();
        docker.AddOverview(program);
        var reply = await opened.RunAsync(program.Build(ShellFacts.Patience), CancellationToken.None);
        Assert.Equal("docker", Assert.Single(reply.Sections).Name);
    }

    // With what the programs need beside the shell; busybox's shell uses its own.
    private static TemporaryFolder Commands()
    {
        var commands = new TemporaryFolder();
        foreach (var name in new[] { "cat", "sleep" })
            File.CreateSymbolicLink(commands[name], "/bin/" + name);
        return commands;
    }

    // A sleep that takes one time for another.
    private static async Task ShortenAsync(TemporaryFolder commands, string seconds, string shorter)
    {
        File.Delete(commands["sleep"]);
        await commands.AddProgramAsync("sleep", $"[ \"$1\" != {seconds} ] || set -- {shorter}; exec /bin/sleep \"$1\"");
    }

    private static async Task AssertIsReadAsync(TemporaryFolder commands)
    {
        await using var engine = new CancellingEngine();
        var mark = Guid.NewGuid().ToString("N");
        await using var opened = Open("/bin/sh", commands, engine, mark);
        await using var docker = HostDocker.Over(opened);
        var (said, _, _) = await docker.ReadAsync(CancellationToken.None);
        Assert.Equal("28.0.4", said.Version);
        await AssertNothingIsLeftAsync(mark);
    }

    private static ProcessShell Open(string shell, TemporaryFolder commands, CancellingEngine engine, string mark) => new(
        "far", "/usr/bin/env", ["-i", "PATH=" + commands.Path, "HOME=" + commands.Path, "DNH_MARK=" + mark, "DOCKER_HOST=unix://" + engine.SocketPath, shell, .. ShellFacts.Arguments(shell)]);

    // Everything the shell starts has the mark in its environment. The last process may still be ending.
    private static async Task AssertNothingIsLeftAsync(string mark)
    {
        for (var clock = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            var left = Directory.EnumerateDirectories("/proc").Where(static path => char.IsAsciiDigit(Path.GetFileName(path)[0])).Select(path => Marked(path)).OfType<string>().ToList();
            // The shell itself.
            if (left.Count <= 1)
                return;
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(15), string.Join("; ", left));
        }

        string? Marked(string path)
        {
            try
            {
                return File.ReadAllText(Path.Combine(path, "environ")).Contains("DNH_MARK=" + mark, StringComparison.Ordinal)
                    ? File.ReadAllText(Path.Combine(path, "cmdline")).Replace('\0', ' ') : null;
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }
}

/// <summary>A test whose stand-ins are made of perl.</summary>
internal sealed class PerlFactAttribute : FactAttribute
{
    public PerlFactAttribute()
    {
        if (!File.Exists("/usr/bin/perl"))
            Skip = "needs /usr/bin/perl, of which the stand-ins are made";
    }
}
