using System.Diagnostics;
using System.Management.Automation;
using DockerNetHarden.Completion;
using DockerNetHarden.Rules;

namespace DockerNetHarden.Tests;

public sealed class CompletionTests
{
    // As parameters use them.
    public static TheoryData<Type> Completers =>
        [.. ModuleFacts.Module.GetTypes().SelectMany(type => type.GetProperties()).SelectMany(property => property.GetCustomAttributesData())
            .Where(data => data.AttributeType == typeof(ArgumentCompleterAttribute)).Select(data => (Type)data.ConstructorArguments[0].Value!).Distinct()];

    [Fact]
    public void Every_kind_of_words_completes_a_parameter() =>
        Assert.Equal(ModuleFacts.Module.GetTypes().Count(type => type.IsClass && typeof(IWords).IsAssignableFrom(type)), Completers.Cast<object>().Count());

    [Theory]
    [MemberData(nameof(Completers))]
    public void A_completer_throws_at_nothing_and_answers_at_once(Type type)
    {
        var completer = (IArgumentCompleter)Activator.CreateInstance(type)!;
        foreach (var typed in new[] { "", "a", "'", "\"", "[", "*", "'it''s", "$(reboot)", "\0", new string('x', 10_000), null! })
        {
            var clock = Stopwatch.StartNew();
            Assert.NotNull(completer.CompleteArgument(null!, null!, typed, null!, null!).ToList());
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{type.Name} took {clock.Elapsed}");
        }
    }

    [Fact]
    public void Whatever_goes_wrong_while_words_are_sought_there_are_none() =>
        Assert.Empty(Completions.Results(() => throw new InvalidOperationException("Docker hangs"), "w"));

    [Fact]
    public void Words_are_chosen_by_their_beginning_whatever_the_case_and_the_quotes()
    {
        IReadOnlyList<(string, string)> words = [("web", "a"), ("Web2", "b"), ("apps", "c")];
        Assert.Equal(2, Completions.Results(() => words, "'WE").Count());
        Assert.Equal(3, Completions.Results(() => words, null).Count());
    }

    [Theory]
    [InlineData("web_1.a-b", true)]
    [InlineData("two words", false)]
    [InlineData("$(reboot)", false)]
    [InlineData("-All", false)]
    [InlineData("a;b", false)]
    public void Only_a_plain_word_is_completed_without_quotes(string name, bool plain) =>
        Assert.Equal(plain, Completions.Quoted(name) == name);

    [Fact]
    public void Every_provider_is_offered_with_its_addresses()
    {
        var providers = Completions.Providers();
        Assert.Contains(providers, provider => provider.Text == "aws" && provider.Tip.Contains("169.254.169.254", StringComparison.Ordinal));
        Assert.All(providers, provider => Assert.Contains(':', provider.Tip));
    }

    [Fact]
    public void Every_control_is_offered() => Assert.Equal(RuleMark.Controls, Completions.Controls().Select(control => control.Text));

    [Fact]
    public void Chains_are_offered_once_with_their_tables()
    {
        Assert.Equal("Table filter, mangle", Completions.Chains().Single(chain => chain.Text == "INPUT").Tip);
        Assert.Contains(Completions.Chains(), chain => chain.Text == "DOCKER-USER");
    }
}
