using System.Text.Json;

namespace DockerNetHarden.Cli.Tests;

/// <summary>What is refused before any host is touched.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly string _policy = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N") + ".json");

    public void Dispose() => File.Delete(_policy);

    [Theory]
    [InlineData("{ \"version\": 1,\n \"contols\": [] }", "line 2, contols")]
    [InlineData("nonsense", "this is not JSON")]
    public async Task A_wrong_policy_is_refused_with_its_line(string text, string reason)
    {
        File.WriteAllText(_policy, text);
        foreach (var command in new[] { "apply", "plan", "audit", "watch" })
        {
            var (code, output, errors) = await RunAsync(command, _policy);
            Assert.Equal((ExitCodes.Failed, ""), (code, output));
            Assert.Contains(reason, errors, StringComparison.Ordinal);
            Assert.Contains(_policy, errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_policy_that_is_not_there_is_an_error()
    {
        var (code, _, errors) = await RunAsync("plan", "/nowhere/policy.json");
        Assert.Equal(ExitCodes.Failed, code);
        Assert.Contains("/nowhere/policy.json", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-oProxyCommand=id")]
    [InlineData("two words")]
    public async Task A_host_that_ssh_could_take_for_an_option_is_refused(string host)
    {
        File.WriteAllText(_policy, "{ \"version\": 1, \"controls\": [ { \"control\": \"HostAccess\" } ] }");
        var (code, output, errors) = await RunAsync("plan", _policy, $"--host={host}");
        Assert.Equal((ExitCodes.Failed, ""), (code, output));
        Assert.Contains(host, errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("apply", "--rollback-after 1", "from 2 to 86400")]
    [InlineData("apply", "--throttle 0", "at least 1")]
    [InlineData("apply", "--rollback-after 5", "for hosts that ssh reaches")]
    [InlineData("apply", "-H web1 -o ProxyJump", "write Key=Value")]
    [InlineData("watch", "-H web1", "watch works on the host that it runs on")]
    [InlineData("plan", "--nonsense", "--nonsense")]
    public async Task What_cannot_be_asked_for_is_refused_with_the_reason(string command, string options, string reason)
    {
        File.WriteAllText(_policy, "{ \"version\": 1, \"controls\": [ { \"control\": \"HostAccess\" } ] }");
        var (code, _, errors) = await RunAsync([command, _policy, .. options.Split(' ')]);
        Assert.Equal(ExitCodes.Failed, code);
        Assert.Contains(reason, errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_JSON_an_error_is_one_object_on_standard_error()
    {
        var (code, output, errors) = await RunAsync("plan", "/nowhere/policy.json", "--json");
        Assert.Equal((ExitCodes.Failed, ""), (code, output));
        using var line = JsonDocument.Parse(errors);
        Assert.Equal("error", line.RootElement.GetProperty("event").GetString());
        Assert.Contains("/nowhere/policy.json", line.RootElement.GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Help_names_every_command_and_the_exit_codes()
    {
        var (code, output, _) = await RunAsync("--help");
        Assert.Equal(0, code);
        foreach (var word in new[] { "apply", "plan", "audit", "watch", "Exit codes" })
            Assert.Contains(word, output, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        var code = await CommandLine.RunAsync(arguments, output, errors, CancellationToken.None);
        return (code, output.ToString(), errors.ToString());
    }
}
