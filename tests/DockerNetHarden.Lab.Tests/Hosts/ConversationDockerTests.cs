using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Lab.Tests.Docker;
using DockerNetHarden.Shells;

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
        await using var docker = HostDocker.At(engine.Endpoint);
        var direct = await docker.ReadAsync(CancellationToken.None);

        using var noNetcat = new CommandsWithout("nc");
        using var onlyDocker = new CommandsWithout("nc", "curl");
        using var wrongNetcat = new CommandsWithout("nc");
        // One that ends with its input and says that all went well.
        File.CreateSymbolicLink(Path.Combine(wrongNetcat.Folder, "nc"), "/bin/true");
        foreach (var (path, way) in new[] { (Environment.GetEnvironmentVariable("PATH"), "docker-nc"), (noNetcat.Folder, "docker-curl"), (wrongNetcat.Folder, "docker-curl"), (onlyDocker.Folder, "docker") })
        {
            if (way is "docker-nc" && !File.Exists("/usr/bin/nc") && !File.Exists("/bin/nc"))
                continue;
            await using var inner = new ProcessShell("far", "env", ["PATH=" + path, "DOCKER_HOST=unix://" + engine.SocketPath, "DOCKER_API_VERSION=1.41", "/bin/sh"]);
            await using var shell = new CountingShell(inner);
            var said = await HostDocker.Over(shell).ReadAsync(CancellationToken.None);
            Assert.Equal((2, way), (shell.Programs, shell.Way));
            Assert.Equal((direct.Engine.Version, direct.Engine.ApiVersion, string.Join(' ', direct.Engine.AddressPools)), (said.Engine.Version, said.Engine.ApiVersion, string.Join(' ', said.Engine.AddressPools)));
            Assert.Equal(
                direct.Networks.Select(static network => (network.Name, network.Id, network.Bridge, string.Join(' ', network.Containers))),
                said.Networks.Select(static network => (network.Name, network.Id, network.Bridge, string.Join(' ', network.Containers))));
            Assert.Equal(["made", "running"], said.Containers.Select(static container => container.Name));
            Assert.Equal(direct.Containers.Select(static container => (container.Id, container.State, string.Join(' ', container.Dns))), said.Containers.Select(static container => (container.Id, container.State, string.Join(' ', container.Dns))));

            // With the rules, what was listed costs one more trip and no other.
            shell.Programs = 0;
            var snapshot = await new DockerHost(shell, HostDocker.Over(shell)).ReadAsync(CancellationToken.None);
            Assert.Equal(2, shell.Programs);
            Assert.Null(snapshot.DockerError);
            Assert.Contains(snapshot.Networks, static network => network.Name is "web");
        }
    }

    [SkippableFact]
    public async Task Why_Docker_cannot_be_asked_is_said()
    {
        Skip.IfNot(RealEngine.WhyNot() is null, RealEngine.WhyNot());
        using var without = new CommandsWithout("docker");
        foreach (var path in new[] { Environment.GetEnvironmentVariable("PATH"), without.Folder })
        {
            await using var shell = new ProcessShell("far", "env", ["PATH=" + path, "DOCKER_HOST=unix:///nonexistent/docker.sock", "/bin/sh"]);
            var error = await Assert.ThrowsAsync<DockerException>(() => HostDocker.Over(shell).ReadAsync(CancellationToken.None));
            Assert.True(error.Failure is DockerFailure.NotInstalled or DockerFailure.DaemonDown, error.Message);
            Assert.Contains("systemctl start docker", error.Message, StringComparison.Ordinal);
        }
    }

    [SkippableTheory]
    [InlineData("docker")]
    [InlineData("curl")]
    public async Task A_network_is_made_and_removed_and_a_name_that_is_taken_is_a_conflict(string way)
    {
        Skip.IfNot(RealEngine.WhyNot() is null, RealEngine.WhyNot());
        await using var engine = await RealEngine.StartAsync();
        using var without = new CommandsWithout("docker");
        await using var shell = new ProcessShell("far", "env", ["PATH=" + (way is "curl" ? without.Folder : Environment.GetEnvironmentVariable("PATH")), "DOCKER_HOST=unix://" + engine.SocketPath, "DOCKER_API_VERSION=1.41", "/bin/sh"]);
        await using var docker = HostDocker.Over(shell);
        var spec = new NetworkSpec("made", "dnhmade0", [Cidr.Parse("172.30.98.0/24")]);
        var made = await docker.CreateNetworkAsync(spec, CancellationToken.None);
        var (_, networks, _) = await docker.ReadAsync(CancellationToken.None);
        Assert.Equal((made.Id, "dnhmade0"), networks.Where(static network => network.Name is "made").Select(static network => (network.Id, network.Bridge)).Single());
        var again = await Assert.ThrowsAsync<DockerException>(() => docker.CreateNetworkAsync(spec, CancellationToken.None));
        Assert.Equal(DockerFailure.Conflict, again.Failure);

        await docker.RemoveNetworkAsync(made.Id, CancellationToken.None);
        Assert.Null(await docker.FindNetworkAsync("made", CancellationToken.None));
        Assert.Equal(DockerFailure.NotFound, (await Assert.ThrowsAsync<DockerException>(() => docker.RemoveNetworkAsync(made.Id, CancellationToken.None))).Failure);
    }

    /// <summary>A folder for PATH with all commands of this machine but some.</summary>
    private sealed class CommandsWithout : IDisposable
    {
        public CommandsWithout(params string[] missing)
        {
            Skip.IfNot(File.Exists("/usr/bin/curl"), "needs curl");
            foreach (var file in Directory.EnumerateFiles("/usr/bin").Where(file => !missing.Contains(Path.GetFileName(file), StringComparer.Ordinal)))
                File.CreateSymbolicLink(Path.Combine(Folder, Path.GetFileName(file)), file);
        }

        public string Folder { get; } = Directory.CreateTempSubdirectory("dnh-without-").FullName;

        public void Dispose() => Directory.Delete(Folder, recursive: true);
    }

    private sealed class CountingShell(IShell inner) : IShell
    {
        public int Programs { get; set; }

        public string HostName => inner.HostName;

        /// <summary>The section by which Docker answered last.</summary>
        public string? Way { get; private set; }

        public async Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
        {
            Programs++;
            var reply = await inner.RunAsync(script, stop);
            Way = reply.Sections.LastOrDefault(static section => section.Name.StartsWith("docker", StringComparison.Ordinal) && section.Name is not "dockerd")?.Name;
            return reply;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
