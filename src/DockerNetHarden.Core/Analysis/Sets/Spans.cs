namespace DockerNetHarden.Analysis.Sets;

/// <summary>
/// One dimension: disjoint spans of numbers, each with the layer below it, as a balanced search tree that is never changed: an operation
/// that touches few spans of many shares all others with its result. Ten thousand rules that each take one address out of a set
/// cost ten thousand short paths, not ten thousand copies.
/// </summary>
/// <remarks>Balanced by height (AVL), built by joining; see Blelloch, Ferizovic, Sun, "Just Join for Parallel Ordered Sets" (2016).</remarks>
internal sealed partial class Spans<T> : ILayer<Spans<T>>
    where T : class, ILayer<T>
{
    private readonly Spans<T>? _left;
    private readonly Spans<T>? _right;
    private readonly int _height;

    private Spans(Spans<T>? left, UInt128 first, UInt128 last, T inner, Spans<T>? right)
    {
        (_left, First, Last, Inner, _right) = (left, first, last, inner, right);
        _height = 1 + Math.Max(Height(left), Height(right));
        Count = 1 + (left?.Count ?? 0) + (right?.Count ?? 0);
    }

    /// <summary>The first number of the span at the root of this tree.</summary>
    internal UInt128 First { get; }

    /// <summary>Its last number.</summary>
    internal UInt128 Last { get; }

    /// <summary>What is below it.</summary>
    internal T Inner { get; }

    /// <summary>How many spans there are.</summary>
    internal int Count { get; }

    /// <summary>The lowest number of all.</summary>
    internal UInt128 Low => Leftmost(this).First;

    /// <summary>The highest number of all.</summary>
    internal UInt128 High => Rightmost(this).Last;

    internal static Spans<T> Of(UInt128 first, UInt128 last, T inner) => new(null, first, last, inner, null);

    /// <summary>These spans, which may overlap and come in any order, over one inner layer; null where there are none.</summary>
    internal static Spans<T>? Of(IEnumerable<(UInt128 First, UInt128 Last)> spans, T inner)
    {
        var merged = new List<(UInt128 First, UInt128 Last)>();
        foreach (var span in spans.Order())
        {
            // One number further on is still the same span; the highest number of all has none after it.
            if (merged.Count > 0 && (span.First <= merged[^1].Last || span.First - merged[^1].Last == 1))
                merged[^1] = (merged[^1].First, UInt128.Max(merged[^1].Last, span.Last));
            else
                merged.Add(span);
        }
        return Build(merged, 0, merged.Count, inner);
    }

    /// <summary>What is below a number; null where it is not in the set.</summary>
    internal T? Find(UInt128 number)
    {
        var node = this;
        while (node is not null && (number < node.First || number > node.Last))
            node = number < node.First ? node._left : node._right;
        return node?.Inner;
    }

    /// <summary>All spans in order, each as a tree of its own in name only: First, Last and Inner count.</summary>
    internal IEnumerable<Spans<T>> InOrder()
    {
        var waiting = new Stack<Spans<T>>();
        var node = this;
        while (node is not null || waiting.Count > 0)
        {
            for (; node is not null; node = node._left)
                waiting.Push(node);
            node = waiting.Pop();
            yield return node;
            node = node._right;
        }
    }

    /// <summary>The same spans with something else below each; a span whose layer becomes null goes.</summary>
    internal Spans<T>? Select(Func<T, T?> change)
    {
        Spans<T>? result = null;
        foreach (var span in InOrder())
        {
            if (change(span.Inner) is { } inner)
                result = Glue(result, Of(span.First, span.Last, inner));
        }
        return result;
    }

    public bool IsSame(Spans<T> other)
    {
        // Deep comparison is only worth while for the small branches that are compared all the time.
        const int Worthwhile = 8;
        if (ReferenceEquals(this, other))
            return true;
        return Count == other.Count && Count <= Worthwhile
            && InOrder().Zip(other.InOrder()).All(static pair =>
                pair.First.First == pair.Second.First && pair.First.Last == pair.Second.Last && pair.First.Inner.IsSame(pair.Second.Inner));
    }

    private static Spans<T>? Build(List<(UInt128 First, UInt128 Last)> spans, int start, int end, T inner)
    {
        if (start == end)
            return null;
        var middle = (start + end) / 2;
        return new Spans<T>(Build(spans, start, middle, inner), spans[middle].First, spans[middle].Last, inner, Build(spans, middle + 1, end, inner));
    }

    private static int Height(Spans<T>? tree) => tree?._height ?? 0;

    private static Spans<T> Leftmost(Spans<T> tree)
    {
        while (tree._left is not null)
            tree = tree._left;
        return tree;
    }

    private static Spans<T> Rightmost(Spans<T> tree)
    {
        while (tree._right is not null)
            tree = tree._right;
        return tree;
    }

    private static Spans<T> Join(Spans<T>? left, UInt128 first, UInt128 last, T inner, Spans<T>? right)
    {
        if (Height(left) > Height(right) + 1)
            return Balance(left!._left, left, Join(left._right, first, last, inner, right));
        if (Height(right) > Height(left) + 1)
            return Balance(Join(left, first, last, inner, right!._left), right, right._right);
        return new Spans<T>(left, first, last, inner, right);
    }

    // The two differ by at most two levels: one rotation, or two, make it one.
    private static Spans<T> Balance(Spans<T>? left, Spans<T> root, Spans<T>? right)
    {
        if (Height(left) > Height(right) + 1)
        {
            return Height(left!._left) >= Height(left._right)
                ? With(left._left, left, With(left._right, root, right))
                : With(With(left._left, left, left._right!._left), left._right, With(left._right._right, root, right));
        }
        if (Height(right) > Height(left) + 1)
        {
            return Height(right!._right) >= Height(right._left)
                ? With(With(left, root, right._left), right, right._right)
                : With(With(left, root, right._left!._left), right._left, With(right._left._right, right, right._right));
        }
        return With(left, root, right);
    }

    private static Spans<T> With(Spans<T>? left, Spans<T> root, Spans<T>? right) =>
        ReferenceEquals(left, root._left) && ReferenceEquals(right, root._right)
            ? root
            : new Spans<T>(left, root.First, root.Last, root.Inner, right);

    private static Spans<T> Join(Spans<T>? left, Spans<T> root, Spans<T>? right) =>
        ReferenceEquals(left, root._left) && ReferenceEquals(right, root._right) ? root : Join(left, root.First, root.Last, root.Inner, right);

    // All of left is below all of right. Spans that touch and have the same below them become one.
    private static Spans<T>? Glue(Spans<T>? left, Spans<T>? right)
    {
        if (left is null || right is null)
            return left ?? right;
        var (end, start) = (Rightmost(left), Leftmost(right));
        if (start.First - end.Last == 1 && end.Inner.IsSame(start.Inner))
            return Join(WithoutRightmost(left), end.First, start.Last, end.Inner, WithoutLeftmost(right));
        return Join(left, start.First, start.Last, start.Inner, WithoutLeftmost(right));
    }

    private static Spans<T>? WithoutLeftmost(Spans<T> tree) =>
        tree._left is null ? tree._right : Join(WithoutLeftmost(tree._left), tree, tree._right);

    private static Spans<T>? WithoutRightmost(Spans<T> tree) =>
        tree._right is null ? tree._left : Join(tree._left, tree, WithoutRightmost(tree._right));
}
