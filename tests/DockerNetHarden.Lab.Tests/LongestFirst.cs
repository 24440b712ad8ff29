using Xunit.Abstractions;

[assembly: TestCollectionOrderer("DockerNetHarden.Lab.Tests.LongestFirst", "DockerNetHarden.Lab.Tests")]

namespace DockerNetHarden.Lab.Tests;

/// <summary>The collections that share a lab are the longest by far, and their tests run one by one: started last, they would run on alone. Classes by themselves fill in.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(static collection => collection.CollectionDefinition is null).ThenBy(static collection => collection.DisplayName, StringComparer.Ordinal);
}
