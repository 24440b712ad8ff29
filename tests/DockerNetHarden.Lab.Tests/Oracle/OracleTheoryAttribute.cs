using System.Runtime.CompilerServices;
using DockerNetHarden.Lab.Oracle;

namespace DockerNetHarden.Lab.Tests.Oracle;

/// <summary>A theory that asks the kernel with packets in namespaces; see <see cref="OracleFactAttribute"/>.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class OracleTheoryAttribute : TheoryAttribute
{
    public OracleTheoryAttribute([CallerMemberName] string test = "")
    {
        if (KernelOracle.WhyUnavailable() is not { } reason)
            return;
        DisplayName = $"{test} [skipped: {reason}]";
        Skip = reason;
    }
}
