using System.Collections;

namespace DockerNetHarden.Iptables;

/// <summary>The tokens of a rule: checked once and never changed afterwards, so that rules can share them.</summary>
internal sealed class TokenList : IReadOnlyList<string>
{
    private readonly string[] _tokens;

    /// <summary>Takes ownership of the array; the caller must not keep it.</summary>
    internal TokenList(string[] tokens)
    {
        foreach (var token in tokens)
        {
            if (token is null)
                throw new ArgumentException("A token of a rule is null; leave it out.", nameof(tokens));
            if (SaveTokenizer.LineBreakError(token) is { } error)
                throw new ArgumentException(error, nameof(tokens));
        }
        _tokens = tokens;
    }

    public int Count => _tokens.Length;

    public string this[int index] => _tokens[index];

    public IEnumerator<string> GetEnumerator() => ((IEnumerable<string>)_tokens).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _tokens.GetEnumerator();
}
