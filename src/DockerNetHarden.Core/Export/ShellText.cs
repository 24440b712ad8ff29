using System.Globalization;
using System.Text;
using DockerNetHarden.Addresses;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Export;

/// <summary>
/// A script for a POSIX sh: rules as quoted here-documents, and the code that puts them in place. It only needs iptables, sed and grep. Its last line
/// calls everything before it, so that a script that was cut off does nothing.
/// </summary>
internal static class ShellText
{
    public static string Write(IReadOnlyList<ExportedTable> tables)
    {
        var text = new StringBuilder(ExportTemplate.Header("#!/bin/sh"));
        text.Append(ExportTemplate.Read("apply.sh"));
        foreach (var family in tables.GroupBy(table => table.Family).OrderBy(family => family.Key))
            Append(text, family.Key, [.. family]);
        return text.Append("[ \"$dnh_mode\" = apply ] || exit \"$dnh_changed\"\n}\n\ndnh_main\n").ToString();
    }

    private static void Append(StringBuilder text, Family family, IReadOnlyList<ExportedTable> tables)
    {
        var (command, variable) = family == Family.IPv4 ? ("iptables", "IPTABLES") : ("ip6tables", "IP6TABLES");
        // A kernel without IPv6 has nothing to decide.
        if (family == Family.IPv6)
            text.Append("if [ -e /proc/net/if_inet6 ]; then\n");
        text.Append(CultureInfo.InvariantCulture, $"dnh_tool=${{{variable}:-$(dnh_choose {command})}}\n");
        text.Append("command -v \"$dnh_tool-restore\" >/dev/null || dnh_fail \"there is no $dnh_tool-restore; install the distribution's package iptables.\"\n");
        if (tables.Any(table => table.NeedsDockerUser))
        {
            text.Append("# Docker keeps a chain that it finds, so these rules can be there before its first start.\n");
            text.Append(CultureInfo.InvariantCulture, $"[ \"$dnh_mode\" = --check ] || \"$dnh_tool\" -w 10 -N {Hook.DockerUser} 2>/dev/null || :\n");
        }
        foreach (var table in tables)
        {
            var jumps = table.Hooks.Select(hook => $"dnh_jumps {table.Table} {hook.Hook.Chain} {string.Join(' ', hook.Jumps.Select(jump => jump.Target))}");
            // Every line of the rules begins with ':' or '-', so none can end the document.
            text.Append(CultureInfo.InvariantCulture, $"dnh_now=$(dnh_live {table.Table})\ndnh_write {table.Table} \"$({string.Join("; ", jumps)})\" <<'DNH_RULES'\n{RestoreText.Chains(table)}DNH_RULES\n");
        }
        if (family == Family.IPv6)
            text.Append("fi\n");
    }
}
