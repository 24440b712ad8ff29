namespace DockerNetHarden;

/// <summary>
/// <c>Select</c> without the runtime's short cuts; it is found before <c>System.Linq</c>'s in every namespace of this project. Those short cuts join a projection to the one
/// before it by virtual generic methods. The native compiler cannot tell which of them meet and compiles all pairs: 7.8 of 27.5 MB of <c>docker-net-harden</c>.
/// </summary>
internal static class PlainSelect
{
    /// <summary>What a function makes of each item.</summary>
    public static IEnumerable<TResult> Select<TSource, TResult>(this IEnumerable<TSource> source, Func<TSource, TResult> selector)
    {
        ArgumentNullException.ThrowIfNull(source);
        return Each();

        IEnumerable<TResult> Each()
        {
            foreach (var item in source)
                yield return selector(item);
        }
    }
}
