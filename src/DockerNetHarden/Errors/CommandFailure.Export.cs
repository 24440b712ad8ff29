using System.Management.Automation;

namespace DockerNetHarden.Commands;

/// <content>Failures of what is written for other engines.</content>
internal sealed partial class CommandFailure
{
    public static CommandFailure ExportNeedsHost(string operand) => new(
        ErrorIds.ExportNeedsHost, ErrorCategory.ObjectNotFound,
        $"The rules name '{operand}', which means something on a host only, and this machine could not be read or has no such thing. Nothing was written.",
        "Give -HostName or -Snapshot for the host that is meant; or bind the rules to a network with a fixed bridge name, as New-HardenedDockerNetwork makes them.", operand);

    public static CommandFailure InvalidImage(string image) => new(
        ErrorIds.InvalidImage, ErrorCategory.InvalidArgument,
        $"'{image}' is no image's name as Cortex XSOAR's keys take it: letters, digits and '.', '_', '-', '/', without a tag.",
        "Write the name without what follows the colon: demisto/boto3py3.", image);

    public static CommandFailure InvalidXsoarValue(string part, string value, string reason) => new(
        ErrorIds.InvalidArgument, ErrorCategory.InvalidArgument, $"-{part} '{value}' cannot stand in a server key: {reason}", "Correct the value.", value);
}
