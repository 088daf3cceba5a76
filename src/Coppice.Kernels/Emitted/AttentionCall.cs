using System.Runtime.InteropServices;

namespace Coppice.Kernels.Emitted;

/// <summary>What attention's emitted code is called with: its address is the only argument.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct AttentionCall
{
    /// <summary>Pages of a tile.</summary>
    public const int TilePages = 4;

    /// <summary>Byte offsets of the fields, for the emitter.</summary>
    public const int KeysAt = 0, NextKeysAt = 32, ValuesAt = 64, NextValuesAt = 96, QueriesAt = 128, ScoresAt = 136, OutputsAt = 144;

    /// <summary>Byte offsets of the fields, for the emitter.</summary>
    public const int MaxAt = 152, SumAt = 160, RescaleAt = 168, ScaleAt = 176, BeginAt = 180, EndAt = 184;

    /// <summary>Addresses of the tile's keys, page by page.</summary>
    public fixed long Keys[TilePages];

    /// <summary>As much memory for each page, fetched while its keys pass by; where nothing is wanted, any that is here already.</summary>
    public fixed long NextKeys[TilePages];

    /// <summary>Addresses of the tile's values, page by page.</summary>
    public fixed long Values[TilePages];

    /// <summary>As much memory for each page, fetched while its values pass by.</summary>
    public fixed long NextValues[TilePages];

    /// <summary>[rows, headDim].</summary>
    public float* Queries;

    /// <summary>[rows, 64]: scores or weights of the tile.</summary>
    public float* Scores;

    /// <summary>[rows, headDim], added to.</summary>
    public float* Outputs;

    /// <summary>[rows]: m and l of each row, updated.</summary>
    public float* Max, Sum;

    /// <summary>[16], written: what outputs are multiplied by before they are added to, then what is taken off scores.</summary>
    public float* Rescale;

    /// <summary>What a score is multiplied by.</summary>
    public float Scale;

    /// <summary>The columns [Begin, End) of weights and values that count; not empty.</summary>
    public int Begin, End;
}
