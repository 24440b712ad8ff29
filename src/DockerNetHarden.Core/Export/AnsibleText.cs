namespace DockerNetHarden.Export;

/// <summary>
/// A playbook that needs nothing but itself: the rules are a script in it, which compares before it writes, so that check mode tells what would change.
/// Values are marked as unsafe: nothing in a rule is read as a template. Source: Ansible's user guide, "Advanced playbook syntax: unsafe or raw strings".
/// </summary>
internal static class AnsibleText
{
    public static string Write(IReadOnlyList<ExportedTable> tables) =>
        TextHeader.Of("---") + Resource.Read("playbook.yml")
            .Replace("@SCRIPT", Yaml.Block(ShellText.Write(tables), 6), StringComparison.Ordinal)
            .Replace("@UNIT", Yaml.Block(Resource.Read("rules.service"), 6), StringComparison.Ordinal);
}
