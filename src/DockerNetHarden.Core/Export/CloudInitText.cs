using DockerNetHarden.Persistence;

namespace DockerNetHarden.Export;

/// <summary>
/// User data of the kind <c>#cloud-config</c>. The rules stand in it once, for user data is small on some clouds. Source: cloud-init's module reference:
/// bootcmd runs early in every boot, write_files after it, runcmd late in the first.
/// </summary>
internal static class CloudInitText
{
    public static string Write(SavedRules rules) => TextHeader.Of("#cloud-config") + HostFiles.Fill("cloud-config.yml", rules, 4);
}
