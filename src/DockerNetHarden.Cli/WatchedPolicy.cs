using DockerNetHarden.Cli.Commands;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Cli;

/// <summary>A policy file that may change while the program runs. If it cannot be read, the error is reported and the last good policy stays in force.</summary>
internal sealed class WatchedPolicy(string path, HardeningPolicy policy, Report report)
{
    private HardeningPolicy _last = policy;
    private string? _told;

    public HardeningPolicy Read()
    {
        try
        {
            _last = PolicyCommand.Load(path);
            _told = null;
        }
        catch (Exception error) when (error is PolicyException or IOException or UnauthorizedAccessException)
        {
            // Once for each error, not for each new network.
            if (!string.Equals(_told, error.Message, StringComparison.Ordinal))
                report.Error(null, $"{error.Message} The policy as it was read before stays in force.");
            _told = error.Message;
        }
        return _last;
    }
}
