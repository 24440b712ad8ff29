namespace DockerNetHarden.Analysis.Sets;

internal sealed partial class Spans<T>
{
    public Spans<T>? Intersect(Spans<T> other) => other.IsEverything ? this
        : IsEverything ? other
        : Count >= other.Count ? Intersect(this, other)
        : Intersect(other, this);

    public Spans<T>? Subtract(Spans<T> other) => other.IsEverything ? null : Subtract(this, other);

    public Spans<T> Union(Spans<T> other) => (Count >= other.Count ? Union(this, other) : Union(other, this))!;

    // Taken apart along the smaller of the two, so that a rule with one span costs one path.
    private static Spans<T>? Intersect(Spans<T>? large, Spans<T>? small)
    {
        if (large is null || small is null)
            return null;
        if (ReferenceEquals(large, small))
            return large;
        var middle = Each(Between(large, small.First, small.Last), small.Inner, subtract: false);
        var left = small._left is null ? null : Intersect(Before(large, small.First), small._left);
        var right = small._right is null ? null : Intersect(After(large, small.Last), small._right);
        return Glue(Glue(left, middle), right);
    }

    private static Spans<T>? Subtract(Spans<T>? from, Spans<T>? taken)
    {
        if (from is null || taken is null)
            return from;
        if (ReferenceEquals(from, taken))
            return null;
        return taken is { _left: null, _right: null } ? Without(from, taken) : SubtractAll(from, taken);
    }

    // The usual case, a rule that names one span within another: one path is copied, and no tree taken apart.
    private static Spans<T>? Without(Spans<T> from, Spans<T> taken)
    {
        if (taken.Last < from.First)
            return from._left is { } left ? Join(Without(left, taken), from, from._right) : from;
        if (taken.First > from.Last)
            return from._right is { } right ? Join(from._left, from, Without(right, taken)) : from;
        if (taken.First < from.First || taken.Last > from.Last)
            return SubtractAll(from, taken);
        var inner = from.Inner.Subtract(taken.Inner);
        if (ReferenceEquals(inner, from.Inner))
            return from;
        var before = taken.First > from.First ? Join(from._left, from.First, taken.First - 1, from.Inner, null) : from._left;
        var after = taken.Last < from.Last ? Join(null, taken.Last + 1, from.Last, from.Inner, from._right) : from._right;
        return inner is null ? Glue(before, after) : Glue(Glue(before, Of(taken.First, taken.Last, inner)), after);
    }

    private static Spans<T>? SubtractAll(Spans<T> from, Spans<T> taken)
    {
        var touched = Between(from, taken.First, taken.Last);
        var middle = Each(touched, taken.Inner, subtract: true);
        if (ReferenceEquals(middle, touched) && taken is { _left: null, _right: null })
            return from;
        var left = Subtract(Before(from, taken.First), taken._left);
        var right = Subtract(After(from, taken.Last), taken._right);
        return Glue(Glue(left, middle), right);
    }

    private static Spans<T>? Union(Spans<T>? large, Spans<T>? small)
    {
        if (large is null || small is null)
            return large ?? small;
        if (ReferenceEquals(large, small))
            return large;
        var left = Union(Before(large, small.First), small._left);
        var right = Union(After(large, small.Last), small._right);
        return Glue(Glue(left, Overlay(Between(large, small.First, small.Last), small)), right);
    }

    // Within the span of `added`: what is there becomes the union of both, the gaps become what is added.
    private static Spans<T>? Overlay(Spans<T>? there, Spans<T> added)
    {
        var (next, done) = (added.First, false);
        Spans<T>? result = null;
        if (there is not null)
        {
            foreach (var span in there.InOrder())
            {
                if (span.First > next)
                    result = Glue(result, Of(next, span.First - 1, added.Inner));
                result = Glue(result, Of(span.First, span.Last, span.Inner.Union(added.Inner)));
                done = span.Last == added.Last;
                next = done ? next : span.Last + 1;
            }
        }
        return done ? result : Glue(result, Of(next, added.Last, added.Inner));
    }

    private static Spans<T>? Each(Spans<T>? tree, T operand, bool subtract)
    {
        T? last = null, result = null;
        return Each(tree, operand, subtract, ref last, ref result);
    }

    // Many spans share what is below them: the last result is kept.
    private static Spans<T>? Each(Spans<T>? tree, T operand, bool subtract, ref T? last, ref T? result)
    {
        if (tree is null)
            return null;
        var left = Each(tree._left, operand, subtract, ref last, ref result);
        if (!ReferenceEquals(last, tree.Inner))
        {
            last = tree.Inner;
            result = subtract ? last.Subtract(operand) : last.Intersect(operand);
        }
        var inner = result;
        var right = Each(tree._right, operand, subtract, ref last, ref result);
        if (inner is null)
            return Glue(left, right);
        return ReferenceEquals(inner, tree.Inner) && ReferenceEquals(left, tree._left) && ReferenceEquals(right, tree._right)
            ? tree
            : Glue(Glue(left, Of(tree.First, tree.Last, inner)), right);
    }

    private static Spans<T>? Before(Spans<T>? tree, UInt128 end) => end == UInt128.Zero ? null : UpTo(tree, end - 1);

    private static Spans<T>? After(Spans<T>? tree, UInt128 start) => start == UInt128.MaxValue ? null : From(tree, start + 1);

    private static Spans<T>? Between(Spans<T>? tree, UInt128 first, UInt128 last)
    {
        while (tree is not null && (last < tree.First || first > tree.Last))
            tree = last < tree.First ? tree._left : tree._right;
        if (tree is null)
            return null;
        var (left, right) = (From(tree._left, first), UpTo(tree._right, last));
        return first <= tree.First && last >= tree.Last
            ? Join(left, tree, right)
            : Join(left, UInt128.Max(first, tree.First), UInt128.Min(last, tree.Last), tree.Inner, right);
    }

    private static Spans<T>? From(Spans<T>? tree, UInt128 first)
    {
        while (tree is not null && tree.Last < first)
            tree = tree._right;
        if (tree is null)
            return null;
        return first <= tree.First ? Join(From(tree._left, first), tree, tree._right) : Join(null, first, tree.Last, tree.Inner, tree._right);
    }

    private static Spans<T>? UpTo(Spans<T>? tree, UInt128 last)
    {
        while (tree is not null && tree.First > last)
            tree = tree._left;
        if (tree is null)
            return null;
        return last >= tree.Last ? Join(tree._left, tree, UpTo(tree._right, last)) : Join(tree._left, tree.First, last, tree.Inner, null);
    }
}
