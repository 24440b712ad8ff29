using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace DockerNetHarden.Completion;

/// <summary>The controls by which rules are marked.</summary>
public sealed class ControlCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        Completions.Results(Completions.Controls, wordToComplete);
}
