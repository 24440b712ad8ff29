using System.Globalization;
using System.Text;

namespace DockerNetHarden.Nftables;

/// <summary>
/// What has to be said to <c>nft -f</c> so that our table becomes what it is to be: one transaction over all hooks and both families. A line that stays is not touched, so it keeps its counter, and the
/// objects that it names keep their state; a line that moves takes its counter along. Lines that somebody else put into our chains stay.
/// </summary>
internal sealed class NftDiff
{
    private const string Table = NftRenderer.Table;

    private readonly NftRead _was;
    private readonly NftModel _will;
    private readonly StringBuilder _text = new();
    private readonly List<string> _removals = [];
    private readonly HashSet<string> _kept = new(StringComparer.Ordinal);

    private NftDiff(NftRead was, NftModel will) => (_was, _will) = (was, will);

    /// <summary>The text; null if nothing has to change.</summary>
    /// <param name="was">The table as it is.</param>
    /// <param name="will">The table as it is to be.</param>
    public static string? Of(NftRead was, NftModel will)
    {
        if (will.IsEmpty && was.Exists && was.Foreign.Count == 0 && !was.Model.Chains.Any(chain => chain.Lines.Any(IsForeign)))
            return $"delete table {Table}\n";
        if (will.IsEmpty && !was.Exists)
            return null;
        return new NftDiff(was, will).Write();
    }

    // Somebody else's line: it has no comment of ours.
    internal static bool IsForeign(NftLine line) => !line.IsKnown && line.Comment?.StartsWith(Rules.RuleMark.Owner, StringComparison.Ordinal) != true;

    private string? Write()
    {
        // A table that exists after all makes "create" fail, and with it everything.
        if (!_was.Exists)
            _text.Append(CultureInfo.InvariantCulture, $"create table {Table}\n");
        foreach (var item in _will.Objects)
            Object(item, _was.Model.Objects.FirstOrDefault(each => each.Name == item.Name));
        var before = _was.Model.Chains.ToDictionary(chain => chain.Name, StringComparer.Ordinal);
        foreach (var chain in _will.Chains)
        {
            if (before.Remove(chain.Name, out var there) && there.Head == chain.Head)
                Lines(chain.Name, there.Lines, chain.Lines);
            else
                New(chain, there);
        }
        foreach (var chain in before.Values)
            Gone(chain);
        foreach (var removal in _removals)
            _text.Append(removal);
        foreach (var item in _was.Model.Objects.Where(item => !_will.Objects.Any(each => each.Name == item.Name) && !_kept.Contains(item.Name)))
            _text.Append(CultureInfo.InvariantCulture, $"delete {item.Kind} {Table} {item.Name}\n");
        return _text.Length == 0 ? null : _text.ToString();
    }

    private void Object(NftObject will, NftObject? was)
    {
        if (was is null || was.Body != will.Body)
            // Its name is made of what it is, so another body is somebody's change; nft refuses to change it in place, and says so.
            _text.Append(CultureInfo.InvariantCulture, $"add {will.Kind} {Table} {will.Name} {will.Definition}\n");
        else if (!was.IsSameAs(will))
            _text.Append(CultureInfo.InvariantCulture, $"flush set {Table} {will.Name}\nadd element {Table} {will.Name} {{ {string.Join(", ", will.Elements!)} }}\n");
    }

    private void New(NftChainModel chain, NftChainModel? there)
    {
        if (there is not null)
            _text.Append(CultureInfo.InvariantCulture, $"flush chain {Table} {chain.Name}\ndelete chain {Table} {chain.Name}\n");
        _text.Append(CultureInfo.InvariantCulture, $"add chain {Table} {chain.Name}{(chain.Head is null ? "" : $" {{ {chain.Head} }}")}\n");
        foreach (var line in chain.Lines)
            _text.Append(CultureInfo.InvariantCulture, $"add rule {Table} {chain.Name} {line.Text}\n");
    }

