using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// One row times packed weights, as streams from memory. The panels are cut into a region for each thread, and a worker walks along the two
/// halves of its region side by side: memory gives the most for two streams that go on and on, and every place where a stream ends costs some
/// tenths of a microsecond. A worker that is done helps with the other regions; what is taken at a time shrinks toward a region's end.
/// <para>
/// A step of the Llama-3.2-1B shape against items of 1 MiB, panel by panel or neighbours in pairs, on a Zen 5, two threads: in Q8_0 17.5
/// instead of 19.9 ms where memory gives 82 GB/s and 27.8 to 28.5 instead of 29.8 to 30.3 where it gives 48.
/// </para>
/// Sums of a panel depend neither on who takes it nor on what it is taken with: they are those of <see cref="IntegerTile{TFormat,TDot}"/>.
/// Lives on the caller's stack.
/// </summary>
internal unsafe struct RowStreams
{
    private const int Lanes = 16;
    private const int LeastPanelsOfRegion = 4;
    private const int MostBytesTaken = 1 << 20;
    private const int PartTaken = 4; // of the pairs that a region still has
    private const int IntsOfLine = 16;

    private PanelWork _work;
    private int _regions;
    private int* _taken; // pairs of each region, a line of the cache each

    /// <summary>Computes a product.</summary>
    /// <param name="team">Who.</param>
    /// <param name="work">One row and packed panels, of a type that has emitted tiles.</param>
    [SkipLocalsInit]
    public static void Run(WorkerTeam team, PanelWork work)
    {
        int regions = Math.Clamp(work.PanelCount / LeastPanelsOfRegion, 1, team.Threads);
        int* taken = stackalloc int[regions * IntsOfLine];
        for (int region = 0; region < regions; region++) taken[region * IntsOfLine] = 0;
        var streams = new RowStreams { _work = work, _regions = regions, _taken = taken };
        team.Run(regions, &streams, &Item);
    }

    /// <summary>A worker's own region, then what is left of the others.</summary>
    private static void Item(void* state, int item, int worker)
    {
        var streams = (RowStreams*)state;
        EmittedTiles tiles = EmittedTiles.Of(streams->_work.Type)!;
        for (int i = 0; i < streams->_regions; i++)
        {
            Region region = streams->RegionOf((worker + i) % streams->_regions);
            while (streams->TryTake(region, out int first, out int end)) streams->Multiply(tiles, region, first, end);
        }
    }

    private readonly Region RegionOf(int index)
    {
        long panels = _work.PanelCount;
        return new Region(index, (int)(index * panels / _regions), (int)((index + 1) * panels / _regions));
    }

    /// <summary>Takes the pairs [first, end) of a region, if there are any left.</summary>
    private readonly bool TryTake(Region region, out int first, out int end)
    {
        int most = (int)Math.Max(1, MostBytesTaken / (2 * _work.PanelBytes));
        ref int taken = ref _taken[region.Index * IntsOfLine];
        do
        {
            first = Volatile.Read(ref taken);
            int left = region.Pairs - first;
            end = first + Math.Clamp(left / PartTaken, 1, most);
            if (left <= 0) return false;
        }
        while (Interlocked.CompareExchange(ref taken, end, first) != first);
        return true;
    }

    /// <summary>The pairs [first, end) of a region.</summary>
    [SkipLocalsInit]
    private readonly void Multiply(EmittedTiles tiles, Region region, int first, int end)
    {
        float* room = stackalloc float[3 * Lanes];
        float* sums = (float*)(((nint)room + 63) & ~(nint)63);
        var call = new TileCall
        {
            PanelStride = (nint)(region.Half * _work.PanelBytes),
            X = _work.X,
            Y = sums,
            YStride = Lanes * sizeof(float),
            Steps = _work.Steps,
        };
        for (int pair = first; pair < end; pair++)
        {
            int one = region.First + pair, other = one + region.Half;
            bool alone = pair == region.Half;
            Vector512<float>.Zero.Store(sums);
            Vector512<float>.Zero.Store(sums + Lanes);
            call.Panel = _work.Stretch(alone ? other : one, 0, 0, null);
            if (alone) tiles.Packed(1, &call);
            else tiles.TwoPanels(&call);
            Keep(alone ? other : one, sums);
            if (!alone) Keep(other, sums + Lanes);
        }
    }

    private readonly void Keep(int panel, float* sums)
    {
        float* y = _work.Y + (panel * Lanes);
        int lanes = Math.Min(Lanes, _work.Outputs - (panel * Lanes));
        if (lanes == Lanes) Vector512.Load(sums).Store(y);
        else new Span<float>(sums, lanes).CopyTo(new Span<float>(y, lanes));
    }

    /// <summary>The panels [First, End) in pairs: panel i and panel <see cref="Half"/> + i, and where their number is odd the last one alone.</summary>
    private readonly record struct Region(int Index, int First, int End)
    {
        public int Half => (End - First) / 2;

        public int Pairs => (End - First + 1) / 2;
    }
}
