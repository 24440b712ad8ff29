namespace DockerNetHarden.Packets;

/// <summary>
/// One dimension: disjoint spans of numbers, each with the layer below it, as an immutable balanced search tree. An operation
/// that touches few of many spans shares all others with its result. Ten thousand rules that each take one address out of a set
/// cost ten thousand short paths, not ten thousand copies.
/// </summary>
/// <remarks>Balanced by height (AVL), built by joining; see Blelloch, Ferizovic, Sun, "Just Join for Parallel Ordered Sets" (2016).</remarks>
internal sealed class Spans<T> : ILayer<Spans<T>>
    where T : class, ILayer<T>
{
    private readonly int _height;

    private Spans(Spans<T>? left, UInt128 first, UInt128 last, T inner, Spans<T>? right)
    {
        (Left, First, Last, Inner, Right) = (left, first, last, inner, right);
        _height = 1 + Math.Max(Height(left), Height(right));
        Count = 1 + (left?.Count ?? 0) + (right?.Count ?? 0);
    }

    /// <summary>The spans below the one at the root.</summary>
    internal Spans<T>? Left { get; }

    /// <summary>The spans above it.</summary>
    internal Spans<T>? Right { get; }

    /// <summary>The first number of the span at the root of this tree.</summary>
    internal UInt128 First { get; }

    /// <summary>Its last number.</summary>
    internal UInt128 Last { get; }

    /// <summary>What is below it.</summary>
    internal T Inner { get; }

    /// <summary>Whether this is the whole dimension with everything below it. Most rules name few dimensions, and the others then cost nothing.</summary>
    internal bool IsEverything { get; private init; }

    /// <summary>How many spans there are.</summary>
    internal int Count { get; }

    /// <summary>The lowest number in it.</summary>
    internal UInt128 Low => Leftmost(this).First;

    /// <summary>The highest number in it.</summary>
    internal UInt128 High => Rightmost(this).Last;

    internal static Spans<T> Of(UInt128 first, UInt128 last, T inner) => new(null, first, last, inner, null);

    /// <summary>A whole dimension over everything below.</summary>
    internal static Spans<T> Everything(UInt128 last, T inner) => new(null, 0, last, inner, null) { IsEverything = true };

    /// <summary>These spans, which may overlap and come in any order, over one inner layer; null if there are none.</summary>
    internal static Spans<T>? Of(IEnumerable<(UInt128 First, UInt128 Last)> spans, T inner)
    {
        var merged = new List<(UInt128 First, UInt128 Last)>();
        foreach (var span in spans.Order())
        {
            // The next number still belongs to the same span; the highest possible number has no next one.
            if (merged.Count > 0 && (span.First <= merged[^1].Last || span.First - merged[^1].Last == 1))
                merged[^1] = (merged[^1].First, UInt128.Max(merged[^1].Last, span.Last));
            else
                merged.Add(span);
        }
        return Build(merged, 0, merged.Count, inner);
    }

    /// <summary>What is below a number; null if the number is not in the set.</summary>
    internal T? Find(UInt128 number)
    {
        var node = this;
        while (node is not null && (number < node.First || number > node.Last))
            node = number < node.First ? node.Left : node.Right;
        return node?.Inner;
    }

    /// <summary>All spans in order. Each is a tree in name only: First, Last and Inner count.</summary>
    internal IEnumerable<Spans<T>> InOrder()
    {
        var waiting = new Stack<Spans<T>>();
        var node = this;
        while (node is not null || waiting.Count > 0)
        {
            for (; node is not null; node = node.Left)
                waiting.Push(node);
            node = waiting.Pop();
            yield return node;
            node = node.Right;
        }
    }

    /// <summary>Writes all spans in order, and returns how many there are.</summary>
    internal int CopyTo(Span<(UInt128 First, UInt128 Last)> spans)
    {
        var before = Left?.CopyTo(spans) ?? 0;
        spans[before] = (First, Last);
        return before + 1 + (Right?.CopyTo(spans[(before + 1)..]) ?? 0);
    }

    /// <summary>What lies between two numbers, moved so that the first of them becomes another; null if nothing does.</summary>
    internal Spans<T>? Moved((UInt128 First, UInt128 Last) within, UInt128 to)
    {
        Spans<T>? result = null;
        foreach (var span in InOrder())
        {
            var (first, last) = (UInt128.Max(span.First, within.First), UInt128.Min(span.Last, within.Last));
            if (first <= last)
                result = Glue(result, Of(first - within.First + to, last - within.First + to, span.Inner));
        }
        return result;
    }

    /// <summary>The same spans with something else below each; a span whose layer becomes null is removed.</summary>
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

    public Spans<T>? Intersect(Spans<T> other) => other.IsEverything ? this
        : IsEverything ? other
        : Count >= other.Count ? SpanAlgebra.Intersect(this, other)
        : SpanAlgebra.Intersect(other, this);

    public Spans<T>? Subtract(Spans<T> other) => other.IsEverything ? null : SpanAlgebra.Subtract(this, other);

    public Spans<T> Union(Spans<T> other) => (Count >= other.Count ? SpanAlgebra.Union(this, other) : SpanAlgebra.Union(other, this))!;

    public bool IsSame(Spans<T> other)
    {
        // Deep comparison is only worthwhile for the small branches that are compared all the time.
        const int Worthwhile = 8;
        if (ReferenceEquals(this, other))
            return true;
        if (Count != other.Count || Count > Worthwhile)
            return false;
        for (var place = 0; place < Count; place++)
        {
            var (mine, theirs) = (At(place), other.At(place));
            if (mine.First != theirs.First || mine.Last != theirs.Last || !mine.Inner.IsSame(theirs.Inner))
                return false;
        }
        return true;
    }

    private Spans<T> At(int place)
    {
        var node = this;
        for (var before = Left?.Count ?? 0; place != before; before = node.Left?.Count ?? 0)
            (node, place) = place < before ? (node.Left!, place) : (node.Right!, place - before - 1);
        return node;
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
        while (tree.Left is not null)
            tree = tree.Left;
        return tree;
    }

    private static Spans<T> Rightmost(Spans<T> tree)
    {
        while (tree.Right is not null)
            tree = tree.Right;
        return tree;
    }

    internal static Spans<T> Join(Spans<T>? left, UInt128 first, UInt128 last, T inner, Spans<T>? right)
    {
        if (Height(left) > Height(right) + 1)
            return Balance(left!.Left, left, Join(left.Right, first, last, inner, right));
        if (Height(right) > Height(left) + 1)
            return Balance(Join(left, first, last, inner, right!.Left), right, right.Right);
        return new Spans<T>(left, first, last, inner, right);
    }

    // The two differ by at most two levels: one or two rotations balance them.
    private static Spans<T> Balance(Spans<T>? left, Spans<T> root, Spans<T>? right)
    {
        if (Height(left) > Height(right) + 1)
        {
            return Height(left!.Left) >= Height(left.Right)
                ? With(left.Left, left, With(left.Right, root, right))
                : With(With(left.Left, left, left.Right!.Left), left.Right, With(left.Right.Right, root, right));
        }
        if (Height(right) > Height(left) + 1)
        {
            return Height(right!.Right) >= Height(right.Left)
                ? With(With(left, root, right.Left), right, right.Right)
                : With(With(left, root, right.Left!.Left), right.Left, With(right.Left.Right, right, right.Right));
        }
        return With(left, root, right);
    }

    private static Spans<T> With(Spans<T>? left, Spans<T> root, Spans<T>? right) =>
        ReferenceEquals(left, root.Left) && ReferenceEquals(right, root.Right)
            ? root
            : new Spans<T>(left, root.First, root.Last, root.Inner, right);

    internal static Spans<T> Join(Spans<T>? left, Spans<T> root, Spans<T>? right) =>
        ReferenceEquals(left, root.Left) && ReferenceEquals(right, root.Right) ? root : Join(left, root.First, root.Last, root.Inner, right);

    // The span is between left and right. Most touch no other that they could become one with.
    internal static Spans<T> Glue(Spans<T>? left, UInt128 first, UInt128 last, T inner, Spans<T>? right)
    {
        var isApart = (left is null || Rightmost(left) is var below && (first - below.Last != 1 || !below.Inner.IsSame(inner)))
            && (right is null || Leftmost(right) is var above && (above.First - last != 1 || !inner.IsSame(above.Inner)));
        return isApart ? Join(left, first, last, inner, right) : Glue(Glue(left, Of(first, last, inner)), right)!;
    }

    // All of left is below all of right. Adjacent spans with the same layer below become one.
    internal static Spans<T>? Glue(Spans<T>? left, Spans<T>? right)
    {
        if (left is null || right is null)
            return left ?? right;
        var (end, start) = (Rightmost(left), Leftmost(right));
        if (start.First - end.Last == 1 && end.Inner.IsSame(start.Inner))
            return Join(WithoutRightmost(left), end.First, start.Last, end.Inner, WithoutLeftmost(right));
        return Join(left, start.First, start.Last, start.Inner, WithoutLeftmost(right));
    }

    private static Spans<T>? WithoutLeftmost(Spans<T> tree) =>
        tree.Left is null ? tree.Right : Join(WithoutLeftmost(tree.Left), tree, tree.Right);

    private static Spans<T>? WithoutRightmost(Spans<T> tree) =>
        tree.Right is null ? tree.Left : Join(tree.Left, tree, WithoutRightmost(tree.Right));
}
