using DockerNetHarden.Lab.Linux;

namespace DockerNetHarden.Lab.Demo;

/// <summary>Hardens through the module's cmdlets, in a pwsh on the lab's host.</summary>
public sealed class PwshHardener : IHardener
{
    private readonly string pwsh;
    private readonly string module;

    private PwshHardener(string pwsh, string module) => (this.pwsh, this.module) = (pwsh, module);

    /// <summary>The hardener for a staged module (its folder or its manifest); null if there is no such module or no pwsh on the PATH.</summary>
    public static PwshHardener? Find(string? module)
    {
        if (LabHost.FindProgram("pwsh") is not { } program || module is null)
            return null;
        var manifest = Directory.Exists(module) ? Path.Combine(module, "DockerNetHarden.psd1") : module;
        return File.Exists(manifest) ? new PwshHardener(program, Path.GetFullPath(manifest)) : null;
    }

    public string Description =>
        "Block-ContainerMetadataAccess; Block-ContainerHostAccess; Block-ContainerInternalAccess; Set-SmtpRateLimit | Invoke-FirewallRule";

    public Task<string> HardenAsync(LabHost lab, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(lab);
        return RunAsync(lab, lab.Shell, "Harden", stop);
    }

    public Task<string> SaveAsync(LabHost lab, OwnFiles files, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(lab);
        ArgumentNullException.ThrowIfNull(files);
        return RunAsync(lab, files.Shell, "Save", stop);
    }

    private async Task<string> RunAsync(LabHost lab, IReadOnlyList<string> place, string step, CancellationToken stop)
    {
        var script = Path.Combine(lab.Folder, "harden.ps1");
        var source = typeof(PwshHardener).Assembly.GetManifestResourceStream("harden.ps1")!;
        await using (source.ConfigureAwait(false))
        {
            var file = File.Create(script);
            await using (file.ConfigureAwait(false))
                await source.CopyToAsync(file, stop).ConfigureAwait(false);
        }
        Dictionary<string, string> environment = new(StringComparer.Ordinal) { ["DOCKER_HOST"] = lab.DockerHost };
        var result = await ProcessRun.RunAsync([.. place, pwsh, "-NoProfile", "-NonInteractive", "-File", script, "-Module", module, "-Step", step], stop, null, environment).ConfigureAwait(false);
        return result.OrThrow().Trim();
    }
}

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
