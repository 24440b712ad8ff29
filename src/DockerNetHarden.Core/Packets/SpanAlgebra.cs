namespace DockerNetHarden.Packets;

/// <summary>Intersection, difference and union of two dimensions.</summary>
internal static class SpanAlgebra
{
    // So many spans are taken away or added one by one: each copies one path, and none splits the tree.
    private const int Few = 4;

    // Each span of the smaller one finds its place in the larger one, which is not split: a rule with one span costs one path.
    internal static Spans<T>? Intersect<T>(Spans<T>? large, Spans<T>? small)
        where T : class, ILayer<T>
    {
        if (large is null || small is null)
            return null;
        if (ReferenceEquals(large, small))
            return large;
        var middle = Each(Between(large, small.First, small.Last), small.Inner, subtract: false);
        return Spans<T>.Glue(Spans<T>.Glue(Intersect(large, small.Left), middle), Intersect(large, small.Right));
    }

    internal static Spans<T>? Subtract<T>(Spans<T>? from, Spans<T>? taken)
        where T : class, ILayer<T>
    {
        if (from is null || taken is null)
            return from;
        if (ReferenceEquals(from, taken))
            return null;
        if (taken is { Left: null, Right: null })
            return Without(from, taken);
        if (taken.Count > Few)
            return SubtractAll(from, taken);
        var rest = from;
        foreach (var span in taken.InOrder())
            rest = rest is null ? null : Without(rest, span is { Left: null, Right: null } ? span : Spans<T>.Of(span.First, span.Last, span.Inner));
        return rest;
    }

    // The usual case, a rule that names one span within another: copy one path, and split no tree.
    private static Spans<T>? Without<T>(Spans<T> from, Spans<T> taken)
        where T : class, ILayer<T>
    {
        if (taken.Last < from.First)
            return from.Left is { } left ? Spans<T>.Join(Without(left, taken), from, from.Right) : from;
        if (taken.First > from.Last)
            return from.Right is { } right ? Spans<T>.Join(from.Left, from, Without(right, taken)) : from;
        if (taken.First < from.First || taken.Last > from.Last)
            return SubtractAll(from, taken);
        var inner = from.Inner.Subtract(taken.Inner);
        if (ReferenceEquals(inner, from.Inner))
            return from;
        var before = taken.First > from.First ? Spans<T>.Join(from.Left, from.First, taken.First - 1, from.Inner, null) : from.Left;
        var after = taken.Last < from.Last ? Spans<T>.Join(null, taken.Last + 1, from.Last, from.Inner, from.Right) : from.Right;
        return inner is null ? Spans<T>.Glue(before, after) : Spans<T>.Glue(Spans<T>.Glue(before, Spans<T>.Of(taken.First, taken.Last, inner)), after);
    }

    private static Spans<T>? SubtractAll<T>(Spans<T> from, Spans<T> taken)
        where T : class, ILayer<T>
    {
        var touched = Between(from, taken.First, taken.Last);
        var middle = Each(touched, taken.Inner, subtract: true);
        if (ReferenceEquals(middle, touched) && taken is { Left: null, Right: null })
            return from;
        var left = Subtract(Before(from, taken.First), taken.Left);
        var right = Subtract(After(from, taken.Last), taken.Right);
        return Spans<T>.Glue(Spans<T>.Glue(left, middle), right);
    }

    internal static Spans<T>? Union<T>(Spans<T>? large, Spans<T>? small)
        where T : class, ILayer<T>
    {
        if (large is null || small is null)
            return large ?? small;
        if (ReferenceEquals(large, small))
            return large;
        if (small.Count <= Few)
        {
            var all = large;
            foreach (var span in small.InOrder())
                all = HasRoom(all, span) ? Insert(all, span) : Overlaid(all, Spans<T>.Of(span.First, span.Last, span.Inner));
            return all;
        }
        return Overlaid(large, small);
    }

    private static Spans<T> Overlaid<T>(Spans<T> large, Spans<T> small)
        where T : class, ILayer<T>
    {
        var left = Union(Before(large, small.First), small.Left);
        var right = Union(After(large, small.Last), small.Right);
        return Spans<T>.Glue(Spans<T>.Glue(left, Overlay(Between(large, small.First, small.Last), small)), right)!;
    }

    // Whether a span neither meets another nor touches one that it would become one with.
    private static bool HasRoom<T>(Spans<T> tree, Spans<T> span)
        where T : class, ILayer<T>
    {
        Spans<T>? below = null, above = null;
        for (var node = tree; node is not null;)
        {
            if (span.Last < node.First)
                (above, node) = (node, node.Left);
            else if (span.First > node.Last)
                (below, node) = (node, node.Right);
            else
                return false;
        }
        return !(below is not null && span.First - below.Last == 1 && below.Inner.IsSame(span.Inner)) && !(above is not null && above.First - span.Last == 1 && span.Inner.IsSame(above.Inner));
    }

