using System.Runtime.CompilerServices;

namespace DockerNetHarden.Lab.Tests;

/// <summary>A test that needs a real kernel, root and Docker. Elsewhere it is skipped, and its name says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LabFactAttribute : FactAttribute
{
    public LabFactAttribute([CallerMemberName] string test = "")
    {
        if (LabHost.WhyUnavailable() is not { } reason)
            return;
        DisplayName = $"{test} [skipped: {reason}]";
        Skip = reason;
    }
}

/// <summary>The same with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LabTheoryAttribute : TheoryAttribute
{
    public LabTheoryAttribute([CallerMemberName] string test = "")
    {
        if (LabHost.WhyUnavailable() is not { } reason)
            return;
        DisplayName = $"{test} [skipped: {reason}]";
        Skip = reason;
    }
}
