namespace Coppice.Kernels.Attention;

/// <summary>A segment and the rows under it.</summary>
internal struct PlanSegment
{
    public int Parent, Start, Tokens, Origin, FirstPage;
    public int RowBegin, RowEnd, RowCount, NextAtRow, LastNode;
    public bool IsPrivate;
}

/// <summary>Tokens [TokenBegin, TokenEnd) of a segment, the first at position Start, reduced for rows [RowBegin, RowEnd). Begins on a tile. IsCut: for a block of a longer run of rows.</summary>
internal struct PlanRun
{
    public int Segment, Start, TokenBegin, TokenEnd, RowBegin, RowEnd;
    public int LowestPosition, HighestPosition;
    public bool BeginsSpan, IsPrivate, IsCut;
}

/// <summary>Runs in depth-first order for rows [RowBegin, RowEnd). FirstSlot is -1 for finished outputs, else the first row's slot of partials.</summary>
internal struct PlanUnit
{
    public int RunBegin, RunEnd, RowBegin, RowEnd, FirstSlot;
}
