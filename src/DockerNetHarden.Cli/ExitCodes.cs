namespace DockerNetHarden.Cli;

/// <summary>How the program ends. Scripts and build pipelines rely on these, so none may change its meaning.</summary>
internal static class ExitCodes
{
    /// <summary>Everything is as the policy says, or was made so.</summary>
    public const int Good = 0;

    /// <summary>A host could not be read or written, or the policy or the command line is wrong.</summary>
    public const int Failed = 1;

    /// <summary>plan: something would change. audit: a check failed.</summary>
    public const int Differs = 2;
}
