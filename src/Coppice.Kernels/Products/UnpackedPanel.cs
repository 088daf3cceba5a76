using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Products;

/// <summary>
/// A stretch of a panel with its codes as plain bytes and its scales and minima as floats: what many rows are multiplied with, so
/// that planes and halves are taken apart once. A step is: scales [n, 16], minima [n, 16] where there are any, codes [groups, 64].
/// </summary>
internal readonly unsafe struct UnpackedPanel<TFormat> : IPanelFormat
    where TFormat : struct, IPanelFormat
{
    public static int StepInputs => TFormat.StepInputs;
    public static int StepBytes => CodesAt + (StepInputs * 16);
    public static int ScaleInputs => TFormat.ScaleInputs;
    public static int OffsetShift => TFormat.OffsetShift;
    public static bool FullBytes => TFormat.FullBytes;
    public static bool HasMinima => TFormat.HasMinima;

    private static int ScaleCount => StepInputs / ScaleInputs;

    /// <summary>Bytes before the minima.</summary>
    public static int MinimaAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.StepInputs / TFormat.ScaleInputs * 64;
    }

    /// <summary>Bytes before the codes.</summary>
    public static int CodesAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.StepInputs / TFormat.ScaleInputs * (TFormat.HasMinima ? 128 : 64);
    }

    /// <summary>Takes steps apart.</summary>
    /// <param name="packed">The first packed step.</param>
    /// <param name="steps">How many.</param>
    /// <param name="unpacked">Room for as many unpacked steps.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Unpack(byte* packed, int steps, byte* unpacked)
    {
        for (int step = 0; step < steps; step++, packed += TFormat.StepBytes, unpacked += StepBytes)
        {
            for (int half = 0; half < 2; half++)
            {
                Vector256<float> scale = TFormat.StepScale(packed, half), minimum = TFormat.StepMinimum(packed, half);
                for (int i = 0; i < ScaleCount; i++)
                {
                    float* target = (float*)unpacked + (i * 16) + (half * 8);
                    TFormat.Scales(packed, i, half, scale).Store(target);
                    if (TFormat.HasMinima) TFormat.Minima(packed, i, half, minimum).Store(target + (MinimaAt / sizeof(float)));
                }
            }

            for (int part = 0; part < StepInputs / 32; part++)
            {
                PanelPrefetch.Part(packed, part, TFormat.StepInputs / 32, TFormat.StepBytes);
                byte* codes = unpacked + CodesAt + (part * 512);
                Group(packed, part, 0, codes);
                Group(packed, part, 1, codes);
                Group(packed, part, 2, codes);
                Group(packed, part, 3, codes);
                Group(packed, part, 4, codes);
                Group(packed, part, 5, codes);
                Group(packed, part, 6, codes);
                Group(packed, part, 7, codes);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
        => Vector256.Load(step + CodesAt + (part * 512) + (group * 64) + (half * 32));

    public static Vector256<float> StepScale(byte* step, int half) => default;

    public static Vector256<float> StepMinimum(byte* step, int half) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale)
        => Vector256.Load((float*)step + (index * 16) + (half * 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum)
        => Vector256.Load((float*)(step + MinimaAt) + (index * 16) + (half * 8));

    public static int Code(byte* step, int part, int group, int index) => step[CodesAt + (part * 512) + (group * 64) + index];

    public static float Scale(byte* step, int index, int lane) => ((float*)step)[(index * 16) + lane];

    public static float Minimum(byte* step, int index, int lane) => ((float*)(step + MinimaAt))[(index * 16) + lane];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Group(byte* packed, int part, int group, byte* codes)
    {
        TFormat.Codes(packed, part, group, 0).Store(codes + (group * 64));
        TFormat.Codes(packed, part, group, 1).Store(codes + (group * 64) + 32);
    }
}
