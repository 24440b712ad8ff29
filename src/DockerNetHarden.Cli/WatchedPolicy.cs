using DockerNetHarden.Cli.Commands;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Cli;

/// <summary>A policy file that may change while the program runs. One that cannot be read is told, and the last good one goes on to hold.</summary>
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
            // Once for each fault, not at each network that comes.
            if (!string.Equals(_told, error.Message, StringComparison.Ordinal))
                report.Error(null, $"{error.Message} The policy as it was read before stays in force.");
            _told = error.Message;
        }
        return _last;
    }
}
