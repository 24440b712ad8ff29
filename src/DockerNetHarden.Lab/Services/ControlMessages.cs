using System.Text.Json.Serialization;

namespace DockerNetHarden.Lab.Services;

// One line of JSON in each direction over the control socket.
internal sealed record ControlRequest(string Operation, string? Namespace = null, string? Name = null, string? Address = null, int Port = 0, ServiceKind Kind = ServiceKind.Http);

internal sealed record ControlReply(string? Error, IReadOnlyDictionary<string, ServiceCount>? Counts = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, UseStringEnumConverter = true)]
[JsonSerializable(typeof(ControlRequest))]
[JsonSerializable(typeof(ControlReply))]
internal sealed partial class ControlJson : JsonSerializerContext;
