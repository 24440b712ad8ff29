using System.Runtime.InteropServices;

namespace DockerNetHarden.Benchmarks;

/// <summary>A message with one buffer, as sendmmsg(2) takes many of them in one call; the layout is that of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Message
{
    public nint Name;
    public nint NameLength;
    public nint Buffers;
    public nint BufferCount;
    public nint Control;
    public nint ControlLength;
    public nint Flags;
    public nint Length;
}

/// <summary>iovec of readv(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct Part
{
    public nint Start;
    public nint Length;
}

// .NET sends and receives one datagram a call; a call for each would be most of what is measured.
internal static partial class Native
{
    [LibraryImport("libc", EntryPoint = "sendmmsg", SetLastError = true)]
    public static unsafe partial int SendMany(nint socket, Message* messages, uint count, int flags);

    [LibraryImport("libc", EntryPoint = "recvmmsg", SetLastError = true)]
    public static unsafe partial int ReceiveMany(nint socket, Message* messages, uint count, int flags, nint timeout);
}
