using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Core.Tests.Docker;
using DockerNetHarden.Core.Tests.Planning;
using DockerNetHarden.Docker;
using DockerNetHarden.Hosts;
using DockerNetHarden.Hosts.Docker;
using DockerNetHarden.Iptables;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Core.Tests.Hosts;

/// <summary>A host on paper that can be written: tables as <see cref="RestoreModel"/> changes them, and an engine that makes and removes networks. It keeps what happened, in order.</summary>
internal sealed partial class PaperHost : IShell
{
    public const string Subnet = "172.20.0.0/16";

    private readonly Dictionary<Family, Ruleset> _rules;
    private readonly Dictionary<string, string> _networks = new(StringComparer.Ordinal);

    public PaperHost(string save = Planning.Snapshots.Save)
    {
        _rules = new() { [Family.IPv4] = Ruleset.Parse(Family.IPv4, save), [Family.IPv6] = Ruleset.Parse(Family.IPv6, Planning.Snapshots.Save6) };
        Host = new DockerHost(this, HostDocker.Through(new StubTransport(Engine), "unix:///x"));
        AddNetwork("apps", "apps0", "172.18.0.0/16");
    }

    public DockerHost Host { get; }

    public string HostName => "paper";

    /// <summary>write, refused, create, remove.</summary>
    public List<string> Happened { get; } = [];

    /// <summary>Whether iptables-restore refuses a text.</summary>
    public Func<string, bool> Refuses { get; set; } = static _ => false;

    /// <summary>The engine's answer to a request that changes something, instead of doing it.</summary>
    public Func<string, (int Status, string Message)?> Answers { get; set; } = static _ => null;

    /// <summary>What happens after a write or before a request is answered.</summary>
    public Action<string> Watch { get; set; } = static _ => { };

    /// <summary>The lines of ours.</summary>
    public string Ours => string.Join('\n', _rules.Values.SelectMany(static rules => rules.AllRules).Select(static line => $"{line.Family} {line.Table} {line.Text}").Where(static text => text.Contains("DNH-", StringComparison.Ordinal)));

    public bool HasNetwork(string name) => _networks.ContainsKey(name);

    public void AddNetwork(string name, string bridge, string subnet, string label = "") => _networks[name] = JsonSerializer.Serialize(new
    {
        Name = name,
        Id = IdOf(name),
        Driver = "bridge",
        IPAM = new { Config = new[] { new { Subnet = subnet } } },
        Options = new Dictionary<string, string>(StringComparer.Ordinal) { [DockerNetwork.BridgeNameOption] = bridge },
        Labels = label.Length == 0 ? [] : new Dictionary<string, string>(StringComparer.Ordinal) { [DockerNetwork.ProfileLabel] = label },
    });

