using System.Management.Automation;
using System.Reflection;
using System.Runtime.InteropServices;

namespace DockerNetHarden.Start;

/// <summary>
/// Loads the core with native code, if that was staged for this platform, before the root module needs it. .NET refuses to load native code of another platform, so the core cannot simply be shipped
/// with it: see docs/decisions/0011.
/// </summary>
public sealed class NativeCode : IModuleAssemblyInitializer
{
    /// <summary>Runs before PowerShell looks at the root module's types.</summary>
    public void OnImport()
    {
        var file = Path.Combine(Path.GetDirectoryName(typeof(NativeCode).Assembly.Location)!, Platform(), "DockerNetHarden.Core.dll");
        if (!File.Exists(file))
            return;
        try
        {
            _ = Assembly.LoadFrom(file);
        }
        catch (Exception error) when (error is IOException or BadImageFormatException or UnauthorizedAccessException)
        {
            // Native code only saves time: without it the core loads from the module's own folder.
        }
    }

    private static string Platform()
    {
        var system = OperatingSystem.IsLinux() ? "linux" : OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "other";
        return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    }
}
