using System.Diagnostics;
using Coppice.Kernels;

namespace Coppice.Cli;

/// <summary>What a kernel has to do: what its time is held against.</summary>
/// <param name="Bytes">Bytes of weights, or of keys and values, that it reads; for elementwise kernels what it reads and writes.</param>
/// <param name="ByteOperations">Multiplications and additions of bytes.</param>
/// <param name="FloatOperations">Multiplications and additions of floats.</param>
internal readonly record struct KernelWork(long Bytes, double ByteOperations, double FloatOperations)
{
    /// <summary>Operations of either kind.</summary>
    public double Operations => ByteOperations + FloatOperations;

    public static KernelWork operator +(KernelWork a, KernelWork b) =>
        new(a.Bytes + b.Bytes, a.ByteOperations + b.ByteOperations, a.FloatOperations + b.FloatOperations);

    /// <summary>Seconds in which the machine reads so many bytes.</summary>
    public double MemorySeconds(MachineLimits limits) => Bytes / limits.MemoryRead.All;

    /// <summary>Seconds in which the machine does so many operations; bytes as floats where it has no byte dot product.</summary>
    public double ArithmeticSeconds(MachineLimits limits) =>
        (ByteOperations / (limits.ByteDot ?? limits.MultiplyAdd).All) + (FloatOperations / limits.MultiplyAdd.All);
}

/// <summary>One kernel over all layers of a model: its work in a pass, and the best time of the passes.</summary>
/// <param name="name">What it computes.</param>
/// <param name="bounded">Whether memory or arithmetic bounds it; elementwise kernels work within the caches.</param>
internal sealed class LadderTally(string name, bool bounded)
{
    private readonly SortedSet<string> _types = new(StringComparer.Ordinal);
    private long _ticks;

    /// <summary>What it computes.</summary>
    public string Name => name;

    /// <summary>Whether memory or arithmetic bounds it.</summary>
    public bool Bounded => bounded;

    /// <summary>How its weights, or keys and values, are stored.</summary>
    public string Types => string.Join('+', _types);

    /// <summary>Its work in all layers.</summary>
    public KernelWork Work { get; private set; }

    /// <summary>The least time of a pass.</summary>
    public double Seconds { get; private set; } = double.PositiveInfinity;

    /// <summary>Adds a layer's work.</summary>
    public void AddWork(KernelWork work, IEnumerable<string> types)
    {
        Work += work;
        _types.UnionWith(types);
    }

    /// <summary>Runs the kernel of one layer and adds its time to the pass.</summary>
    public void Run(Action kernel)
    {
        long start = Stopwatch.GetTimestamp();
        kernel();
        _ticks += Stopwatch.GetTimestamp() - start;
    }

    /// <summary>Ends a pass.</summary>
    public void EndPass()
    {
        Seconds = Math.Min(Seconds, (double)_ticks / Stopwatch.Frequency);
        _ticks = 0;
    }
}