    public Task<ShellReply> RunAsync(ShellScript script, CancellationToken stop)
    {
        stop.ThrowIfCancellationRequested();
        return Task.FromResult(new ShellReply([.. script.Changes ? Write(script.Text) : Read(), .. Saves()]));
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static string IdOf(string name) => Convert.ToHexString(Encoding.UTF8.GetBytes(name.PadRight(32, 'x')[..32])).ToLowerInvariant();

    private static ShellSection Section(string name, string text = "", int exitCode = 0, string errors = "") => new(name, exitCode, Encoding.UTF8.GetBytes(text), errors);

    private IEnumerable<ShellSection> Saves() => [Section("save4", _rules[Family.IPv4].ToString()), Section("save6", _rules[Family.IPv6].ToString())];

    private IEnumerable<ShellSection> Read() =>
    [
        Section("id", "0\n"),
        Section("tools", "iptables\t/usr/sbin/iptables\tiptables v1.8.9 (nf_tables)\nip6tables\t/usr/sbin/ip6tables\tip6tables v1.8.9 (nf_tables)\n"),
        Section("ipv6", "1"),
        Section("files", string.Concat(((string[])["lo", "eth0", "docker0", .. _networks.Keys.Select(static name => name is "apps" ? "apps0" : "dnh-" + name)]).Select(static link => $"/proc/net/dev:{link}: 0\n"))),
    ];

    // All steps or none.
    private List<ShellSection> Write(string program)
    {
        var steps = Step().Matches(program).Select(static match => (Family: match.Groups["tool"].ValueSpan is "iptables" ? Family.IPv4 : Family.IPv6, Text: match.Groups["input"].Value)).ToList();
        Assert.NotEmpty(steps);
        var refused = steps.FindIndex(step => Refuses(step.Text));
        if (refused >= 0)
        {
            Happened.Add("refused");
            return [.. Enumerable.Range(1, refused).Select(static step => Section($"step-{step}")), Section($"step-{refused + 1}", "", 2, "iptables-restore: not today")];
        }
        foreach (var (family, text) in steps)
            _rules[family] = RestoreModel.Apply(_rules[family], text);
        Happened.Add("write");
        Watch("write");
        return [.. steps.Select(static (_, step) => Section($"step-{step + 1}"))];
    }

    private (int Status, byte[] Body) Engine(string request)
    {
        var (status, body) = request switch
        {
            "GET /version" => (200, DockerReplies.Version2010),
            "GET /v1.41/info" => (200, DockerReplies.Info2010),
            "GET /v1.41/networks" => (200, $"[{string.Join(',', _networks.Values)}]"),
            "GET /v1.41/containers/json?all=1" => (200, "[]"),
            _ when request.StartsWith("GET /v1.41/networks/", StringComparison.Ordinal) => Named(request["GET /v1.41/networks/".Length..]) is { } found ? (200, _networks[found]) : (404, """{"message":"no such network"}"""),
            _ when request.StartsWith("POST /v1.41/networks/create", StringComparison.Ordinal) => Changed("create", request, Create),
            _ when request.StartsWith("DELETE /v1.41/networks/", StringComparison.Ordinal) => Changed("remove", request, Remove),
            _ => (404, """{"message":"page not found"}"""),
        };
        return (status, Encoding.UTF8.GetBytes(body));
    }

    private (int Status, string Body) Changed(string what, string request, Func<string, (int, string)> change)
    {
        Happened.Add(what);
        Watch(what);
        return Answers(what) is var (status, message) ? (status, JsonSerializer.Serialize(new { message })) : change(request);
    }

    private (int Status, string Body) Create(string request)
    {
        using var asked = JsonDocument.Parse(request[request.IndexOf('{', StringComparison.Ordinal)..]);
        var name = asked.RootElement.GetProperty("Name").GetString()!;
        var subnet = asked.RootElement.TryGetProperty("IPAM", out var ipam) && ipam.ValueKind == JsonValueKind.Object ? ipam.GetProperty("Config")[0].GetProperty("Subnet").GetString()! : Subnet;
        AddNetwork(name, asked.RootElement.GetProperty("Options").GetProperty(DockerNetwork.BridgeNameOption).GetString()!, subnet, asked.RootElement.GetProperty("Labels").GetProperty(DockerNetwork.ProfileLabel).GetString()!);
        return (201, JsonSerializer.Serialize(new { Id = IdOf(name), Warning = "" }));
    }

    private (int Status, string Body) Remove(string request) => Named(request[(request.LastIndexOf('/') + 1)..]) is { } found && _networks.Remove(found) ? (204, "") : (404, """{"message":"no such network"}""");

    private string? Named(string nameOrId) => _networks.Keys.FirstOrDefault(name => name == nameOrId || IdOf(name) == nameOrId);

    // A step's tool and text, as WritingProgram gives them to the section.
    [GeneratedRegex(@"<<'(?<end>[0-9a-f]{32})'\n(?<tool>ip6?tables)\n\k<end>\nset -- ""\$@"" ""\$V""\nif [^\n]*\nthen\ndnh_frame 'begin step-[0-9]+'\n\([^<]*<<'\k<end>'\n(?<input>.*?)\k<end>\n", RegexOptions.Singleline, 5000)]
    private static partial Regex Step();
}
