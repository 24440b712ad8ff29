namespace DockerNetHarden.Analysis.Sets;

/// <summary>
/// One dimension of a packet set together with all dimensions below it. A layer is never empty: null stands for the empty set, so that an
/// empty branch cannot be built. All operations give back an operand itself where it is the result, which keeps branches shared.
/// </summary>
internal interface ILayer<TSelf>
    where TSelf : class, ILayer<TSelf>
{
    TSelf? Intersect(TSelf other);

    TSelf? Subtract(TSelf other);

    TSelf Union(TSelf other);

    /// <summary>Whether the two are certainly the same set; false also where finding out would cost much.</summary>
    bool IsSame(TSelf other);
}
