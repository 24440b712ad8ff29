namespace DockerNetHarden.Cli;

/// <summary>How the program ends: what scripts and build pipelines look at, so none changes its meaning.</summary>
internal static class ExitCodes
{
    /// <summary>All is as the policy says, or was brought to it.</summary>
    public const int Good = 0;

    /// <summary>A host could not be read or written, or the policy or the command line is wrong.</summary>
    public const int Failed = 1;

    /// <summary>plan: something would change. audit: a check failed.</summary>
    public const int Differs = 2;
}
