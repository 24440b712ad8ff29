using System.Management.Automation;
using DockerNetHarden.Errors;
using DockerNetHarden.Hosting;
using DockerNetHarden.Reports;

namespace DockerNetHarden.Commands;

/// <summary>The earlier report that a command compares with.</summary>
internal static class BaselineFile
{
    /// <summary>Reads it before any host is touched: a comparison with nothing would find everything new.</summary>
    /// <param name="cmdlet">The command.</param>
    /// <param name="path">The file as the user named it.</param>
    /// <param name="refuse">Ends the command with an error.</param>
    public static ReportBaseline? Read(PSCmdlet cmdlet, string path, Action<Exception> refuse)
    {
        try
        {
            var full = SnapshotPaths.Unresolved(cmdlet, path);
            try
            {
                return JsonReport.ReadBaseline(File.ReadAllBytes(full));
            }
            catch (ReportFormatException error)
            {
                throw new ReportFormatException($"{full}: {error.Message}", error);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw CommandFailure.UnreadableFile(full, error);
            }
        }
        catch (Exception error) when (error is CommandFailure or ReportFormatException)
        {
            refuse(error);
            return null;
        }
    }
}
