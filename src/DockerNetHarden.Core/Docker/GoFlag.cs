namespace DockerNetHarden.Docker;

/// <summary>A switch as Go's strconv.ParseBool reads it, which dockerd does with its settings and its driver options.</summary>
internal static class GoFlag
{
    public static bool? Read(string? text) => text switch
    {
        "1" or "t" or "T" or "true" or "TRUE" or "True" => true,
        "0" or "f" or "F" or "false" or "FALSE" or "False" => false,
        _ => null,
    };
}
