using System.Text;

namespace DockerNetHarden.Tests;

public sealed class PublicSurfaceTests
{
    [Fact]
    public void The_public_surface_is_the_one_that_was_agreed_to()
    {
        var file = Path.Combine(ModuleFacts.Root, "tests", "DockerNetHarden.Tests", "PublicSurface.txt");
        var actual = Surface();
        // For an intended change: DNH_ACCEPT_SURFACE=1 dotnet test, then look at the difference in the commit.
        if (Environment.GetEnvironmentVariable("DNH_ACCEPT_SURFACE") == "1")
            File.WriteAllText(file, actual);
        Assert.Equal(File.ReadAllText(file), actual);
    }

    private static string Surface()
    {
        var text = new StringBuilder();
        foreach (var cmdlet in ModuleFacts.Cmdlets)
        {
            text.Append(cmdlet.Name).Append(" -> ").AppendJoin(", ", cmdlet.OutputTypes.Select(type => type.FullName));
            text.Append(cmdlet.SupportsShouldProcess ? " [ShouldProcess]" : "").Append(cmdlet.DefaultSet is { } set ? $" [{set}]" : "").Append('\n');
            foreach (var parameter in cmdlet.Parameters)
            {
                text.Append("  -").Append(parameter.Name).Append(' ').Append(NameOf(parameter.PropertyType));
                foreach (var data in CmdletFacts.ParameterData(parameter).OrderBy(CmdletFacts.SetOf, StringComparer.Ordinal))
                {
                    text.Append(' ').Append(CmdletFacts.SetOf(data))
                        .Append(CmdletFacts.Named(data, "Mandatory") is true ? "!" : "")
                        .Append(CmdletFacts.Named(data, "Position") is int position ? $" @{position}" : "")
                        .Append(CmdletFacts.Named(data, "ValueFromPipeline") is true ? " pipe" : "")
                        .Append(CmdletFacts.Named(data, "ValueFromPipelineByPropertyName") is true ? " property" : "");
                }
                text.Append('\n');
            }
        }
        var types = ModuleFacts.Module.GetExportedTypes().Where(type => ModuleFacts.Cmdlets.All(cmdlet => cmdlet.Type != type)).OrderBy(type => type.FullName, StringComparer.Ordinal);
        foreach (var type in types)
        {
            text.Append(type.FullName).Append('\n');
            foreach (var property in type.GetProperties(System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Instance | System.Reflection.BindingFlags.DeclaredOnly).OrderBy(property => property.Name, StringComparer.Ordinal))
                text.Append("  ").Append(property.Name).Append(' ').Append(NameOf(property.PropertyType)).Append('\n');
        }
        return text.ToString();
    }

    private static string NameOf(Type type) => Nullable.GetUnderlyingType(type) is { } value ? value.Name + "?"
        : type.IsGenericType ? $"{type.Name[..type.Name.IndexOf('`', StringComparison.Ordinal)]}<{string.Join(", ", type.GetGenericArguments().Select(NameOf))}>"
        : type.Name;
}
