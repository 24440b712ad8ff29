using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace DockerNetHarden.Completion;

/// <summary>The clouds whose metadata endpoints are known.</summary>
public sealed class ProviderCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        Completions.Results(Completions.Providers, wordToComplete);
}
