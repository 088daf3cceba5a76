namespace Coppice.Kernels.Attention;

/// <summary>
/// What attention computes on one tile, for one instruction set. <see cref="ScalarTileMath"/> is the specification: every
/// implementation gives its bits.
/// </summary>
internal unsafe interface ITileMath
{
    /// <summary>Widens a page's keys into 16 columns of a tile; columns from <paramref name="tokens"/> on become zero.</summary>
    /// <param name="type">How the page's elements are stored.</param>
    /// <param name="page">[headDim, 16], as <see cref="KvLayout"/> places them.</param>
    /// <param name="headDim">Elements of a head.</param>
    /// <param name="tokens">Tokens of the page that exist, in [1, 16].</param>
    /// <param name="tile">[headDim, 64] at the page's first column.</param>
    static abstract void LoadKeys(KvType type, byte* page, int headDim, int tokens, float* tile);

    /// <summary>Widens values: as many elements as the existing tokens have, and no more.</summary>
    /// <param name="type">How the elements are stored.</param>
    /// <param name="page">[count], as <see cref="KvLayout"/> places them.</param>
    /// <param name="count">A multiple of 8 (Q8_0: 32).</param>
    /// <param name="tile">[count].</param>
    static abstract void LoadValues(KvType type, byte* page, int count, float* tile);

    /// <summary>C = A B, or C += A B: each element one chain of fused multiply-adds over ascending k.</summary>
    static abstract void Multiply(in Panel panel);

    /// <summary>Turns scores into weights and brings max and sum up to date.</summary>
    static abstract void Softmax(in ScoreBlock block);

    /// <summary>values *= factor.</summary>
    static abstract void Scale(float* values, float factor, int count);

    /// <summary>into = fma(from, fromFactor, into * intoFactor).</summary>
    static abstract void Merge(float* into, float intoFactor, float* from, float fromFactor, int count);

    /// <summary>target = source / divisor.</summary>
    static abstract void Divide(float* source, float divisor, float* target, int count);
}

/// <summary>A product of a few rows: C[Rows, N] (+)= A[Rows, K] B[K, N], row-major with strides in elements; N is a multiple of 8.</summary>
internal unsafe struct Panel
{
    public float* A, B, C;
    public nint AStride, BStride, CStride;
    public int Rows, K, N;
    public bool Accumulate;

    /// <summary>Memory that is wanted soon, or null: while the first rows are computed, a line is fetched every step of k.</summary>
    public byte* Next;

    /// <summary>Bytes from one fetched line to the next.</summary>
    public nint NextStep;
}

/// <summary>
/// At most 8 rows of raw scores of one tile. Row r sees columns [Begin[r], End[r]), a range that may be empty.
/// <code>
/// s = scale * score, then softCap * tanh(s / softCap); m' = max(m, s...); p = exp(s - m'); rescale = exp(m - m')
/// l' = fma(l, rescale, sum of p), over 16 lanes (column c in lane c % 16) and then a fixed tree
/// </code>
/// Weights replace the scores, zero outside the row's columns within its vectors. A row whose columns are all -inf or none keeps m and l.
/// A NaN among a row's scores makes its m and l NaN: maxima alone would lose it.
/// </summary>
internal unsafe struct ScoreBlock
{
    public const int Rows = 8;

    /// <summary>[count, 64].</summary>
    public float* Scores;

    /// <summary>[count].</summary>
    public int* Begin, End;

    /// <summary>[count]: m and l of each row, updated.</summary>
    public float* Max, Sum;

    /// <summary>[8], written: what a row's output so far must be multiplied by; exactly 1 where m stayed.</summary>
    public float* Rescale;

    public int Count;
    public float Scale, SoftCap;
}
