using System.Management.Automation;
using DockerNetHarden.Errors;

namespace DockerNetHarden.Hosting;

/// <summary>Lets texts of the pipeline name hosts, but not objects as text: a row that names no host is refused, and the error says which column it lacks.</summary>
/// <param name="others">Properties that the command takes in place of a host's name.</param>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class HostNamesAttribute(params string[] others) : ArgumentTransformationAttribute
{
    public override object? Transform(EngineIntrinsics engineIntrinsics, object? inputData)
    {
        if (inputData is not PSObject { BaseObject: not string } item)
            return inputData;
        // PowerShell takes a failed cast as "not this way", and binds the property instead. A row with another name for its host's column would go to this machine.
        if (item.Properties["HostName"] is not null || (Array.Exists(others, Has) && !NamedHost.Alike.Any(Has)))
            throw new ArgumentTransformationMetadataException("The object is not a host's name.", new PSInvalidCastException());
        return CommandFailure.MissingColumn(item) is { } missing ? throw new ArgumentTransformationMetadataException($"{missing.Message} {missing.Remedy}") : inputData;

        bool Has(string property) => item.Properties[property] is not null;
    }
}
