namespace DockerNetHarden.Matching;

/// <summary>Places by the addresses that they are about: an interval tree in an array, sorted by the lowest address; each node also has the highest address below it.</summary>
internal sealed class AddressTree
{
    private readonly (UInt128 Low, UInt128 High, int Place)[] _sorted;
    private readonly UInt128[] _highest;

    internal AddressTree((UInt128 Low, UInt128 High, int Place)[] intervals)
    {
        Array.Sort(intervals);
        _sorted = intervals;
        _highest = new UInt128[intervals.Length];
        Measure(0, intervals.Length);
    }

    /// <summary>Adds the places of the intervals that meet this one.</summary>
    internal void Find(UInt128 low, UInt128 high, PlaceSet found) => Find(0, _sorted.Length, low, high, found);

    // The middle of a range is the root of its tree.
    private UInt128 Measure(int start, int end)
    {
        if (start >= end)
            return UInt128.Zero;
        var middle = (start + end) / 2;
        return _highest[middle] = UInt128.Max(_sorted[middle].High, UInt128.Max(Measure(start, middle), Measure(middle + 1, end)));
    }

    private void Find(int start, int end, UInt128 low, UInt128 high, PlaceSet found)
    {
        while (start < end)
        {
            var middle = (start + end) / 2;
            if (_highest[middle] < low)
                return;
            Find(start, middle, low, high, found);
            ref readonly var interval = ref _sorted[middle];
            if (interval.Low > high)
                return;
            if (interval.High >= low)
                found.Add(interval.Place);
            start = middle + 1;
        }
    }
}
