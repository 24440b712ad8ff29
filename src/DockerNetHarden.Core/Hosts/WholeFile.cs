namespace DockerNetHarden.Hosts;

/// <summary>Writes files of this machine that are there whole or not at all.</summary>
public static class WholeFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a file that only its owner can read: what it shows of a host's firewall concerns nobody else.</summary>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="content">The content.</param>
    /// <param name="overwrite">Whether an existing file is replaced.</param>
    /// <param name="stop">Ends writing; nothing is left behind then.</param>
    /// <exception cref="IOException">The file exists and <paramref name="overwrite"/> is false, or it could not be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be written.</exception>
    public static async Task WriteAsync(string path, ReadOnlyMemory<byte> content, bool overwrite, CancellationToken stop)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        // In the same folder, so that a rename puts it into place.
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
