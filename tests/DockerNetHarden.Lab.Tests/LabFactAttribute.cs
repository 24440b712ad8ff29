using System.ComponentModel;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace DockerNetHarden.Lab.Tests;

/// <summary>
/// A test that needs a real kernel, root and Docker. Elsewhere it is skipped, and its name says why. In a collection of an engine (<see cref="LabCollections"/>) it needs
/// that engine, and its name says which version it ran on.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("DockerNetHarden.Lab.Tests." + nameof(LabFactDiscoverer), "DockerNetHarden.Lab.Tests")]
public sealed class LabFactAttribute : FactAttribute;

/// <summary>The same with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
[XunitTestCaseDiscoverer("DockerNetHarden.Lab.Tests." + nameof(LabTheoryDiscoverer), "DockerNetHarden.Lab.Tests")]
public sealed class LabTheoryAttribute : TheoryAttribute;

public sealed class LabFactDiscoverer(IMessageSink diagnostics) : FactDiscoverer(diagnostics)
{
    protected override IXunitTestCase CreateTestCase(ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute) =>
        new LabTestCase(DiagnosticMessageSink, discoveryOptions, testMethod, null);
}

public sealed class LabTheoryDiscoverer(IMessageSink diagnostics) : TheoryDiscoverer(diagnostics)
{
    protected override IEnumerable<IXunitTestCase> CreateTestCasesForDataRow(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo theoryAttribute, object[] dataRow) =>
        [new LabTestCase(DiagnosticMessageSink, discoveryOptions, testMethod, dataRow)];
}

/// <summary>One such test: skipped for the reason that its class gives, and named after the engine that it runs on.</summary>
public sealed class LabTestCase : XunitTestCase
{
    [EditorBrowsable(EditorBrowsableState.Never)]
    [Obsolete("For xunit, which fills it in.")]
    public LabTestCase()
    {
    }

    public LabTestCase(IMessageSink diagnostics, ITestFrameworkDiscoveryOptions options, ITestMethod method, object[]? data)
        : base(diagnostics, options.MethodDisplayOrDefault(), options.MethodDisplayOptionsOrDefault(), method, data)
    {
    }

    protected override string GetSkipReason(IAttributeInfo factAttribute) => Engine().Reason!;

    protected override string GetDisplayName(IAttributeInfo factAttribute, string displayName)
    {
        var (engine, reason) = Engine();
        var name = base.GetDisplayName(factAttribute, displayName);
        return reason is not null ? $"{name} [skipped: {reason}]" : engine is null ? name : $"{name} [{engine}]";
    }

    private (string? Name, string? Reason) Engine() =>
        TestMethod.TestClass.Class.GetCustomAttributes(typeof(CollectionAttribute)).FirstOrDefault()?.GetConstructorArguments().FirstOrDefault() is string collection
            && LabCollections.Find(collection) is { } found
            ? (found.Describe(), found.WhyUnavailable())
            : (null, LabHost.WhyUnavailable());
}
