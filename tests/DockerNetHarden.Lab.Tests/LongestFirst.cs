using Xunit.Abstractions;

[assembly: TestCollectionOrderer("DockerNetHarden.Lab.Tests.LongestFirst", "DockerNetHarden.Lab.Tests")]

namespace DockerNetHarden.Lab.Tests;

/// <summary>Collections that share a lab take by far the longest, and their tests run one by one: started last, they would run on alone. Single classes fill the gaps.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    public IEnumerable<ITestCollection> OrderTestCollections(IEnumerable<ITestCollection> testCollections) =>
        testCollections.OrderBy(static collection => collection.CollectionDefinition is null).ThenBy(static collection => collection.DisplayName, StringComparer.Ordinal);
}