    // Jumps go before the chains that they lead to, and these before what their rules use.
    private void Gone(NftChainModel chain)
    {
        var foreign = chain.Lines.Where(IsForeign).ToList();
        if (foreign.Count == 0)
        {
            _text.Append(CultureInfo.InvariantCulture, $"flush chain {Table} {chain.Name}\n");
            _removals.Add($"delete chain {Table} {chain.Name}\n");
            return;
        }
        foreach (var line in chain.Lines.Except(foreign))
            Delete(chain.Name, line);
        foreach (var item in _was.Model.Objects.Where(item => foreign.Exists(line => line.Match.Contains(item.Name, StringComparison.Ordinal))))
            _kept.Add(item.Name);
    }

    private void Lines(string chain, IReadOnlyList<NftLine> was, IReadOnlyList<NftLine> will)
    {
        // What this module did not write stays in its place unless it is no longer wanted.
        var unknown = will.Where(line => !line.IsKnown).Select(line => line.Handle).ToHashSet();
        foreach (var line in was.Where(line => !line.IsKnown && !IsForeign(line) && !unknown.Contains(line.Handle)))
            Delete(chain, line);
        var old = was.Where(line => line.IsKnown).ToList();
        var made = will.Where(line => line.IsKnown).ToList();
        var kept = Common(old, made);
        var staying = kept.Values.Select(line => line.Handle).ToHashSet();
        var going = old.Where(line => !staying.Contains(line.Handle)).ToList();
        var counted = going.GroupBy(line => line.Key, StringComparer.Ordinal).ToDictionary(same => same.Key, same => new Queue<NftLine>(same), StringComparer.Ordinal);
        foreach (var line in going)
            Delete(chain, line);
        var next = new NftLine?[made.Count + 1];
        for (var i = made.Count - 1; i >= 0; i--)
            next[i] = kept.GetValueOrDefault(i) ?? next[i + 1];
        for (var i = 0; i < made.Count; i++)
        {
            if (kept.ContainsKey(i))
                continue;
            var moved = counted.TryGetValue(made[i].Key, out var same) && same.TryDequeue(out var line) ? line : null;
            var text = (moved is null ? made[i] : made[i] with { Packets = moved.Packets, Bytes = moved.Bytes }).Text;
            // Before the next line that stays; each new one comes directly before it, so they keep their order.
            _text.Append(next[i] is { } stays
                ? string.Create(CultureInfo.InvariantCulture, $"insert rule {Table} {chain} handle {stays.Handle} {text}\n")
                : string.Create(CultureInfo.InvariantCulture, $"add rule {Table} {chain} {text}\n"));
        }
    }

    private void Delete(string chain, NftLine line) => _text.Append(CultureInfo.InvariantCulture, $"delete rule {Table} {chain} handle {line.Handle}\n");

    // The longest run of lines that both have in the same order, by their place in the new chain. Only the part between equal beginnings and ends is searched: chains are long and changes small.
    private static Dictionary<int, NftLine> Common(List<NftLine> old, List<NftLine> made)
    {
        var kept = new Dictionary<int, NftLine>();
        List<string> from = old.ConvertAll(line => line.Key), to = made.ConvertAll(line => line.Key);
        var first = 0;
        for (; first < from.Count && first < to.Count && from[first] == to[first]; first++)
            kept[first] = old[first];
        var (lastFrom, lastTo) = (from.Count, to.Count);
        for (; lastFrom > first && lastTo > first && from[lastFrom - 1] == to[lastTo - 1]; lastFrom--, lastTo--)
            kept[lastTo - 1] = old[lastFrom - 1];
        var (rows, columns) = (lastFrom - first, lastTo - first);
        // A change of a large part of a long chain is written anew rather than compared for a long time.
        if ((long)rows * columns > 4_000_000)
            return kept;
        var lengths = new int[rows + 1, columns + 1];
        for (var i = rows - 1; i >= 0; i--)
        {
            for (var j = columns - 1; j >= 0; j--)
                lengths[i, j] = from[first + i] == to[first + j] ? lengths[i + 1, j + 1] + 1 : Math.Max(lengths[i + 1, j], lengths[i, j + 1]);
        }
        for (int i = 0, j = 0; i < rows && j < columns;)
        {
            if (from[first + i] == to[first + j])
                (kept[first + j], i, j) = (old[first + i], i + 1, j + 1);
            else if (lengths[i + 1, j] >= lengths[i, j + 1])
                i++;
            else
                j++;
        }
        return kept;
    }
}
