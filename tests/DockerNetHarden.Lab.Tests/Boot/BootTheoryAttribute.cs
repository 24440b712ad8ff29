using System.Runtime.CompilerServices;

namespace DockerNetHarden.Lab.Tests.Boot;

/// <summary>A test on every root that can boot: its one argument is the root's name. Elsewhere it is skipped, and its name says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BootTheoryAttribute : TheoryAttribute
{
    public BootTheoryAttribute([CallerMemberName] string test = "")
    {
        if (BootedHost.WhyUnavailable() is not { } reason)
            return;
        DisplayName = $"{test} [skipped: {reason}]";
        Skip = reason;
    }
}
