using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace DockerNetHarden;

/// <summary>
/// Where Docker.DotNet and its dependencies live in a PowerShell session: a load context of their own, filled from the folder Dependencies. Other modules' versions of the same
/// assemblies never meet them, whichever came first. Core and the cmdlets stay in the session's own context, where scripts find their types by name. The folder is the one beside Core, which may be one
/// with native code.
/// </summary>
internal sealed class ClientLoadContext : AssemblyLoadContext
{
    private const string Client = "DockerNetHarden.Client";

    private static readonly string Folder = Path.Combine(Path.GetDirectoryName(typeof(Addresses.Family).Assembly.Location)!, "Dependencies");
    private static readonly Lazy<ClientLoadContext> Only = new(static () => new ClientLoadContext());

    private ClientLoadContext()
        : base(Client)
    {
    }

    // Core asks for the client by name when Docker is first asked. This runs once, before any code of this assembly and without loading anything: an initializer of PowerShell's
    // (IModuleAssemblyInitializer) would be one more public type, and its counterpart would remove the resolver from other runspaces that still use the module.
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255:The 'ModuleInitializer' attribute should not be used in libraries", Justification = "The assembly is a module that PowerShell loads, not a library.")]
    internal static void Register() => Default.Resolving += static (_, name) => name.Name == Client ? Only.Value.Load(name) : null;

    // Anything not in the folder is Core's, PowerShell's or the runtime's, and comes from the session.
    protected override Assembly? Load(AssemblyName assemblyName)
    {
        var file = Path.Combine(Folder, assemblyName.Name + ".dll");
        return File.Exists(file) ? LoadFromAssemblyPath(file) : null;
    }
}
