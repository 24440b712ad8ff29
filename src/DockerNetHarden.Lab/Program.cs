using System.CommandLine;
using DockerNetHarden.Lab;

try
{
    // After Ctrl-C a lab is taken down, which takes seconds; the default of two seconds would leave half of it behind.
    var settings = new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromMinutes(1) };
    return await CommandLine.Build().Parse(args).InvokeAsync(settings).ConfigureAwait(false);
}
catch (Exception error) when (error is LabException or FormatException)
{
    await Console.Error.WriteLineAsync("dnh-lab: " + error.Message).ConfigureAwait(false);
    return 1;
}
catch (OperationCanceledException)
{
    return 130;
}
