using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace DockerNetHarden.Completion;

/// <summary>The protocols that have a name.</summary>
public sealed class ProtocolCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        Completions.Results(Completions.Protocols, wordToComplete);
}
