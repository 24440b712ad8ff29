using System.Runtime.InteropServices;

namespace DockerNetHarden.Lab.Linux;

// The few system calls that .NET does not offer. Numbers are those of Linux on every architecture that .NET supports.
internal static partial class Native
{
    public const int CloneNewNet = 0x40000000;
    public const int SigTerm = 15;
    public const int SigKill = 9;
    public const int UnmountDetach = 2;
    public const int SocketCloseOnExec = 0x80000;
    public const int EntryNotFound = 2;

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    public static partial int SetNamespace(SafeHandle file, int kind);

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    public static partial int OpenSocket(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial uint InterfaceIndex(string name);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "umount2", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Unmount(string path, int flags);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "getppid")]
    public static partial int ParentProcess();
}
