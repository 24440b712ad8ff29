namespace DockerNetHarden.Export;

/// <summary>What an export is written for.</summary>
public enum ExportFormat
{
    /// <summary>Texts for <c>iptables-restore --noflush</c>.</summary>
    IptablesRestore,

    /// <summary>A table of our own for <c>nft -f</c>.</summary>
    Nftables,

    /// <summary>A script for a POSIX sh.</summary>
    Shell,

    /// <summary>A playbook for <c>ansible-playbook</c>.</summary>
    Ansible,

    /// <summary>User data for cloud-init, of the kind <c>#cloud-config</c>.</summary>
    CloudInit,
}
