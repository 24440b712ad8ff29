using DockerNetHarden.Lab;

try
{
    return await CommandLine.Build().Parse(args).InvokeAsync(new() { EnableDefaultExceptionHandler = false }).ConfigureAwait(false);
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
