using System.Runtime.CompilerServices;
using DockerNetHarden.Lab.Oracle;

namespace DockerNetHarden.Lab.Tests.Oracle;

/// <summary>A test that asks the kernel with packets in namespaces. It needs root and iptables, but no Docker. Elsewhere it is skipped, and its name says why.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OracleFactAttribute : FactAttribute
{
    public OracleFactAttribute([CallerMemberName] string test = "")
    {
        if (KernelOracle.WhyUnavailable() is not { } reason)
            return;
        DisplayName = $"{test} [skipped: {reason}]";
        Skip = reason;
    }
}
