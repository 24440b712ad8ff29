namespace DockerNetHarden.Commands;

/// <summary>A key and its value for the server configuration of Cortex XSOAR, and what to do for it to take effect.</summary>
public sealed record XsoarServerSetting
{
    /// <summary>The key, for example <c>python.pass.extra.keys.demisto/boto3py3</c>.</summary>
    public required string Key { get; init; }

    /// <summary>The value, for example <c>--network=aws-metadata</c>.</summary>
    public required string Value { get; init; }

    /// <summary>What to do with it.</summary>
    public required string NextStep { get; init; }

    public override string ToString() => $"{Key}={Value}";
}
