using System.ComponentModel;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace DockerNetHarden.Lab.Linux;

/// <summary>
/// A network namespace, by the file that stands for it (<c>/run/netns/x</c>, <c>/proc/PID/ns/net</c>). A socket belongs for life to the
/// namespace of the thread that opened it (setns(2)), so a short-lived thread enters, opens the socket and ends: no helper process stands between the lab and its packets.
/// </summary>
internal sealed class NetNamespace(string path)
{
    public string Path { get; } = path;

    public static NetNamespace Named(string name) => new("/run/netns/" + name);

    public static NetNamespace Of(int process) => new(string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/ns/net"));

    /// <summary>
    /// Runs on its own thread inside the namespace. The action must neither start tasks nor touch the thread pool: a pool thread made there would stay there.
    /// </summary>
    public T Run<T>(Func<T> action)
    {
        var result = default(T);
        ExceptionDispatchInfo? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                using var file = File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                if (Native.SetNamespace(file, Native.CloneNewNet) != 0)
                    throw new Win32Exception(Marshal.GetLastPInvokeError(), $"The network namespace {Path} cannot be entered: {Marshal.GetLastPInvokeErrorMessage()}.");
                result = action();
            }
            catch (Exception caught)
            {
                error = ExceptionDispatchInfo.Capture(caught);
            }
        }, 256 * 1024);
        thread.UnsafeStart();
        thread.Join();
        error?.Throw();
        return result!;
    }

    public Socket OpenSocket(AddressFamily family, SocketType type, int protocol)
    {
        var number = family switch { AddressFamily.InterNetwork => 2, AddressFamily.InterNetworkV6 => 10, _ => throw new NotSupportedException($"{family} is not a family of the lab.") };
        var kind = type switch { SocketType.Stream => 1, SocketType.Dgram => 2, SocketType.Raw => 3, _ => throw new NotSupportedException($"{type} is not a socket type of the lab.") };
        var descriptor = Run(() =>
        {
            var opened = Native.OpenSocket(number, kind | Native.SocketCloseOnExec, protocol);
            return opened >= 0 ? opened : throw new SocketException(Marshal.GetLastPInvokeError());
        });
        return new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
    }

    /// <summary>The number of an interface inside the namespace: the meaning of a link-local address's zone there.</summary>
    public uint InterfaceIndex(string name)
    {
        var index = Run(() => Native.InterfaceIndex(name));
        return index != 0 ? index : throw new LabException($"There is no interface '{name}' in the namespace {Path}.");
    }

    /// <summary>Reads a file of /proc/sys/net or /proc/thread-self/net, which show the namespace of the thread that opens them.</summary>
    public string Read(string file) => Run(() => File.ReadAllText(file));

    public void Write(string file, string text) => Run(() =>
    {
        File.WriteAllText(file, text);
        return true;
    });

    /// <summary>The kernel's name for the namespace, <c>net:[4026532281]</c>; null if it is gone.</summary>
    public string? Identity()
    {
        try
        {
            return Run(() => new FileInfo("/proc/thread-self/ns/net").LinkTarget);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or Win32Exception)
        {
            return null;
        }
    }
}
