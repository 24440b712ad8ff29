using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace DockerNetHarden.Completion;

/// <summary>The chains on which rules can be put.</summary>
public sealed class ChainCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        Completions.Results(Completions.Chains, wordToComplete);
}
