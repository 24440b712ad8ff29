using System.Text.Json;
using DockerNetHarden.Policy;

namespace DockerNetHarden.Core.Tests.Policy;

public sealed class PolicySchemaTests
{
    private static string File { get; } = Path.Combine(DockerNetHarden.Tests.ProjectRoot.Path, "docs", "hardening-policy.schema.json");

    // DNH_ACCEPT_SURFACE=1 writes it again, as it does the public surface.
    [Fact]
    public void The_published_schema_is_the_one_that_the_reader_follows()
    {
        if (Environment.GetEnvironmentVariable("DNH_ACCEPT_SURFACE") is "1")
            System.IO.File.WriteAllText(File, PolicySchema.Text());
        Assert.Equal(PolicySchema.Text(), System.IO.File.ReadAllText(File));
    }

    [Fact]
    public void It_is_a_schema_that_knows_each_control_and_refuses_other_keys()
    {
        using var schema = JsonDocument.Parse(PolicySchema.Text());
        var properties = schema.RootElement.GetProperty("properties");
        var controls = properties.GetProperty("controls").GetProperty("items").GetProperty("oneOf").EnumerateArray().ToList();
        Assert.Equal(["HostAccess", "InternalAccess", "MetadataAccess", "SmtpRate"], controls.Select(control => control.GetProperty("properties").GetProperty("control").GetProperty("const").GetString()));
        Assert.All(controls, control => Assert.False(control.GetProperty("additionalProperties").GetBoolean()));
        Assert.All(controls, control => Assert.All(control.GetProperty("properties").EnumerateObject().Where(property => property.Name is not "control"), property => Assert.NotEqual("", property.Value.GetProperty("description").GetString())));
        Assert.False(properties.GetProperty("networks").GetProperty("items").GetProperty("additionalProperties").GetBoolean());
        Assert.Equal(["name", "profile"], properties.GetProperty("networks").GetProperty("items").GetProperty("required").EnumerateArray().Select(name => name.GetString()));
    }
}
