namespace DockerNetHarden.Lab.Demo;

/// <summary>A way to harden a lab's host: through the module's cmdlets, or through the engine directly. The demo shows the same with either.</summary>
public interface IHardener
{
    /// <summary>What the demo says is done, in one line: the commands, as a user would type them.</summary>
    string Description { get; }

    /// <summary>Writes the rules of every control to the lab's host; returns what is worth showing of it.</summary>
    /// <exception cref="LabException">The host was not hardened; the message says why.</exception>
    Task<string> HardenAsync(LabHost lab, CancellationToken stop);
}
