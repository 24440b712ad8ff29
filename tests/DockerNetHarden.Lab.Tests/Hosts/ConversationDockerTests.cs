using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab.Tests.Docker;

namespace DockerNetHarden.Lab.Tests.Hosts;

/// <summary>A real engine, asked in a conversation with a shell: the same as at its socket.</summary>
public sealed class ConversationDockerTests
{
    [SkippableFact]
    public async Task It_says_what_the_socket_says()
    {
        Skip.IfNot(RealEngine.WhyNot() is null, RealEngine.WhyNot());
        await using var engine = await RealEngine.StartAsync();
        await engine.DockerAsync("network", "create", "--subnet", "172.30.99.0/24", "web");
        await engine.RunContainerAsync("running", "--network", "web", "--dns", "192.0.2.53");
        await engine.DockerAsync("create", "--name", "made", "dnh-test:1", "x");
        await using var client = new DockerClient(engine.Endpoint);
        var direct = await new LocalDockerSource(client).ReadAsync(CancellationToken.None);

        // Through the docker command, and through curl where there is none.
        using var without = new CommandsWithoutDocker();
        foreach (var path in new[] { Environment.GetEnvironmentVariable("PATH"), without.Folder })
        {
            await using var inner = new ProcessShell("far", "env", ["PATH=" + path, "DOCKER_HOST=unix://" + engine.SocketPath, "DOCKER_API_VERSION=1.41", "/bin/sh"]);
            await using var shell = new CountingShell(inner);
            var said = await new ConversationDockerSource(shell).ReadAsync(CancellationToken.None);
            Assert.Equal(2, shell.Programs);
            Assert.Equal((direct.Engine.Version, direct.Engine.ApiVersion, string.Join(' ', direct.Engine.AddressPools)), (said.Engine.Version, said.Engine.ApiVersion, string.Join(' ', said.Engine.AddressPools)));
            Assert.Equal(direct.Networks.Select(static network => (network.Name, network.Id, network.Bridge)), said.Networks.Select(static network => (network.Name, network.Id, network.Bridge)));
            Assert.Equal(["made", "running"], said.Containers.Select(static container => container.Name));
            Assert.Equal(direct.Containers.Select(static container => (container.Id, container.State, string.Join(' ', container.Dns))), said.Containers.Select(static container => (container.Id, container.State, string.Join(' ', container.Dns))));

            // With the rules it is one trip more for what was listed, and no other.
            shell.Programs = 0;
            var snapshot = await new DockerHost(shell, new ConversationDockerSource(shell)).ReadAsync(CancellationToken.None);
            Assert.Equal(2, shell.Programs);
            Assert.Null(snapshot.DockerError);
            Assert.Contains(snapshot.Networks, static network => network.Name is "web");
        }
    }

    [SkippableFact]
    public async Task Why_Docker_cannot_be_asked_is_said()
    {
        Skip.IfNot(RealEngine.WhyNot() is null, RealEngine.WhyNot());
        using var without = new CommandsWithoutDocker();
        foreach (var path in new[] { Environment.GetEnvironmentVariable("PATH"), without.Folder })
        {
            await using var shell = new ProcessShell("far", "env", ["PATH=" + path, "DOCKER_HOST=unix:///nonexistent/docker.sock", "/bin/sh"]);
            var error = await Assert.ThrowsAsync<DockerException>(() => new ConversationDockerSource(shell).ReadAsync(CancellationToken.None));
            Assert.True(error.Failure is DockerFailure.NotInstalled or DockerFailure.DaemonDown, error.Message);
            Assert.Contains("systemctl start docker", error.Message, StringComparison.Ordinal);
        }
    }

    /// <summary>A folder for PATH with all commands of this machine but docker.</summary>
    private sealed class CommandsWithoutDocker : IDisposable
    {
        public CommandsWithoutDocker()
        {
            Skip.IfNot(File.Exists("/usr/bin/curl"), "needs curl");
            foreach (var file in Directory.EnumerateFiles("/usr/bin").Where(static file => Path.GetFileName(file) is not "docker"))
                File.CreateSymbolicLink(Path.Combine(Folder, Path.GetFileName(file)), file);
        }

        public string Folder { get; } = Directory.CreateTempSubdirectory("dnh-nodocker-").FullName;

        public void Dispose() => Directory.Delete(Folder, recursive: true);
    }

    private sealed class CountingShell(IShell inner) : IShell
    {
        public int Programs { get; set; }

        public string HostName => inner.HostName;

        public Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
        {
            Programs++;
            return inner.RunAsync(script, stop);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
