namespace DockerNetHarden.Tests;

/// <summary>The folder of the sources that are tested: some tests read what stands in them.</summary>
internal static class ProjectRoot
{
    public static string Path { get; } = Find();

    /// <summary>The text of a file, named from the root.</summary>
    public static string Read(params string[] path) => File.ReadAllText(System.IO.Path.Combine([Path, .. path]));

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "DockerNetHarden.sln")))
            folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"DockerNetHarden.sln is in no folder above {AppContext.BaseDirectory}.");
    }
}
