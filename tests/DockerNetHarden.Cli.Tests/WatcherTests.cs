using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Cli.Tests;

public sealed class WatcherTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly ConcurrentQueue<Channel<DockerEvent>> _streams = new();
    private readonly Channel<string> _applied = Channel.CreateUnbounded<string>();
    private readonly CancellationTokenSource _stop = new();
    private readonly StringWriter _output = new();
    private readonly StringWriter _errors = new();
    private Func<string, bool> _outcome = _ => true;
    private Task _run = Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run.WaitAsync(Patience);
        _stop.Dispose();
        await _output.DisposeAsync();
        await _errors.DisposeAsync();
    }

    [Fact]
    public async Task It_applies_at_the_start_and_at_each_event_that_matters()
    {
        var stream = Start();
        Assert.Equal("start", await NextAsync());
        await stream.Writer.WriteAsync(new DockerEvent("network", "connect", "web"));
        await stream.Writer.WriteAsync(new DockerEvent("network", "create", "web"));
        Assert.Equal("network create web", await NextAsync());
    }

    [Fact]
    public async Task Events_that_come_together_are_one()
    {
        var stream = Start();
        Assert.Equal("start", await NextAsync());
        for (var i = 0; i < 5; i++)
            await stream.Writer.WriteAsync(new DockerEvent("network", "create", "n" + i));
        Assert.Equal("network create n0 and 4 more", await NextAsync());
        await Task.Delay(300);
        Assert.False(_applied.Reader.TryRead(out _));
    }

    [Fact]
    public async Task A_daemon_that_goes_and_comes_is_listened_to_again_and_everything_is_applied()
    {
        var first = Start();
        Assert.Equal("start", await NextAsync());
        var second = Expect();
        first.Writer.Complete();
        Assert.Equal("reconnect", await NextAsync());
        await second.Writer.WriteAsync(new DockerEvent("network", "destroy", "web"));
        Assert.Equal("network destroy web", await NextAsync());
        Assert.Contains("Docker ended the connection", _output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_fails_is_tried_again()
    {
        var tries = 0;
        _outcome = _ => ++tries switch
        {
            1 => throw new DockerException(DockerFailure.DaemonDown, "Nobody answers."),
            2 => false,
            _ => true,
        };
        Start();
        Assert.Equal("start", await NextAsync());
        Assert.Equal("start", await NextAsync());
        Assert.Equal("start", await NextAsync());
        Assert.Contains("Nobody answers.", _errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_ends_when_it_is_stopped_and_says_so()
    {
        Start();
        Assert.Equal("start", await NextAsync());
        await _stop.CancelAsync();
        await _run.WaitAsync(Patience);
        Assert.Contains("Stopped", _output.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"SmtpRate\" } ] }", false)]
    [InlineData("{ \"version\": 1, \"controls\": [ { \"control\": \"HostAccess\", \"dns\": true, \"allowPublishedPorts\": true } ] }", true)]
    public void Containers_are_listened_to_only_where_a_rule_depends_on_them(string policy, bool containers) =>
        Assert.Equal(containers, Watcher.TypesFor(HardeningPolicy.Parse(policy, "p")).Contains("container", StringComparer.Ordinal));

    private Channel<DockerEvent> Start()
    {
        var stream = Expect();
        var watcher = new Watcher(Listen, ApplyAsync, new Report(_output, _errors, json: false, verbose: false))
        {
            Quiet = TimeSpan.FromMilliseconds(60), Longest = TimeSpan.FromMilliseconds(500), Again = TimeSpan.FromMilliseconds(20),
        };
        _run = watcher.RunAsync(_stop.Token);
        return stream;
    }

    private Channel<DockerEvent> Expect()
    {
        var stream = Channel.CreateUnbounded<DockerEvent>();
        _streams.Enqueue(stream);
        return stream;
    }

    // Without a stream that is expected Docker is away.
    private async IAsyncEnumerable<DockerEvent> Listen([EnumeratorCancellation] CancellationToken stop)
    {
        if (!_streams.TryDequeue(out var stream))
            throw new DockerException(DockerFailure.DaemonDown, "Nobody answers.");
        await foreach (var happened in stream.Reader.ReadAllAsync(stop))
            yield return happened;
    }

    private Task<bool> ApplyAsync(string cause, CancellationToken stop)
    {
        _applied.Writer.TryWrite(cause);
        return Task.FromResult(_outcome(cause));
    }

    private async Task<string> NextAsync() => await _applied.Reader.ReadAsync().AsTask().WaitAsync(Patience);
}
