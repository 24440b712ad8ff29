namespace DockerNetHarden.Export;

/// <summary>
/// User data of the kind <c>#cloud-config</c>. The rules stand in it once, for user data is small on some clouds. Source: cloud-init's module reference:
/// bootcmd runs early in every boot, write_files after it, runcmd late in the first.
/// </summary>
internal static class CloudInitText
{
    public static string Write(IReadOnlyList<ExportedTable> tables) =>
        TextHeader.Of("#cloud-config") + Resource.Read("cloud-config.yml")
            .Replace("@SCRIPT", Yaml.Block(ShellText.Write(tables), 4), StringComparison.Ordinal)
            .Replace("@UNIT", Yaml.Block(Resource.Read("rules.service").Replace("@DIR@", "/etc/docker-net-harden", StringComparison.Ordinal), 6), StringComparison.Ordinal);
}
