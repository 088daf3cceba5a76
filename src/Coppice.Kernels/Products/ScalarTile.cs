using System.Runtime.CompilerServices;

namespace Coppice.Kernels.Products;

/// <summary>The specification of <see cref="IntegerTile{TFormat,TDot}"/>, for any number of rows.</summary>
internal static unsafe class ScalarTile<TFormat>
    where TFormat : struct, IPanelFormat
{
    /// <summary>One panel times some rows.</summary>
    /// <param name="panel">The first step.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="x">The first activation block of the first row.</param>
    /// <param name="xStride">Bytes from one row of blocks to the next.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="y">16 sums a row, continued.</param>
    /// <param name="yStride">Floats from one row of sums to the next.</param>
    [SkipLocalsInit]
    public static void Rows(byte* panel, int steps, byte* x, nint xStride, int rows, float* y, nint yStride)
    {
        int scales = TFormat.StepInputs / TFormat.ScaleInputs;
        int offset = TFormat.OffsetShift < 0 ? 0 : 1 << TFormat.OffsetShift;
        byte* codes = stackalloc byte[256]; // of one lane
        bool small = TFormat.StepInputs == 32;
        for (int step = 0; step < steps; step++, panel += TFormat.StepBytes)
        {
            for (int lane = 0; lane < 16; lane++)
            {
                for (int i = 0; i < TFormat.StepInputs; i++)
                    codes[i] = (byte)TFormat.Code(panel, i / 32, i % 32 / 4, (4 * lane) + (i % 4));
                for (int row = 0; row < rows; row++)
                {
                    byte* block = x + (row * xStride) + ((nint)step * (small ? Block32.Bytes : Block256.Bytes));
                    float* sum = y + (row * yStride) + lane;
                    if (small) *sum = Small(panel, lane, codes, offset, block, *sum);
                    else *sum = Big(panel, lane, codes, offset, scales, block, *sum);
                }
            }
        }
    }

    private static float Small(byte* step, int lane, byte* codes, int offset, byte* block, float y)
    {
        int dot = Dot(codes, offset, (sbyte*)(block + Block32.Codes), 32);
        // dot * scale, written as the vectors do it, so that an infinite scale gives the same NaN.
        float scale = TFormat.Scale(step, 0, lane);
        float scaled = MathF.FusedMultiplyAdd(dot + Activations.MagicFloat, scale, -(Activations.MagicFloat * scale));
        y = MathF.FusedMultiplyAdd(scaled, *(float*)(block + Block32.Scale), y);
        if (TFormat.HasMinima)
            y = MathF.FusedMultiplyAdd(TFormat.Minimum(step, 0, lane), *(float*)(block + Block32.ScaledSum), y);
        return y;
    }

    private static float Big(byte* step, int lane, byte* codes, int offset, int scales, byte* block, float y)
    {
        float t = 0;
        float* sums = (float*)(block + (TFormat.ScaleInputs == 16 ? Block256.Sums16 : Block256.Sums32));
        for (int i = 0; i < scales; i++)
        {
            int at = i * TFormat.ScaleInputs;
            int dot = Dot(codes + at, offset, (sbyte*)(block + Block256.Codes) + at, TFormat.ScaleInputs);
            t = MathF.FusedMultiplyAdd(dot, TFormat.Scale(step, i, lane), t);
            if (TFormat.HasMinima) t = MathF.FusedMultiplyAdd(TFormat.Minimum(step, i, lane), sums[i], t);
        }

        return MathF.FusedMultiplyAdd(t, *(float*)(block + Block256.Scale), y);
    }

    private static int Dot(byte* codes, int offset, sbyte* x, int count)
    {
        int sum = 0;
        for (int i = 0; i < count; i++) sum += (codes[i] - offset) * x[i];
        return sum;
    }
}
