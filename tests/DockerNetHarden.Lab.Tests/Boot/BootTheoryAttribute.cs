using System.Runtime.CompilerServices;

namespace DockerNetHarden.Lab.Tests.Boot;

/// <summary>A test on every root that can boot, with the root's name as its one argument. Elsewhere it is skipped, and its name says why.</summary>
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
