using DockerNetHarden.Persistence;

namespace DockerNetHarden.Export;

/// <summary>
/// A playbook that needs nothing but itself. It compares before it writes, so that check mode tells what would change. Values are marked as unsafe: nothing in a
/// rule is read as a template. Source: Ansible's user guide, "Unsafe or raw strings".
/// </summary>
internal static class AnsibleText
{
    public static string Write(SavedRules rules) => TextHeader.Of("---") + HostFiles.Fill("playbook.yml", rules, 6);
}
