using System.Text;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

public sealed class ShellProgramTests
{
    public static TheoryData<string> Shells => ShellFacts.Shells();

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task Hostile_values_arrive_as_the_data_that_they_are(string shell)
    {
        using var folder = new TemporaryFolder();
        var marker = folder["marker"];
        string[] values =
        [
            $"$(touch {marker})", $"`touch {marker}`", $"'; touch {marker} #", $"\"; touch {marker}; \"", $"EOF\ntouch {marker}\nEOF", $"x\n'EOF'\n); touch {marker}\n",
            "$HOME ${PATH} $1 $$ !! ~ * ?", "\\ \\n \\$ trailing \\", "", "\n", "\n\n", " leading and trailing ", "ends in newline\n", "\r\n", "-n", "-e \\c", "%s %d", "äöü €", "😀",
            "\t\u0001\u007f", "x", "xx", "if :; then", "dnh_frame done", "}\n}", "<<'X'", new string('a', 100_000),
        ];
        var reply = await ShellFacts.RunAsync(shell, new ShellProgram()
            .Section("arguments", """for v do printf '%s\000' "$v"; done""", data: values)
            .Section("input", "cat", input: string.Join('\n', values) + "\n"));
        Assert.Equal(values, reply.Find("arguments")!.Text.Split('\0')[..^1]);
        Assert.Equal(string.Join('\n', values) + "\n", reply.Find("input")!.Text);
        Assert.False(File.Exists(marker));
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task A_program_cut_at_any_byte_does_nothing(string shell)
    {
        using var folder = new TemporaryFolder();
        var marker = folder["marker"];
        var text = new ShellProgram()
            .Do("go=1")
            .Section("a", "printf x > \"$1\"", data: [marker], then: "go=2")
            .Section("b", "cat > \"$1\"", data: [marker], input: "some\ninput\n", when: "[ $go = 2 ]")
            .Build(ShellFacts.Patience).Text;
        var bytes = Encoding.UTF8.GetBytes(text);
        // A text that only lacks the last newline is complete.
        await Parallel.ForAsync(0, bytes.Length - 1, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (length, _) =>
        {
            var output = await ShellFacts.FeedAsync(shell, bytes.AsMemory(0, length));
            Assert.True(output.Length == 0, $"{shell} printed after {length} of {bytes.Length} bytes: {output}");
        });
        Assert.False(File.Exists(marker));
        Assert.Contains("end b 0", await ShellFacts.FeedAsync(shell, bytes), StringComparison.Ordinal);
        Assert.Equal("some\ninput\n", await File.ReadAllTextAsync(marker));
    }

    [Fact]
    public void No_value_stands_in_code_and_nothing_is_guessable()
    {
        static ShellScript Make() => new ShellProgram().Section("a", "true", data: ["secret-value"], input: "secret-input").Build(ShellFacts.Patience);
        var (one, other) = (Make(), Make());
        Assert.NotEqual(one.Nonce, other.Nonce, StringComparer.Ordinal);
        Assert.Matches("^[0-9a-f]{32}$", one.Nonce);
        Assert.DoesNotContain('\r', one.Text);
        var lines = one.Text.Split('\n');
        var delimiter = lines[Array.IndexOf(lines, "secret-value") + 1];
        Assert.Matches("^[0-9a-f]{32}$", delimiter);
        Assert.NotEqual(one.Nonce, delimiter, StringComparer.Ordinal);
        Assert.EndsWith($"<<'{delimiter}'", lines[Array.IndexOf(lines, "secret-value") - 1], StringComparison.Ordinal);
        Assert.DoesNotContain(delimiter, other.Text, StringComparison.Ordinal);
        Assert.Equal(2, lines.Count(static line => line.Contains("secret", StringComparison.Ordinal)));
    }

    [Fact]
    public void What_a_shell_cannot_carry_is_refused()
    {
        // No InlineData: half a surrogate pair does not survive in an attribute.
        foreach (var (value, reason) in new[] { ("a\0b", "NUL at position 1"), ("a" + (char)0xd800, "surrogate") })
        {
            var data = Assert.Throws<ArgumentException>(() => new ShellProgram().Section("a", "true", data: [value]));
            var input = Assert.Throws<ArgumentException>(() => new ShellProgram().Section("a", "true", input: value));
            Assert.Contains(reason, data.Message, StringComparison.Ordinal);
            Assert.Contains(reason, input.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("$(reboot)")]
    [InlineData("a'")]
    [InlineData("")]
    public void A_section_name_is_a_plain_word(string name) => Assert.Throws<ArgumentException>(() => new ShellProgram().Section(name, "true"));

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task Conditions_decide_which_sections_run(string shell)
    {
        var reply = await ShellFacts.RunAsync(shell, new ShellProgram()
            .Do("go=1")
            .Section("one", "exit 7", then: "[ \"$dnh_rc\" = 0 ] || go=0")
            .Section("two", "echo never", when: "[ $go = 1 ]")
            .Section("three", "echo \"$1\"", data: ["5"], when: "[ $go = 0 ] && [ \"$1\" -ge 5 ]")
            .Section("four", "V=changed; set -e; false; echo never"));
        Assert.Equal([("one", 7), ("three", 0), ("four", 1)], reply.Sections.Select(static section => (section.Name, section.ExitCode)));
        Assert.Equal("5\n", reply.Find("three")!.Text);
        Assert.Null(reply.Find("two"));
    }

    [Theory]
    [MemberData(nameof(Shells))]
    public async Task The_surroundings_of_a_section_are_fixed(string shell)
    {
        var reply = await ShellFacts.RunAsync(shell, new ShellProgram()
            .Section("environment", """echo "$LC_ALL"; umask; echo "$PATH"; echo "[$S]"; cat; echo end"""));
        var lines = reply.Find("environment")!.Text.Split('\n');
        Assert.Equal("C", lines[0]);
        Assert.Equal("0077", "0" + lines[1].TrimStart('0').PadLeft(3, '0'));
        Assert.EndsWith(":/usr/local/sbin:/usr/sbin:/sbin", lines[2], StringComparison.Ordinal);
        Assert.Equal(Environment.UserName == "root" ? "[]" : "[sudo -n]", lines[3]);
        Assert.Equal("end", lines[4]);
    }
}
