using DockerNetHarden.Lab.Demo;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab.Tests;

/// <summary>The demo tells the truth: it says that hardening held if it did, and that it did not if nothing was done.</summary>
[Collection(NftCollection.Name)]
public sealed class DemoTests
{
    [LabFact]
    public async Task A_hardened_host_is_shown_before_and_after_with_its_rules()
    {
        using var output = new StringWriter();
        var good = await new LabDemo(new HandWrittenRules(), output, new Style(colours: false)).RunAsync(LabBackend.Nft, CancellationToken.None);
        var text = output.ToString();
        Assert.True(good, text);
        Assert.Matches(@"cloud metadata +169\.254\.169\.254:80 +Open +Refused", text);
        Assert.Matches(@"a burst of mail +203\.0\.113\.25:25 +20 of 20 +5 of 20", text);
        Assert.Matches(@"the web outside +203\.0\.113\.25:80 +Open +Open", text);
        Assert.Matches(@"\n +[1-9][0-9]*  -A DNH-METADATA -d 169\.254\.169\.254/32 .*-j REJECT", text);
        Assert.DoesNotContain("\e[", text, StringComparison.Ordinal);
        Assert.Matches(@"\n0 of [1-9][0-9]+ requests for metadata got through while dockerd started", text);
        Assert.Contains("Every check came to what hardening promises.", text, StringComparison.Ordinal);
    }

    [LabFact]
    public async Task A_host_where_nothing_was_written_is_not_called_hardened()
    {
        using var output = new StringWriter();
        Assert.False(await new LabDemo(new NoRules(), output, new Style(colours: true)).RunAsync(LabBackend.Legacy, CancellationToken.None));
        Assert.Matches(@"\n! cloud metadata +169\.254\.169\.254:80 +\e\[31mOpen +\e\[0m +\e\[31mOpen", output.ToString());
    }

    [Fact]
    public void Without_a_staged_module_there_is_no_pwsh_form() =>
        Assert.Null(PwshHardener.Find(Path.Combine(Path.GetTempPath(), "no-such-module")));

    private sealed class NoRules : IHardener
    {
        public string Description => "nothing";

        public Task<string> HardenAsync(LabHost lab, CancellationToken stop) => Task.FromResult("");

        public Task<string> SaveAsync(LabHost lab, OwnFiles files, CancellationToken stop) => SaveAsync(files, "");

        internal static async Task<string> SaveAsync(OwnFiles files, string code)
        {
            string[] arguments = [.. files.Shell.Skip(1), "/bin/sh", "-c", "mkdir /etc/docker-net-harden && printf '%s' \"$1\" >/etc/docker-net-harden/loader", "sh", code];
            using var process = System.Diagnostics.Process.Start(files.Shell[0], arguments);
            await process.WaitForExitAsync();
            return "";
        }
    }

    private sealed class HandWrittenRules : IHardener
    {
        private string _loader = "";

        public string Description => "rules written by hand";

        public async Task<string> HardenAsync(LabHost lab, CancellationToken stop)
        {
            const string Text = $"""
                *filter
                :DNH-METADATA - [0:0]
                :DNH-HOST - [0:0]
                :DNH-SMTP - [0:0]
                -A DNH-METADATA -d {LabAddresses.Metadata}/32 -p tcp -j REJECT --reject-with tcp-reset
                -A DNH-METADATA -d {LabAddresses.WireServer}/32 -p tcp -j REJECT --reject-with tcp-reset
                -A DNH-METADATA -d 10.0.0.0/8 -j DROP
                -A DNH-METADATA -d 192.168.0.0/16 -j DROP
                -A DNH-SMTP -m limit --limit 5/min --limit-burst 5 -j RETURN
                -A DNH-SMTP -j DROP
                -A DNH-HOST -p udp --dport 53 -j RETURN
                -A DNH-HOST -m conntrack --ctdir ORIGINAL -j DROP
                -I DOCKER-USER -j DNH-METADATA
                -I DOCKER-USER -p tcp --dport 25 --syn -j DNH-SMTP
                -I INPUT -i docker0 -j DNH-HOST
                COMMIT
                *mangle
                -A POSTROUTING -d {LabAddresses.Metadata}/32 -m addrtype ! --src-type LOCAL -j DROP
                COMMIT

                """;
            const string Six = """
                *filter
                :DNH-HOST - [0:0]
                -A DNH-HOST -p tcp -j DROP
                -I INPUT -i docker0 -j DNH-HOST
                COMMIT

                """;
            // If containers live on, Docker 20.10 makes no jump to DOCKER-USER when it starts, and puts its own lines before an existing one: then only the line in mangle
            // holds.
            _loader = $"iptables-nft -N DOCKER-USER; iptables-nft -I FORWARD -j DOCKER-USER; iptables-nft-restore --noflush <<'EOT'\n{Text}EOT\n";
            (await lab.ExecAsync([lab.Iptables + "-restore", "--noflush"], Text, stop)).OrThrow();
            (await lab.ExecAsync([lab.Iptables.Replace("ip", "ip6", StringComparison.Ordinal) + "-restore", "--noflush"], Six, stop)).OrThrow();
            return "";
        }

        public Task<string> SaveAsync(LabHost lab, OwnFiles files, CancellationToken stop) => NoRules.SaveAsync(files, _loader);
    }
}
