using System.Runtime.InteropServices;
using DockerNetHarden.Cli;

using var stop = new CancellationTokenSource();

// People and systemd send both signals; a write in progress is finished first.
void End(PosixSignalContext signal)
{
    signal.Cancel = true;
    stop.Cancel();
}

using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
return await CommandLine.RunAsync(args, Console.Out, Console.Error, stop.Token).ConfigureAwait(false);
