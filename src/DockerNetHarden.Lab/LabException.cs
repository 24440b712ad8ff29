namespace DockerNetHarden.Lab;

/// <summary>Why a lab could not be raised, found or asked. The message tells what to do.</summary>
public sealed class LabException(string message, Exception? inner = null) : Exception(message, inner);
