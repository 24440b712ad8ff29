using System.Management.Automation;

namespace DockerNetHarden.Commands;

/// <content>Failures of policy files.</content>
internal sealed partial class CommandFailure
{
    public static CommandFailure UnusablePolicy(string path, Exception error) => error is FormatException
        ? new(ErrorIds.InvalidPolicy, ErrorCategory.InvalidData, $"The policy is refused: {error.Message} Nothing was emitted.", "Mend that line; docs/hardening-policy.schema.json describes the file, and an editor that knows JSON Schema checks it.", path, error)
        : new(ErrorIds.UnreadableFile, ErrorCategory.ReadError, $"The policy '{path}' cannot be read: {error.Message}", "Name a file that exists and that you may read.", path, error);
}
