using DockerNetHarden.Iptables;
using FsCheck;
using FsCheck.Fluent;

namespace DockerNetHarden.Core.Tests.Iptables;

public sealed class SaveTokenizerTests
{
    [Theory]
    [InlineData("", new string[0])]
    [InlineData("  \t ", new string[0])]
    [InlineData("-d 1.2.3.4/32  -j\tDROP", new[] { "-d", "1.2.3.4/32", "-j", "DROP" })]
    [InlineData("--comment \"a \\\"quoted\\\" *filter\" -j DROP", new[] { "--comment", "a \"quoted\" *filter", "-j", "DROP" })]
    [InlineData("--comment \"it\\'s\" x", new[] { "--comment", "it's", "x" })]
    [InlineData("--comment \"a\\\\b\"", new[] { "--comment", "a\\b" })]
    [InlineData("--comment \"ends with \\\\\" -j DROP", new[] { "--comment", "ends with \\", "-j", "DROP" })]
    [InlineData("--comment \"\" -j DROP", new[] { "--comment", "", "-j", "DROP" })]
    [InlineData("--comment \"$(reboot) `id` $HOME ; | & > #\"", new[] { "--comment", "$(reboot) `id` $HOME ; | & > #" })]
    [InlineData("a\"b c\" d", new[] { "ab c", "d" })]           // an opening quote does not begin an argument
    [InlineData("\"a\"b", new[] { "a", "b" })]                  // a closing one ends it
    [InlineData("\"\"\"\"", new[] { "", "" })]
    [InlineData("a\\b 'c d'", new[] { "a\\b", "'c", "d'" })]    // outside quotes neither \ nor ' means anything
    [InlineData("-i q\"0 -o a\"b\" -j DROP", new[] { "-i", "q\"0", "-o", "a\"b\"", "-j", "DROP" })]
    [InlineData("-i \"eth0\" -s a\"b c\"", new[] { "-i", "eth0", "-s", "ab c" })]
    [InlineData("--u32 \"0x6&0xff=0x1\"", new[] { "--u32", "0x6&0xff=0x1" })]
    [InlineData("\"a\tb\" c\rd", new[] { "a\tb", "c\rd" })]
    public void Text_is_split_as_iptables_restore_splits_it(string text, string[] tokens) => Assert.Equal(tokens, SaveTokenizer.Split(text));

    [Theory]
    [InlineData("--comment \"abc -j DROP")]
    [InlineData("\"")]
    [InlineData("\"abc\\")]
    [InlineData("\"abc\\\"")]
    public void An_unclosed_quote_is_an_error(string text) =>
        Assert.Contains("double quote is not closed", Assert.Throws<FormatException>(() => SaveTokenizer.Split(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("simple_Word-1", "simple_Word-1")]
    [InlineData("", "\"\"")]
    [InlineData("a b", "\"a b\"")]
    [InlineData("DockerNetHarden:MetadataAccess/aws", "\"DockerNetHarden:MetadataAccess/aws\"")]
    [InlineData("it's", "\"it\\'s\"")]
    [InlineData("a\"b\\c", "\"a\\\"b\\\\c\"")]
    [InlineData("$HOME `id`", "\"$HOME `id`\"")]
    [InlineData("é", "\"é\"")]
    public void A_text_is_quoted_as_iptables_save_quotes_it(string value, string text) => Assert.Equal(text, SaveTokenizer.Quote(value));

    [Theory] // as iptables-save 1.8.9 prints them
    [InlineData("-s 10.0.0.0/8 ! -d 10.1.0.0/16 -i br-+ -p tcp -m multiport ! --dports 25,465:500 -g Y")]
    [InlineData("-m comment --comment \"a \\\"q\\\" \\'x\\' *filter \\\\ $HOME `id`\" -j RETURN")]
    [InlineData("-m comment --comment simple -j RETURN")]
    [InlineData("-m comment --comment \"\" -j RETURN")]
    [InlineData("-m comment --comment \"!\" -j RETURN")]
    [InlineData("-m comment --comment -j -j RETURN")]
    [InlineData("-p tcp -m string --string \"simple\" --algo bm -j LOG --log-prefix \"x \"")]
    [InlineData("-p tcp -m string --hex-string \"|00ff|\" --algo bm -j LOG --log-prefix xy")]
    [InlineData("-m u32 --u32 \"0x6&0xff=0x1\" -j NFLOG --nflog-prefix \"a b\"")]
    [InlineData("-m helper --helper ftp -m recent --set --name a-b --mask 255.255.255.255 --rsource")]
    [InlineData("-m hashlimit --hashlimit-above 5/min --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name DNH-smtp:web -j DROP")]
    [InlineData("-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m set ! --match-set admins src -j LOG")]
    public void What_iptables_save_prints_is_written_the_same(string text) => Assert.Equal(text, SaveTokenizer.Join(SaveTokenizer.Split(text)));

    [Theory]
    [InlineData("a\nb")]
    [InlineData("a\0b")]
    public void A_line_break_or_NUL_cannot_be_written(string value)
    {
        Assert.Contains("line break or a NUL", Assert.Throws<ArgumentException>(() => SaveTokenizer.Quote(value)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => SaveTokenizer.Join(["--limit", value]));
    }

    [Fact]
    public void Any_tokens_survive_being_written_and_read() =>
        Prop.ForAll(SaveText.Tokens.ToArbitrary(), tokens =>
        {
            var text = SaveTokenizer.Join(tokens);
            return tokens.SequenceEqual(SaveTokenizer.Split(text), StringComparer.Ordinal) && !text.Contains('\n', StringComparison.Ordinal);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));
}
