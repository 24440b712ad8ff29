using DockerNetHarden.Docker;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Docker;

/// <summary>What a far end printed, in an error: it cannot move a cursor or write its own line into a log.</summary>
public sealed class FarTextTests
{
    // All control characters, including those of 8 bits.
    private static readonly string Hostile = "a" + string.Concat(Enumerable.Range(0, 0xA0).Select(static code => (char)code).Where(char.IsControl)) + "z\r\nlog: all is well\r";

    [Theory]
    [InlineData("", "")]
    [InlineData("plain  text ", "plain  text ")]
    [InlineData("one\r\ntwo\rthree\n\n  four\t5\r\n", "one; two; three; four 5")]
    [InlineData("\u001b[31mred\u0007\u009b2J", @"\u001b[31mred\u0007\u009b2J")]
    public void It_is_one_line(string text, string line) => Assert.Equal(line, FarText.OneLine(text));

    [Fact]
    public void No_error_has_it_raw()
    {
        var host = new HostException(HostFailure.RestoreFailed, "web1", "web1 said " + Hostile, "Mend it.", 1, Hostile) { Output = Hostile };
        var docker = new DockerException(DockerFailure.EngineError, "Docker said " + Hostile);
        foreach (var message in new[] { host.Message, docker.Message })
        {
            Assert.DoesNotContain(message, char.IsControl);
            Assert.Contains("z; log: all is well", message, StringComparison.Ordinal);
        }
        foreach (var said in new[] { host.Errors!, host.Output! })
        {
            Assert.DoesNotContain(said, static letter => char.IsControl(letter) && letter is not '\n');
            Assert.Contains("z\nlog: all is well", said, StringComparison.Ordinal);
        }
    }
}
