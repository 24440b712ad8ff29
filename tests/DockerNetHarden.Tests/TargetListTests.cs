using System.Collections;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;

namespace DockerNetHarden.Tests;

public sealed class TargetListTests
{
    [Fact]
    public void Hosts_come_once_each_in_their_order()
    {
        var list = new TargetList();
        var first = list.Add(["web2", "root@web1:2222"], null, null);
        var again = list.Add(["web2"], null, null);
        Assert.Equal(["web2", "root@web1:2222"], list.All.Select(host => host.Name));
        Assert.Equal(first[0], again[0]);
        Assert.All(list.All, host => Assert.False(host.IsLocal));
    }

    [Fact]
    public void One_name_with_two_users_or_ports_is_two_hosts()
    {
        var list = new TargetList();
        list.Add(["web"], "a", null);
        list.Add(["web"], "b", null);
        list.Add(["web"], "b", 2222);
        Assert.Equal(3, list.All.Count);
    }

    [Theory]
    [InlineData("localhost", true)]
    [InlineData("LOCALHOST", true)]
    [InlineData("root@localhost", false)]
    [InlineData("localhost:2222", false)]
    [InlineData("127.0.0.1", false)]
    public void Only_localhost_alone_is_this_machine(string name, bool local) => Assert.Equal(local, new TargetList().Add([name], null, null)[0].IsLocal);

    [Fact]
    public void What_stands_in_a_name_wins_and_what_is_left_out_stays_out()
    {
        var list = new TargetList { KeyFilePath = "/keys/one", ConnectTimeout = TimeSpan.FromMilliseconds(1500), Options = TargetList.ReadOptions(new Hashtable { ["ProxyJump"] = "bastion" }) };
        var embedded = list.Add(["me@web:2222"], "you", 22)[0].Ssh!;
        Assert.Equal(("me", (int?)2222, "web", "/keys/one"), (embedded.UserName, embedded.Port, embedded.Host, embedded.KeyFilePath));
        Assert.Equal(TimeSpan.FromMilliseconds(1500), embedded.ConnectTimeout);
        Assert.Contains(KeyValuePair.Create("ProxyJump", "bastion"), embedded.Options);
        var bare = new TargetList().Add(["web"], "", null)[0].Ssh!;
        Assert.Equal((null, (int?)null, null), (bare.UserName, bare.Port, bare.KeyFilePath));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("web 1")]
    [InlineData("-oProxyCommand=touch /tmp/x")]
    [InlineData("a@-oProxyCommand=x")]
    [InlineData("web:0")]
    [InlineData("web:port")]
    [InlineData("web\n-oX")]
    [InlineData("$(reboot)")]
    public void A_name_that_cannot_be_a_hosts_is_refused(string name)
    {
        var error = Assert.Throws<CommandFailure>(() => new TargetList().Add(["fine", name], null, null));
        Assert.Equal(ErrorIds.InvalidHostName, error.Id);
        Assert.Equal(name, error.Subject);
    }

    [Fact]
    public void A_list_without_hosts_is_refused_and_never_taken_for_this_machine()
    {
        Assert.Equal(ErrorIds.InvalidHostName, Assert.Throws<CommandFailure>(() => new TargetList().Add([], null, null)).Id);
        Assert.Equal(ErrorIds.InvalidHostName, Assert.Throws<CommandFailure>(() => new TargetList().Add([null], null, null)).Id);
        Assert.Equal(ErrorIds.UnusableSession, Assert.Throws<CommandFailure>(() => new TargetList().Add([])).Id);
        Assert.Equal(ErrorIds.UnusableSession, Assert.Throws<CommandFailure>(() => new TargetList().Add([null])).Id);
    }

    [Fact]
    public void Objects_with_and_without_a_host_do_not_mix_whichever_comes_first()
    {
        var named = new TargetList();
        named.Add(["web"], null, null);
        Assert.Equal(ErrorIds.AmbiguousTarget, Assert.Throws<CommandFailure>(named.AddUnnamed).Id);
        var unnamed = new TargetList();
        unnamed.AddUnnamed();
        Assert.Equal(ErrorIds.AmbiguousTarget, Assert.Throws<CommandFailure>(() => unnamed.Add(["web"], null, null)).Id);
        // Results of this machine and objects without a host mean one machine.
        var local = new TargetList();
        local.AddUnnamed();
        local.Add(["localhost"], null, null);
        Assert.True(Assert.Single(local.All).IsLocal);
    }

    [Fact]
    public void Options_come_in_one_order_a_list_as_several_and_never_empty()
    {
        var options = TargetList.ReadOptions(new Hashtable { ["SendEnv"] = new object[] { "A", "B" }, ["Port"] = 7, ["Compression"] = "yes" });
        Assert.Equal(["Compression=yes", "Port=7", "SendEnv=A", "SendEnv=B"], options.Select(option => $"{option.Key}={option.Value}"));
        Assert.Empty(TargetList.ReadOptions(null));
        foreach (var bad in new[] { new Hashtable { ["X"] = null }, new Hashtable { ["X"] = "" }, new Hashtable { [""] = "x" }, new Hashtable { ["X"] = new object?[] { "a", null } } })
            Assert.Equal(ErrorIds.InvalidOption, Assert.Throws<CommandFailure>(() => TargetList.ReadOptions(bad)).Id);
        var decided = new TargetList { Options = TargetList.ReadOptions(new Hashtable { ["BatchMode"] = "no" }) };
        Assert.Equal(ErrorIds.InvalidOption, Assert.Throws<CommandFailure>(() => decided.Add(["web"], null, null)).Id);
    }

    [Theory]
    [InlineData("web1", "Session1", "web1")]
    [InlineData("localhost", "Session1", "session:Session1")]
    [InlineData(null, "Session1", "session:Session1")]
    public void A_session_never_has_the_name_of_this_machine(string? computer, string session, string name)
    {
        Assert.Equal(name, HostTarget.NameOf(computer, session));
        if (name != computer)
            Assert.Throws<CommandFailure>(() => new TargetList().Add([name], null, null));
    }
}
