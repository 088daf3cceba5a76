using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// One product as items for the team: item = a range of panels times a block of rows. Lives on the caller's stack. Sums of a panel
/// grow in the result itself, except those of a last panel that the outputs do not fill: they grow in an "edge" of
/// [<see cref="RowsPerItem"/>, lanes] floats that each item has on its stack.
/// </summary>
internal unsafe struct PanelWork
{
    public const int RowsPerItem = 256;
    // Each item starts a new stream from memory: 128 KiB of Q8_0 reach 74% of a plain read, 1 MiB 92% (Zen 5, two threads).
    private const int StreamBytesPerItem = 1 << 20;
    private const int ReusedPanelsPerItem = 8;
    // Items keep sums of their panels on the stack: of short panels there are no more than take 128 KiB with 8 rows.
    private const int MostPanelsPerItem = 256;

    public TensorType Type;
    public PanelSource Source;
    public long PanelBytes;
    public int PanelCount;
    public int PanelsPerItem;
    public int Lanes;
    public int Steps;
    public int Outputs;
    public byte* X;
    public nint XStride;
    public int Rows;
    public int RowBlocks;
    public float* Y;

    /// <summary>Lays a product out.</summary>
    /// <param name="path">How to pack panels that are not packed yet.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="x">The first row in the form the kernel takes.</param>
    /// <param name="xStride">Bytes from one row to the next.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="y">[rows, outputs].</param>
    public PanelWork(KernelPath path, WeightMatrix weights, byte* x, nint xStride, int rows, float* y)
    {
        Type = weights.Type;
        Source = weights.Panels(path);
        Lanes = Source.Lanes;
        Steps = Source.StepCount;
        PanelBytes = Source.PanelBytes;
        Outputs = weights.Outputs;
        PanelCount = Source.PanelCount;
        X = x;
        XStride = xStride;
        Rows = rows;
        RowBlocks = (rows + RowsPerItem - 1) / RowsPerItem;
        Y = y;
    }

    /// <summary>Runs the items: large enough to stream (<paramref name="reuse"/> false) or to reuse rows, four or more a thread.</summary>
    public static void Run(WorkerTeam team, PanelWork work, bool reuse, delegate*<void*, int, int, void> body)
    {
        int most = Math.Max(1, work.PanelCount / (4 * team.Threads));
        int wanted = reuse || work.Source.IsMapped ? ReusedPanelsPerItem : (int)Math.Clamp(StreamBytesPerItem / work.PanelBytes, 1, MostPanelsPerItem);
        work.PanelsPerItem = Math.Min(wanted, most);
        // Some kernels take two panels at a time.
        if (work.PanelsPerItem > 1) work.PanelsPerItem &= ~1;
        team.Run((work.PanelCount + work.PanelsPerItem - 1) / work.PanelsPerItem * work.RowBlocks, &work, body);
    }

    public readonly Tile TileOf(int item)
    {
        int firstPanel = item / RowBlocks * PanelsPerItem, firstRow = item % RowBlocks * RowsPerItem;
        int endPanel = Math.Min(PanelCount, firstPanel + PanelsPerItem);
        return new Tile(firstPanel, endPanel, firstRow, Math.Min(RowsPerItem, Rows - firstRow));
    }

    /// <summary>The steps [first, first + steps) of a panel: where they lie, or packed into <paramref name="buffer"/> just now.</summary>
    public readonly byte* Stretch(int panel, int first, int steps, byte* buffer) => Source.Steps(panel, first, steps, buffer);

    public readonly byte* Row(int row) => X + (row * XStride);

    /// <summary>Where the sums of a panel grow, and the floats from one row of them to the next.</summary>
    public readonly float* Sums(int panel, Tile tile, float* edge, out nint stride)
    {
        bool whole = (panel + 1) * Lanes <= Outputs;
        stride = whole ? Outputs : Lanes;
        return whole ? Y + ((nint)tile.FirstRow * Outputs) + (panel * Lanes) : edge;
    }

    /// <summary>Zeroes the sums of a panel.</summary>
    public readonly void Clear(int panel, Tile tile, float* edge)
    {
        float* y = Sums(panel, tile, edge, out nint stride);
        for (int row = 0; row < tile.Rows; row++) new Span<float>(y + (row * stride), Lanes).Clear();
    }

    /// <summary>Copies the sums of a panel from the edge into the result, where they are not there already.</summary>
    public readonly void Keep(int panel, Tile tile, float* edge)
    {
        int lanes = Outputs - (panel * Lanes);
        if (lanes >= Lanes) return;
        float* y = Y + ((nint)tile.FirstRow * Outputs) + (panel * Lanes);
        for (int row = 0; row < tile.Rows; row++)
            new Span<float>(edge + (row * Lanes), lanes).CopyTo(new Span<float>(y + ((nint)row * Outputs), lanes));
    }

    /// <summary>The panels [FirstPanel, EndPanel) and rows [FirstRow, FirstRow + Rows) of an item.</summary>
    public readonly record struct Tile(int FirstPanel, int EndPanel, int FirstRow, int Rows);
}
