namespace DockerNetHarden.Benchmarks;

/// <summary>A table of the page, and its plot.</summary>
/// <param name="Series">The series of its rows.</param>
/// <param name="Caption">The head of its first column.</param>
internal sealed record PageTable(string Series, string Caption)
{
    /// <summary>What the sizes are: networks, rules or hosts. Empty if there are none to show.</summary>
    public string Sizes { get; init; } = "";

    /// <summary>Whether the first row of each size is what the others are compared with.</summary>
    public bool HasFloor { get; init; }

    /// <summary>The name of the plot's file, without its ending; null for no plot. Only tables with sizes have one here.</summary>
    public string? Plot { get; init; }

    public string Title { get; init; } = "";

    /// <summary>The quantity and unit of the vertical axis.</summary>
    public string Axis { get; init; } = "";
}

/// <summary>A section of the page.</summary>
internal sealed record PageSection(string Part, string Title, string Text, params IReadOnlyList<PageTable> Tables);

/// <summary>What the page says beside the numbers.</summary>
internal static class Sections
{
    public static IReadOnlyList<PageSection> All { get; } =
    [
        new("throughput", "Throughput", """
            One core sends as fast as it can; the other receives. Between them lie the container's bridge, the host with its rules, and a cable, all in network namespaces. The container is on the network that was made last.
            The UDP packets have 64 bytes with their headers, and the receiver answers the first, so that the connection is established. The TCP connection has segments of 536 bytes; the sending devices have `gso_max_segs 1`, since otherwise
            the kernel hands dozens of segments to the firewall as one packet. What is counted arrived at the receiving program. "Without rules" is the same host with Docker's own rules. Whole rule sets are exchanged between two loads, and every second round goes backwards.
            """,
            [.. from protocol in (string[])["udp", "tcp"] from way in (string[])["out", "in"] from backend in (string[])["nft", "legacy"]
                select new PageTable($"throughput.{protocol}.{way}.{backend}", $"{protocol.ToUpperInvariant()} {(way is "out" ? "to the outside" : "to a published port")}, iptables-{backend}") { HasFloor = true }]),
        new("rules", "Rules in the kernel", """
            What an ordinary outbound packet meets is every rule of ours that the kernel tries on it, matching or not, in raw, mangle, nat and filter. A small evaluator in the benchmark walks the saved rule set for a UDP packet to a public address; it shares no code
            with the module's analysis. A thousand such packets are sent, and the counters of every rule in filter and mangle must be what it computed. The total counts the lines of `iptables-save` and `ip6tables-save` that are ours, jumps included. Docker's default bridge counts as a network.
            """,
            new PageTable("rules.met", "Rules that a packet meets") { Sizes = "networks", Plot = "rules-met", Title = "Rules that an ordinary outbound packet meets", Axis = "rules" },
            new PageTable("rules.total", "Rules in total") { Sizes = "networks", Plot = "rules-total", Title = "Rules of the four controls, both families", Axis = "rules" },
            new PageTable("sweep.apply.networks", "Apply over networks") { Sizes = "networks", Plot = "apply-networks", Title = "Applying the four controls, over networks", Axis = "ms" },
            new PageTable("sweep.apply.networks.memory", "Memory of the client") { Sizes = "networks" }),
        new("apply", "Apply on the host itself", """
            The four controls with their defaults, piped to `Invoke-FirewallRule` in a pwsh that runs already, on a host with three containers and two networks. By hand, the same pwsh starts a `sh` that runs `iptables-save -c` and `ip6tables-save -c` and, for the first time, gives
            `iptables-restore` and `ip6tables-restore` the texts that the module writes. Processor time is of pwsh, of the programs that it ran, and of dockerd.
            """,
            new PageTable("apply.first", "First time") { HasFloor = true }, new PageTable("apply.first.cpu", "Processor time, first time"),
            new PageTable("apply.unchanged", "Unchanged") { HasFloor = true }, new PageTable("apply.unchanged.cpu", "Processor time, unchanged"),
            new PageTable("sweep.apply.rules", "Apply over a user's own rules") { Sizes = "rules", Plot = "apply-rules", Title = "Applying rules of a user's own, over their number", Axis = "ms" },
            new PageTable("sweep.apply.rules.memory", "Memory of the client") { Sizes = "rules" }),
        new("fleet", "Apply on many hosts over SSH", """
            Sixteen hosts in network namespaces with an sshd and a dockerd each, sixteen at once, through the cmdlet. `ssh host true` runs with the same parallelism. Client and hosts share one machine, which pays for the work of all. Beyond sixteen, each host is reached by up to four
            names, unchanged. Processor time is for each host: of the client, of its ssh, and of the host.
            """,
            new PageTable("fleet", "Over SSH") { HasFloor = true, Sizes = "hosts" }, new PageTable("fleet.cpu", "Processor time for each host"),
            new PageTable("sweep.apply.hosts", "Apply over hosts") { Sizes = "hosts", HasFloor = true, Plot = "apply-hosts", Title = "Applying the four controls, unchanged, over hosts", Axis = "ms" },
            new PageTable("sweep.apply.hosts.memory", "Memory of the client") { Sizes = "hosts" }),
        new("prompt", "At the prompt", """
            The import is measured inside a new pwsh for each round, beside a binary module with one empty cmdlet and a manifest like ours. Trace and audit run on a hardened host with four networks, beside reading all that they need of it through the core in the same pwsh. The audit of 5,000 rules
            has no host: it is computed of an invented one. First and second call are those of a new session for each round.
            """,
            new PageTable("prompt.import", "Import-Module") { HasFloor = true }, new PageTable("prompt.analysis", "A host with four networks") { HasFloor = true }, new PageTable("prompt.audit", "Audit"),
            new PageTable("prompt.calls.Trace-ContainerAccess", "Trace-ContainerAccess") { HasFloor = true }, new PageTable("prompt.calls.Get-DockerNetworkHardening", "Get-DockerNetworkHardening") { HasFloor = true },
            new PageTable("prompt.calls.Invoke-FirewallRule", "Invoke-FirewallRule") { HasFloor = true }),
        new("sweep", "Computing, over two decades and more", """
            Plan, audit, trace and policy export of an invented host, in the process of the benchmark. Over networks, the host has all four controls. Over rules, it has ten networks: audit and trace see the four controls and so many rules of an administrator; plan and policy export work on so many rules of a user's own. Beyond 200, a series ends after a size that takes five seconds. Allocated is what one call allocates in all; the peak is
            what the whole process had in memory at one time, the host itself included.
            """,
            new PageTable("sweep.computing.networks", "Over networks") { Sizes = "networks", Plot = "computing-networks", Title = "Computing, over networks", Axis = "ms" },
            new PageTable("sweep.computing.networks.memory", "Allocated, over networks") { Sizes = "networks", Plot = "memory-networks", Title = "What computing allocates, over networks", Axis = "MB" },
            new PageTable("sweep.computing.networks.peak", "Memory, over networks") { Sizes = "networks" },
            new PageTable("sweep.computing.rules", "Over rules") { Sizes = "rules", Plot = "computing-rules", Title = "Computing, over rules", Axis = "ms" },
            new PageTable("sweep.computing.rules.memory", "Allocated, over rules") { Sizes = "rules", Plot = "memory-rules", Title = "What computing allocates, over rules", Axis = "MB" },
            new PageTable("sweep.computing.rules.peak", "Memory, over rules") { Sizes = "rules" }),
        new("peers", "Beside other ways to write the same rules", """
            Fifteen rules of the hardening guide: as its `iptables -I` commands in one `sh`, as tasks of Ansible's `iptables` module on the host itself with pipelining and without looking up names, and through `New-FirewallRule` and `Invoke-FirewallRule` in a pwsh that runs already. One `iptables-restore` of the same text is the least that can be done; it verifies nothing. Run again, the shell commands and the restore add every rule a
            second time; Ansible and this module change nothing.
            """,
            new PageTable("peers", "Fifteen rules") { HasFloor = true }),
    ];
}
