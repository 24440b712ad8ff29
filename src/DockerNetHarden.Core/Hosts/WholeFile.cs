namespace DockerNetHarden.Hosts;

/// <summary>Writes files of this machine that are there whole or not at all.</summary>
public static class WholeFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a file, readable for its owner alone: what it tells of a host's firewall is nobody else's business.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="content">What is to be in it.</param>
    /// <param name="overwrite">Whether a file that is there already is replaced.</param>
    /// <param name="stop">Ends writing; nothing is left behind then.</param>
    /// <exception cref="IOException">The file exists and <paramref name="overwrite"/> is false, or it could not be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> content, bool overwrite, CancellationToken stop)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        // Beside it, so that putting it into place is a rename.
        var beside = $"{path}.{Guid.NewGuid():N}.tmp";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        try
        {
            var file = new FileStream(beside, options);
            await using (file.ConfigureAwait(false))
                await file.WriteAsync(content, stop).ConfigureAwait(false);
            File.Move(beside, path, overwrite);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }
    }
}
