namespace DockerNetHarden.Addresses;

/// <summary>A rule, or a part of one, that is not possible. The message names the value, the reason and the way out. Nothing has been changed when it is thrown.</summary>
public sealed class RefusedValueException : FormatException
{
    private readonly string _reason;

    /// <summary>A refusal of a value.</summary>
    /// <param name="part">What the value was meant for, for example <c>Destination</c>.</param>
    /// <param name="value">The value as it was given.</param>
    /// <param name="reason">Why it is not possible, and the way out: one or more whole sentences.</param>
    /// <param name="inner">The cause.</param>
    public RefusedValueException(string part, string? value, string reason, Exception? inner = null)
        : base(ShownText.Message($"{part} '{ShownText.Value(value)}' is refused: {reason}"), inner) => (Part, Value, _reason) = (part, value, reason);

    /// <summary>What the value was meant for.</summary>
    public string Part { get; }

    /// <summary>The value as it was given.</summary>
    public string? Value { get; }

    /// <summary>The same refusal, with the place of the value in a larger text.</summary>
    internal RefusedValueException Within(string place) => new(place, Value, _reason, this);
}
