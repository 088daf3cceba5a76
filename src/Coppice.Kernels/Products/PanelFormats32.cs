using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Products;

// The formats with blocks of 32 inputs. A step is: 16 half scales, [16 half minima,] codes.

/// <summary>Q8_0: bytes, code + 128.</summary>
internal readonly unsafe struct PanelQ8_0 : IPanelFormat
{
    public static int StepInputs => 32;
    public static int StepBytes => 32 + 512;
    public static int ScaleInputs => 32;
    public static int OffsetShift => 7;
    public static bool FullBytes => true;
    public static bool HasMinima => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
        => Vector256.Load(step + 32 + (group * 64) + (half * 32));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    public static Vector256<float> StepMinimum(byte* step, int half) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale) => stepScale;

    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum) => default;

    public static int Code(byte* step, int part, int group, int index) => step[32 + (group * 64) + index];

    public static float Scale(byte* step, int index, int lane) => Planes.Half(step, lane);

    public static float Minimum(byte* step, int index, int lane) => 0;
}

/// <summary>Q4_0: fours.</summary>
internal readonly unsafe struct PanelQ4_0 : IPanelFormat
{
    public static int StepInputs => 32;
    public static int StepBytes => 32 + Planes.FoursBytes;
    public static int ScaleInputs => 32;
    public static int OffsetShift => 3;
    public static bool FullBytes => false;
    public static bool HasMinima => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half) => Planes.Fours(step + 32, group, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    public static Vector256<float> StepMinimum(byte* step, int half) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale) => stepScale;

    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum) => default;

    public static int Code(byte* step, int part, int group, int index) => Planes.Four(step + 32, group, index);

    public static float Scale(byte* step, int index, int lane) => Planes.Half(step, lane);

    public static float Minimum(byte* step, int index, int lane) => 0;
}

/// <summary>Q4_1: fours.</summary>
internal readonly unsafe struct PanelQ4_1 : IPanelFormat
{
    public static int StepInputs => 32;
    public static int StepBytes => 64 + Planes.FoursBytes;
    public static int ScaleInputs => 32;
    public static int OffsetShift => -1;
    public static bool FullBytes => false;
    public static bool HasMinima => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half) => Planes.Fours(step + 64, group, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepMinimum(byte* step, int half) => Planes.Halves(step + 32, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale) => stepScale;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum) => stepMinimum;

    public static int Code(byte* step, int part, int group, int index) => Planes.Four(step + 64, group, index);

    public static float Scale(byte* step, int index, int lane) => Planes.Half(step, lane);

    public static float Minimum(byte* step, int index, int lane) => Planes.Half(step + 32, lane);
}

/// <summary>Q5_0: fours, ones.</summary>
internal readonly unsafe struct PanelQ5_0 : IPanelFormat
{
    public static int StepInputs => 32;
    public static int StepBytes => 32 + Planes.FoursBytes + Planes.OnesBytes;
    public static int ScaleInputs => 32;
    public static int OffsetShift => 4;
    public static bool FullBytes => false;
    public static bool HasMinima => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
        => Planes.Fours(step + 32, group, half) | Planes.Ones(step + 32 + Planes.FoursBytes, group, half, 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    public static Vector256<float> StepMinimum(byte* step, int half) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale) => stepScale;

    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum) => default;

    public static int Code(byte* step, int part, int group, int index)
        => Planes.Four(step + 32, group, index) | (Planes.One(step + 32 + Planes.FoursBytes, group, index) << 4);

    public static float Scale(byte* step, int index, int lane) => Planes.Half(step, lane);

    public static float Minimum(byte* step, int index, int lane) => 0;
}

/// <summary>Q5_1: fours, ones.</summary>
internal readonly unsafe struct PanelQ5_1 : IPanelFormat
{
    public static int StepInputs => 32;
    public static int StepBytes => 64 + Planes.FoursBytes + Planes.OnesBytes;
    public static int ScaleInputs => 32;
    public static int OffsetShift => -1;
    public static bool FullBytes => false;
    public static bool HasMinima => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
        => Planes.Fours(step + 64, group, half) | Planes.Ones(step + 64 + Planes.FoursBytes, group, half, 4);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepMinimum(byte* step, int half) => Planes.Halves(step + 32, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale) => stepScale;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum) => stepMinimum;

    public static int Code(byte* step, int part, int group, int index)
        => Planes.Four(step + 64, group, index) | (Planes.One(step + 64 + Planes.FoursBytes, group, index) << 4);

    public static float Scale(byte* step, int index, int lane) => Planes.Half(step, lane);

    public static float Minimum(byte* step, int index, int lane) => Planes.Half(step + 32, lane);
}
