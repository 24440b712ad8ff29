using DockerNetHarden.Shells;


namespace DockerNetHarden.Core.Tests.Hosts.Ssh;

public sealed class SshTargetTests
{
    [Theory]
    [InlineData("web1", null, "web1", null)]
    [InlineData("root@web1", "root", "web1", null)]
    [InlineData("web1:2222", null, "web1", 2222)]
    [InlineData("root@web1.example.org:2222", "root", "web1.example.org", 2222)]
    [InlineData("ops@corp.example@web1", "ops@corp.example", "web1", null)]
    [InlineData("192.0.2.1", null, "192.0.2.1", null)]
    [InlineData("2001:db8::1", null, "2001:db8::1", null)]
    [InlineData("[2001:db8::1]", null, "2001:db8::1", null)]
    [InlineData("[2001:db8::1]:2222", null, "2001:db8::1", 2222)]
    [InlineData("root@[fe80::1%eth0]:22", "root", "fe80::1%eth0", 22)]
    public void A_host_is_read_as_it_is_named(string text, string? user, string host, int? port)
    {
        var target = SshTarget.Parse(text);
        Assert.Equal((text, user, host, port), (target.HostName, target.UserName, target.Host, target.Port));
        Assert.Equal(TimeSpan.FromSeconds(15), target.ConnectTimeout);
    }

    [Fact]
    public void What_is_embedded_wins()
    {
        var target = SshTarget.Parse("root@web1:2222", "ops", 22);
        Assert.Equal(("root", 2222), (target.UserName, target.Port));
        target = SshTarget.Parse("web1", "ops", 22);
        Assert.Equal(("ops", 22), (target.UserName, target.Port));
    }

    [Theory]
    [InlineData("")]
    [InlineData("-oProxyCommand=touch /tmp/x")]
    [InlineData("-oProxyCommand=x")]
    [InlineData("root@-oProxyCommand=x")]
    [InlineData("-l@web1")]
    [InlineData("web1 web2")]
    [InlineData(" web1")]
    [InlineData("web1\n")]
    [InlineData("web\u00a01")]
    [InlineData("web1\u001b[2J")]
    [InlineData("$(id)")]
    [InlineData("web1;id")]
    [InlineData("`id`@web1")]
    [InlineData("ssh://web1")]
    [InlineData("ssh://root@web1:22")]
    [InlineData("root@")]
    [InlineData("@web1")]
    [InlineData("web1:")]
    [InlineData("web1:0")]
    [InlineData("web1:65536")]
    [InlineData("web1:+22")]
    [InlineData(":22")]
    [InlineData("[]:22")]
    [InlineData("[web1]:22")]
    [InlineData("[2001:db8::1")]
    [InlineData("[2001:db8::1]22")]
    [InlineData("[2001:db8::1]:")]
    public void What_ssh_or_a_shell_would_take_for_something_else_is_refused(string text)
    {
        var error = Assert.Throws<SshTargetException>(() => SshTarget.Parse(text));
        Assert.True(error.Part is "HostName" or "UserName", error.Part);
        Assert.DoesNotContain(error.Message, static letter => char.IsControl(letter));
    }

    [Fact]
    public void A_parameter_that_cannot_be_is_named()
    {
        Assert.Equal("UserName", Assert.Throws<SshTargetException>(() => SshTarget.Parse("web1", "-oX=y")).Part);
        Assert.Equal("UserName", Assert.Throws<SshTargetException>(() => SshTarget.Parse("web1", "")).Part);
        Assert.Equal("Port", Assert.Throws<SshTargetException>(() => SshTarget.Parse("web1", port: 0)).Part);
        Assert.Equal("KeyFilePath", Assert.Throws<SshTargetException>(() => SshTarget.Parse("web1", keyFilePath: "")).Part);
        Assert.Equal("ConnectTimeout", Assert.Throws<SshTargetException>(() => SshTarget.Parse("web1", connectTimeout: TimeSpan.Zero)).Part);
    }

    [Theory]
    [InlineData("BatchMode", "no")]
    [InlineData("remotecommand", "sh")]
    [InlineData("RequestTTY", "force")]
    [InlineData("ControlMaster", "auto")]
    [InlineData("Bad Name", "x")]
    [InlineData("", "x")]
    [InlineData("User=x\nProxyCommand", "x")]
    [InlineData("User", "")]
    [InlineData("User", "a\nProxyCommand x")]
    public void An_option_that_would_break_the_conversation_is_refused(string key, string value) =>
        Assert.Equal("Options", Assert.Throws<SshTargetException>(() => SshTarget.Parse("web1", options: [new(key, value)])).Part);

    [Fact]
    public void The_arguments_stand_in_the_order_in_which_ssh_takes_the_first() => Assert.Equal(
        [
            "-T", "-o", "BatchMode=yes", "-o", "RemoteCommand=none", "-o", "ClearAllForwardings=yes", "-o", "ControlMaster=no", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=15",
            "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "--", "web1", "exec /bin/sh",
        ],
        SshTarget.Parse("web1").Arguments);

    [Fact]
    public void What_the_user_sets_is_there_once()
    {
        var arguments = SshTarget.Parse(
            "root@web1:2222", keyFilePath: "-my key", connectTimeout: TimeSpan.FromMilliseconds(1500), options: [new("serveraliveinterval", "60"), new("UserKnownHostsFile", "/a b")]).Arguments;
        Assert.Equal(
            ["-o", "ConnectTimeout=2", "-o", "ServerAliveCountMax=3", "-o", "serveraliveinterval=60", "-o", "UserKnownHostsFile=/a b", "-l", "root", "-p", "2222", "-i", "-my key", "--", "web1", "exec /bin/sh"],
            arguments.SkipWhile(static argument => argument is not "ConnectTimeout=2").Prepend("-o"));
        Assert.DoesNotContain("ServerAliveInterval=5", arguments);
    }

    [Fact]
    public void A_connection_of_its_own_uses_no_master()
    {
        var target = SshTarget.Parse("web1");
        Assert.Equal(["-T", "-S", "none", .. target.Arguments.Skip(1)], target.NewConnectionArguments);
    }
}
