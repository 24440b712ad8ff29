using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab.Demo;

/// <summary>A way to harden a lab's host: through the module's cmdlets, or through the core directly. The demo shows the same with either.</summary>
public interface IHardener
{
    /// <summary>What the demo says it does, in one line: the commands as a user would type them.</summary>
    string Description { get; }

    /// <summary>Writes the rules of every control to the lab's host; returns what is worth showing.</summary>
    /// <exception cref="LabException">The host was not hardened; the message says why.</exception>
    Task<string> HardenAsync(LabHost lab, CancellationToken stop);

    /// <summary>Saves the applied rules for the host's next start; returns what is worth showing.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="files">The files of its host.</param>
    /// <param name="stop">Stops it.</param>
    /// <exception cref="LabException">Nothing was saved; the message says why.</exception>
    Task<string> SaveAsync(LabHost lab, OwnFiles files, CancellationToken stop);
}
