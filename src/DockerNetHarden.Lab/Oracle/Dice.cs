namespace DockerNetHarden.Lab.Oracle;

/// <summary>Chance from a seed: the same in each run and with each .NET (System.Random keeps its sequence for a given seed).</summary>
internal sealed class Dice(int seed)
{
    private readonly Random _random = new(seed);

    public bool Chance(int percent) => _random.Next(100) < percent;

    public int Number(int from, int to) => _random.Next(from, to + 1);

    public T Pick<T>(params IReadOnlyList<T> values) => values[_random.Next(values.Count)];

    /// <summary>A value by weights.</summary>
    public string Weighted(params (int Weight, string Value)[] values)
    {
        var left = _random.Next(values.Sum(static value => value.Weight));
        foreach (var (weight, value) in values)
        {
            if ((left -= weight) < 0)
                return value;
        }
        return values[^1].Value;
    }

    /// <summary>A seed for one part of a run, so that the part can be run again alone.</summary>
    public int Seed() => _random.Next();
}
