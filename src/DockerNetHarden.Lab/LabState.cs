using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using DockerNetHarden.Lab.Linux;
using DockerNetHarden.Lab.Probing;
using DockerNetHarden.Lab.Services;

namespace DockerNetHarden.Lab;

// What a lab's folder stores: enough for another process to use the lab, and to take it down if the process that raised it crashed.
internal sealed record LabState(
    string Name, LabBackend Backend, string Engine, ProcessMark Owner, ProcessMark Init, ProcessMark Dockerd, ProcessMark Services, bool LiveRestore, bool RunDockerWasThere);

internal sealed record LabNamespaces(string Host, string Outside);

internal sealed record LabPids(int Dockerd, int Services);

// What `up --json` prints.
internal sealed record LabDescription(
    string Name, string Engine, LabBackend Backend, string Iptables, string Folder, LabNamespaces Namespaces, string DockerSocket, string DockerHost, LabPids Pids,
    IReadOnlyList<string> Shell, string Image, IReadOnlyList<string> HostAddresses, IReadOnlyList<LabContainer> Containers, IReadOnlyList<LabService> Services,
    double RaisedInMilliseconds);

internal sealed record AskAnswer(string From, string To, int Port, ProbeProtocol Protocol, Reach Result, double Milliseconds, string? Body, BurstResult? Burst);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LabState))]
[JsonSerializable(typeof(LabDescription))]
[JsonSerializable(typeof(AskAnswer))]
[JsonSerializable(typeof(FleetDescription))]
[JsonSerializable(typeof(LabContainer))]
[JsonSerializable(typeof(Dictionary<string, ServiceCount>))]
internal sealed partial class LabJson : JsonSerializerContext;

/// <summary>A lab's folder: root-only, under /run, gone with the lab.</summary>
internal sealed class LabFolder(string name)
{
    public const string Root = "/run/dnh-lab";

    public string Path { get; } = System.IO.Path.Combine(Root, name);

    public string DockerSocket => In("docker.sock");

    public string DockerHost => "unix://" + DockerSocket;

    public string ServiceSocket => In("services.sock");

    public string DockerLog => In("dockerd.log");

    public string ServiceLog => In("services.log");

    public string In(string file) => System.IO.Path.Combine(Path, file);

    public static string HostNamespace(string name) => $"dnh-{name}-host";

    public static string OutsideNamespace(string name) => $"dnh-{name}-net";

    public static string Cgroup(string name) => $"dnh-lab-{name}";

    /// <summary>The names of all existing labs, running or not.</summary>
    public static IReadOnlyList<string> All() =>
        !Directory.Exists(Root) ? []
        : [.. Directory.GetDirectories(Root).Select(path => System.IO.Path.GetFileName(path)).Where(name => name[0] != '.').Order(StringComparer.Ordinal)];

    public void Create() => Directory.CreateDirectory(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

    /// <summary>The state; null if none can be read: a lab that was never finished.</summary>
    public LabState? Read()
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(In("state.json")), LabJson.Default.LabState);
        }
        catch (Exception error) when (error is IOException or JsonException)
        {
            return null;
        }
    }

    public void Write(LabState state)
    {
        // Renamed into place: a crash leaves the old state or the new one, never half of one.
        File.WriteAllBytes(In("state.new"), JsonSerializer.SerializeToUtf8Bytes(state, LabJson.Default.LabState));
        File.Move(In("state.new"), In("state.json"), overwrite: true);
    }

    /// <summary>
    /// Only one process at a time looks for stale labs and takes a name. The lock is an abstract socket (unix(7)): it leaves no file, and ends with its process.
    /// </summary>
    public static async Task<IDisposable> LockAsync(CancellationToken stop)
    {
        while (true)
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                socket.Bind(new UnixDomainSocketEndPoint("\0dnh-lab.lock"));
                return socket;
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.AddressAlreadyInUse)
            {
                socket.Dispose();
                await Task.Delay(20, stop).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Deletes the folder. It is renamed first: until it is out of sight its state stays readable, so that nobody takes it for a ruin.</summary>
    public void Delete()
    {
        if (Directory.Exists(Path))
            Directory.Move(Path, System.IO.Path.Combine(Root, "." + name));
        DeleteWhole(System.IO.Path.Combine(Root, "." + name));
        try
        {
            if (Directory.Exists(Root))
                Directory.Delete(Root, recursive: false);
        }
        catch (IOException)
        {
            // There is another lab.
        }
    }

    /// <summary>Deletes folders that were renamed and whose deletion was cut short.</summary>
    public static void DeleteRenamed()
    {
        foreach (var renamed in Directory.Exists(Root) ? Directory.GetDirectories(Root, ".*") : [])
            DeleteWhole(renamed);
    }

    // The owner of a folder and the next lab may delete it at the same time. Whoever finds a part gone leaves off there (Directory.Delete throws), so both
    // try until nothing of it is left.
    private static void DeleteWhole(string path)
    {
        for (var attempt = 0; Directory.Exists(path); attempt++)
        {
            try
            {
                Directory.Delete(path, recursive: true);
            }
            catch (IOException) when (attempt < 100)
            {
                Thread.Sleep(10);
            }
        }
    }
}
