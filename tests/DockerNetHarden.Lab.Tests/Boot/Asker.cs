using System.Globalization;

namespace DockerNetHarden.Lab.Tests.Boot;

/// <summary>
/// A container with a restart policy that asks for metadata 200 times a second from its first moment, each time over a new connection. It reports how often
/// it asked and was answered; the service counts what arrived.
/// </summary>
internal sealed class Asker(BootedHost host)
{
    private const string Name = "asker";

    // Paced by the clock (in hundredths of a second, times(2)): after a slow moment of the machine it catches up. Pairs are "asked answered hundredths".
    private const string Program = """
        use strict; use Socket qw(:all); use IO::Select; use POSIX ();
        $| = 1; $SIG{TERM} = sub { exit 0 }; $SIG{PIPE} = 'IGNORE';
        my ($asked, $answered, @open, %sent) = (0, 0);
        my $metadata = pack_sockaddr_in(80, inet_aton('169.254.169.254'));
        my $start = (POSIX::times())[0];
        while (1) {
            my $now = (POSIX::times())[0] - $start;
            while ($asked < 1 + 2 * $now) {
                socket(my $s, PF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) or die $!;
                connect $s, $metadata;
                push @open, $s;
                print "$asked $answered $now\n" if ++$asked % 50 == 0;
            }
            for my $s (IO::Select->new(grep { !$sent{fileno $_} } @open)->can_write(0)) {
                $sent{fileno $s} = 1;
                syswrite $s, "GET / HTTP/1.1\r\nHost: metadata\r\nConnection: close\r\n\r\n";
            }
            my %done;
            for my $s (IO::Select->new(grep { $sent{fileno $_} } @open)->can_read(0)) {
                $answered++ if sysread $s, my $text, 4096;
                $done{fileno $s} = 1;
            }
            $done{fileno $_} = 1 for @open > 300 ? @open[0 .. $#open - 300] : ();
            delete $sent{$_} for keys %done;
            @open = grep { !$done{fileno $_} } @open;
            select undef, undef, undef, 0.005;
        }
        """;

    internal sealed record Said(int Asked, int Answered, double Seconds)
    {
        internal double PerSecond => Asked / Seconds;

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Asked} asked, {Answered} answered in {Seconds:0.0} s, {PerSecond:0} a second");
    }

    internal Task StartAsync() => host.RunContainerAsync(Name, ["--restart", "always"], ["/usr/bin/perl", "-e", Program]);

    /// <summary>When the container was last started, according to Docker.</summary>
    internal async Task<string> StartedAsync() => (await host.ExecAsync(["docker", "inspect", "--format", "{{.State.StartedAt}}", Name])).OrThrow().Trim();

    /// <summary>What it reports once it has asked this often since its last start.</summary>
    internal async Task<Said> AfterAsync(int times)
    {
        for (var i = 0; i < 300; i++)
        {
            var since = await host.ExecAsync(["docker", "logs", "--since", await StartedAsync(), Name]);
            var last = since.OrThrow().Split('\n', StringSplitOptions.RemoveEmptyEntries).LastOrDefault()?.Split(' ');
            if (last is [var asked, var answered, var ticks] && int.Parse(asked, CultureInfo.InvariantCulture) >= times)
                return new Said(int.Parse(asked, CultureInfo.InvariantCulture), int.Parse(answered, CultureInfo.InvariantCulture), int.Parse(ticks, CultureInfo.InvariantCulture) / 100.0);
            await Task.Delay(100);
        }
        throw new InvalidOperationException("The container does not ask: " + (await host.ExecAsync(["docker", "ps", "--all"])).Output + (await host.ExecAsync(["docker", "logs", "--tail", "5", Name])).Errors);
    }
}
