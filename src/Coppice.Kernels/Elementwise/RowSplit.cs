namespace Coppice.Kernels.Elementwise;

/// <summary>Cuts rows into items for a team: item i owns the rows [First(i), End(i)), about 16 thousand elements.</summary>
internal readonly struct RowSplit
{
    private readonly int _rows;
    private readonly int _rowsPerItem;

    public RowSplit(int rows, int width)
    {
        _rows = rows;
        _rowsPerItem = Math.Max(1, ElementLoop.Chunk / Math.Max(1, width));
        Items = (rows + _rowsPerItem - 1) / _rowsPerItem;
    }

    public int Items { get; }

    public int First(int item) => item * _rowsPerItem;

    public int End(int item) => Math.Min(_rows, (item + 1) * _rowsPerItem);
}
