using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace DockerNetHarden.Completion;

/// <summary>What can be asked about in words.</summary>
public sealed class DestinationCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        Completions.Results(Completions.Destinations, wordToComplete);
}