    private static Spans<T> Insert<T>(Spans<T>? tree, Spans<T> span)
        where T : class, ILayer<T> => tree is null ? Spans<T>.Of(span.First, span.Last, span.Inner)
        : span.Last < tree.First ? Spans<T>.Join(Insert(tree.Left, span), tree, tree.Right)
        : Spans<T>.Join(tree.Left, tree, Insert(tree.Right, span));

    // Within the span of `added`: what is there becomes the union of both, and the gaps are filled with what is added.
    private static Spans<T>? Overlay<T>(Spans<T>? there, Spans<T> added)
        where T : class, ILayer<T>
    {
        var (next, done) = (added.First, false);
        Spans<T>? result = null;
        if (there is not null)
        {
            foreach (var span in there.InOrder())
            {
                if (span.First > next)
                    result = Spans<T>.Glue(result, Spans<T>.Of(next, span.First - 1, added.Inner));
                result = Spans<T>.Glue(result, Spans<T>.Of(span.First, span.Last, span.Inner.Union(added.Inner)));
                done = span.Last == added.Last;
                next = done ? next : span.Last + 1;
            }
        }
        return done ? result : Spans<T>.Glue(result, Spans<T>.Of(next, added.Last, added.Inner));
    }

    private static Spans<T>? Each<T>(Spans<T>? tree, T operand, bool subtract)
        where T : class, ILayer<T>
    {
        T? last = null, result = null;
        return Each(tree, operand, subtract, ref last, ref result);
    }

    // Many spans share what is below them, so the last result is kept.
    private static Spans<T>? Each<T>(Spans<T>? tree, T operand, bool subtract, ref T? last, ref T? result)
        where T : class, ILayer<T>
    {
        if (tree is null)
            return null;
        var left = Each(tree.Left, operand, subtract, ref last, ref result);
        if (!ReferenceEquals(last, tree.Inner))
        {
            last = tree.Inner;
            result = subtract ? last.Subtract(operand) : last.Intersect(operand);
        }
        var inner = result;
        var right = Each(tree.Right, operand, subtract, ref last, ref result);
        if (inner is null)
            return Spans<T>.Glue(left, right);
        return ReferenceEquals(inner, tree.Inner) && ReferenceEquals(left, tree.Left) && ReferenceEquals(right, tree.Right)
            ? tree
            : Spans<T>.Glue(left, tree.First, tree.Last, inner, right);
    }

    private static Spans<T>? Before<T>(Spans<T>? tree, UInt128 end)
        where T : class, ILayer<T> => end == UInt128.Zero ? null : UpTo(tree, end - 1);

    private static Spans<T>? After<T>(Spans<T>? tree, UInt128 start)
        where T : class, ILayer<T> => start == UInt128.MaxValue ? null : From(tree, start + 1);

    private static Spans<T>? Between<T>(Spans<T>? tree, UInt128 first, UInt128 last)
        where T : class, ILayer<T>
    {
        while (tree is not null && (last < tree.First || first > tree.Last))
            tree = last < tree.First ? tree.Left : tree.Right;
        if (tree is null)
            return null;
        var (left, right) = (From(tree.Left, first), UpTo(tree.Right, last));
        return first <= tree.First && last >= tree.Last
            ? Spans<T>.Join(left, tree, right)
            : Spans<T>.Join(left, UInt128.Max(first, tree.First), UInt128.Min(last, tree.Last), tree.Inner, right);
    }

    private static Spans<T>? From<T>(Spans<T>? tree, UInt128 first)
        where T : class, ILayer<T>
    {
        while (tree is not null && tree.Last < first)
            tree = tree.Right;
        if (tree is null)
            return null;
        return first <= tree.First ? Spans<T>.Join(From(tree.Left, first), tree, tree.Right) : Spans<T>.Join(null, first, tree.Last, tree.Inner, tree.Right);
    }

    private static Spans<T>? UpTo<T>(Spans<T>? tree, UInt128 last)
        where T : class, ILayer<T>
    {
        while (tree is not null && tree.First > last)
            tree = tree.Left;
        if (tree is null)
            return null;
        return last >= tree.Last ? Spans<T>.Join(tree.Left, tree, UpTo(tree.Right, last)) : Spans<T>.Join(tree.Left, tree.First, last, tree.Inner, null);
    }
}
