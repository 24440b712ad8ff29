using System.Reflection;
using System.Text.RegularExpressions;
using DockerNetHarden.Addresses;
using DockerNetHarden.Docker;
using DockerNetHarden.Errors;
using DockerNetHarden.Planning;
using DockerNetHarden.Shells;

namespace DockerNetHarden.Tests;

public sealed class ErrorTests
{
    private static readonly IReadOnlyList<string> Ids = [.. typeof(ErrorIds).GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => (string)field.GetRawConstantValue()!)];

    [Fact]
    public void Ids_are_unique_and_in_Pascal_case()
    {
        Assert.NotEmpty(Ids);
        Assert.Equal(Ids.Count, Ids.Distinct(StringComparer.OrdinalIgnoreCase).Count());
        Assert.All(Ids, id => Assert.Matches("^[A-Z][A-Za-z]+$", id));
    }

    [Fact]
    public void An_id_is_named_as_it_reads() =>
        Assert.All(typeof(ErrorIds).GetFields(BindingFlags.Public | BindingFlags.Static), field => Assert.Equal(field.Name, field.GetRawConstantValue()));

    [Fact]
    public void Every_id_is_used()
    {
        var source = string.Concat(Directory.EnumerateFiles(Path.Combine(ModuleFacts.Root, "src", "DockerNetHarden"), "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.EndsWith("ErrorIds.cs", StringComparison.Ordinal)).Select(File.ReadAllText));
        Assert.All(Ids, id => Assert.Matches($@"ErrorIds\.{id}\b", source));
    }

    [Fact]
    public void Every_failure_of_a_host_has_an_id_of_its_own_and_a_remedy() => Own(Enum.GetValues<HostFailure>().Select(failure => ErrorRecords.Classify(new HostException(failure, "web1", "It did not.", "Do that."))));

    [Fact]
    public void A_failure_carries_its_remedy()
    {
        foreach (var error in new Exception[] { new HostException(HostFailure.Timeout, "web1", "It did not.", "Do that."), new PlanException(PlanFailure.NeedsForce, "It did not.", "Do that."), new DockerException(DockerFailure.Conflict, "It did not.", remedy: "Do that.") })
        {
            Assert.Equal("It did not. Do that.", error.Message);
            Assert.Equal("Do that.", ErrorRecords.Classify(error).Remedy);
        }
    }

    [Fact]
    public void Every_failure_of_Docker_has_an_id_of_its_own_and_a_remedy()
    {
        var failures = Enum.GetValues<DockerFailure>().Select(failure => ErrorRecords.Classify(new DockerException(failure, "It did not.", remedy: "Do that."))).ToList();
        Own(failures);
        Assert.All(failures, failure => Assert.StartsWith("Docker", failure.Id, StringComparison.Ordinal));
    }

    [Fact]
    public void Every_failure_of_a_plan_has_an_id() =>
        Assert.All(Enum.GetValues<PlanFailure>().Select(failure => ErrorRecords.Of(failure)), failure => Assert.Contains(failure.Id, Ids));

    [Theory]
    [InlineData("Source", "InvalidAddress")]
    [InlineData("AllowAddress", "InvalidAddress")]
    [InlineData("AllowPort", "InvalidPort")]
    [InlineData("InInterface", "InvalidInterface")]
    [InlineData("Limit", "InvalidRate")]
    [InlineData("Network", "InvalidName")]
    [InlineData("Provider", "UnknownProvider")]
    [InlineData("Rule", "InvalidRule")]
    public void A_value_that_cannot_be_has_the_id_of_its_kind(string part, string id) =>
        Assert.Equal(id, ErrorRecords.Classify(new RefusedValueException(part, "x", "why.")).Id);

    [Fact]
    public void What_nobody_foresaw_is_said_to_be_our_fault() =>
        Assert.Equal(ErrorIds.Unexpected, ErrorRecords.Classify(new InvalidOperationException("x")).Id);

    private static void Own(IEnumerable<(string Id, System.Management.Automation.ErrorCategory Category, string Remedy)> failures)
    {
        var all = failures.ToList();
        Assert.Equal(all.Count, all.Select(failure => failure.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.All(all, failure => Assert.Contains(failure.Id, Ids));
        Assert.All(all, failure => Assert.True(Regex.IsMatch(failure.Remedy, @"^[A-Z].*\.$"), failure.Remedy));
        Assert.DoesNotContain(all, failure => failure.Category == System.Management.Automation.ErrorCategory.NotSpecified);
    }
}
