using System.Text;

namespace DockerNetHarden.Persistence;

/// <summary>A file that saving writes.</summary>
/// <param name="Path">The path.</param>
/// <param name="Mode">Its mode, as chmod(1) takes it.</param>
/// <param name="Text">Its text.</param>
internal sealed record SavedFile(string Path, string Mode, string Text);

/// <summary>The paths of each method's files, and the files that are the same on every host.</summary>
internal static class PersistencePaths
{
    internal const string Rules = "/etc/docker-net-harden/saved";
    internal const string Loader = "/etc/docker-net-harden/loader";
    internal const string LoadUnit = "docker-net-harden.service";
    internal const string GuardUnit = "docker-net-harden-guard.service";
    internal const string Plugin = "/usr/share/netfilter-persistent/plugins.d/40-docker-net-harden";
    internal const string Sysconfig4 = "/etc/sysconfig/iptables";
    internal const string Sysconfig6 = "/etc/sysconfig/ip6tables";

    private const string Units = "/etc/systemd/system/";

    /// <summary>The files that are wholly ours.</summary>
    internal static IReadOnlyList<string> Own { get; } = [Rules, Loader, Units + LoadUnit, Units + GuardUnit, Plugin];

    /// <summary>All files that are looked for on a host.</summary>
    internal static IReadOnlyList<string> All { get; } = [.. Own, Sysconfig4, Sysconfig6];

    /// <summary>The links that <c>systemctl enable</c> makes so that the host starts our units, as their [Install] sections say.</summary>
    internal static IReadOnlyList<string> Links { get; } =
        [Units + "multi-user.target.wants/" + LoadUnit, Units + "docker.service.wants/" + LoadUnit, Units + "multi-user.target.wants/" + GuardUnit];

    /// <summary>The links of iptables-services, which belong to the administrator.</summary>
    internal static IReadOnlyList<string> ForeignLinks { get; } = [Units + "multi-user.target.wants/iptables.service", Units + "basic.target.wants/iptables.service"];

    // Before the texts that hold it: static members are made in this order.
    private static readonly string Numbered = Raw("numbered.awk");
    private static readonly string Compare = Raw("compare.awk");

    internal static SavedFile LoaderFile { get; } = new(Loader, "755", Resource("loader"));

    internal static IReadOnlyList<SavedFile> UnitFiles { get; } =
        [new(Units + LoadUnit, "644", Resource(LoadUnit)), new(Units + GuardUnit, "644", Resource(GuardUnit))];

    internal static SavedFile PluginFile { get; } = new(Plugin, "755", Resource("netfilter-persistent"));

    internal static bool IsUnit(string path) => UnitFiles.Any(file => string.Equals(file.Path, path, StringComparison.Ordinal));

    /// <summary>The text of a script in which the part that scripts share has its place.</summary>
    internal static string WithShared(string script) => script.Replace("@numbered@\n", Numbered, StringComparison.Ordinal);

    private static string Resource(string name) => WithShared(Raw(name).Replace("@compare@\n", Compare, StringComparison.Ordinal));

    private static string Raw(string name)
    {
        using var stream = typeof(PersistencePaths).Assembly.GetManifestResourceStream("persistence/" + name)!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
