using System.Globalization;
using System.Net;
using DockerNetHarden.Addresses;

namespace DockerNetHarden.Benchmarks;

/// <summary>
/// The hidden verb <c>traffic</c>: one end of a load, started in the namespace that it belongs to. The load ends by itself: after its time, or when the
/// receiver's standard input is closed, which it is too if its parent dies.
/// </summary>
internal static class TrafficProgram
{
    public static int Run(IReadOnlyList<string> arguments)
    {
        switch (arguments)
        {
            case ["send", var kind, var from, var to, var seconds, var most]:
                var (source, target, time) = (EndPoint(from), EndPoint(to), double.Parse(seconds, CultureInfo.InvariantCulture));
                Console.WriteLine(kind is "udp" ? Datagrams.Send(source, target, time, long.Parse(most, CultureInfo.InvariantCulture)) : ByteStream.Send(source, target, time));
                return 0;
            case ["receive", var kind, var at]:
                var ended = false;
                var input = new Thread(() =>
                {
                    Console.In.ReadToEnd();
                    Volatile.Write(ref ended, true);
                })
                { IsBackground = true };
                input.Start();
                var arrived = kind is "udp" ? Datagrams.Receive(EndPoint(at), Ready, () => Volatile.Read(ref ended)) : ByteStream.Receive(EndPoint(at), Ready);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{arrived.Amount} {arrived.Seconds}"));
                return 0;
            default:
                Console.Error.WriteLine("dnh-bench traffic send udp|tcp FROM TO SECONDS MOST, or receive udp|tcp AT; an end is ADDRESS:PORT.");
                return 1;
        }
    }

    private static void Ready() => Console.WriteLine("ready");

    // The addresses are those of the lab and IPv4.
    private static IPEndPoint EndPoint(string text)
    {
        var parts = text.Split(':');
        return new IPEndPoint(new IPAddress([.. Cidr.Parse(parts[0]).Address.Split('.').Select(static part => byte.Parse(part, CultureInfo.InvariantCulture))]), int.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
