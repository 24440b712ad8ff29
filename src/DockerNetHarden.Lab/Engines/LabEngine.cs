namespace DockerNetHarden.Lab;

/// <summary>
/// The Docker engine of a lab's host, and with it the userland: this machine's own, or a folder with a whole Debian in it (<c>./build.sh engines</c>), which
/// provides dockerd, docker, iptables, nft, ip, sshd and sudo.
/// </summary>
/// <param name="Name">The folder under <c>out/engines</c>, which is the Debian suite's name; <c>machine</c> for this machine's own programs.</param>
/// <param name="Series">The Docker series that the project is tested on with it, such as <c>28.5</c>; null if any will do.</param>
public sealed record LabEngine(string Name, string? Series)
{
    /// <summary>The folder with the engines; if it is not set, the checkout's <c>out/engines</c>.</summary>
    public const string FolderVariable = "DNH_LAB_ENGINES";

    /// <summary>If set to 1, an engine of an untested series is used as well.</summary>
    public const string AnySeriesVariable = "DNH_LAB_ANY_SERIES";

    /// <summary>The programs of this machine. On Debian 12 that is Docker 20.10.</summary>
    public static LabEngine Machine { get; } = new("machine", null);

    /// <summary>Debian 13.</summary>
    public static LabEngine Trixie { get; } = new("trixie", "26.1");

    /// <summary>Debian's unstable suite.</summary>
    public static LabEngine Sid { get; } = new("sid", "28.5");

    public static IReadOnlyList<LabEngine> All { get; } = [Machine, Trixie, Sid];

    /// <summary>The folder that holds the engine's Debian; null for this machine's own engine.</summary>
    public string? Root => Name == Machine.Name ? null : Folder is { } folder ? Path.Combine(folder, Name) : null;

    private static string? Folder => Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } set ? Path.GetFullPath(set)
        : Checkout() is { } checkout ? Path.Combine(checkout, "out", "engines")
        : null;

    /// <exception cref="LabException">There is no engine with this name.</exception>
    public static LabEngine Parse(string name) => All.FirstOrDefault(engine => engine.Name == name)
        ?? throw new LabException($"'{name}' is not an engine; the engines are {string.Join(", ", All.Select(engine => engine.Name))}.");

    /// <summary>Why this engine cannot be raised here, apart from the lab's other needs; null if it can.</summary>
    public string? WhyUnavailable()
    {
        if (this == Machine)
            return null;
        if (Root is not { } root || !File.Exists(Path.Combine(root, "usr/sbin/dockerd")))
            return $"needs out/engines/{Name}, which ./build.sh engines makes";
        var version = Version("docker.io");
        return version is not null && version.StartsWith(Series + ".", StringComparison.Ordinal) || Environment.GetEnvironmentVariable(AnySeriesVariable) == "1"
            ? null
            : $"needs Docker {Series}, and out/engines/{Name} has {version ?? "none"} ({AnySeriesVariable}=1 runs it all the same)";
    }

    /// <summary>The upstream version of one of the engine's packages, without Debian's revision: 28.5.2 for <c>28.5.2+dfsg4-1</c>. Null if it is not installed.</summary>
    public string? Version(string package)
    {
        // dpkg(1) keeps a paragraph for each package in this file; see deb-version(7) for the parts of a version.
        var status = Path.Combine(Root ?? "/", "var/lib/dpkg/status");
        if (!File.Exists(status))
            return null;
        var inside = false;
        foreach (var line in File.ReadLines(status))
        {
            if (line.StartsWith("Package: ", StringComparison.Ordinal))
                inside = line.AsSpan(9).SequenceEqual(package);
            else if (inside && line.StartsWith("Version: ", StringComparison.Ordinal))
                return line[9..].Split(':')[^1].Split('-')[0].Split('+')[0];
        }
        return null;
    }

    // The lab runs from a folder below the checkout's root, as a program or inside a test.
    private static string? Checkout()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "DockerNetHarden.sln")))
                return folder;
        }
        return null;
    }
}
