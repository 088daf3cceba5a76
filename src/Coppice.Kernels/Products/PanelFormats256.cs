using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Products;

// The formats with blocks of 256 inputs. A step is: 16 half scales, [16 half scales of the minima,] the bytes that scale parts
// of the block (16 lanes each), then for each of 8 parts of 32 inputs its planes. A half times a byte is exact in a float. Minima
// are subtracted by these formats, so they come out negative here.

/// <summary>Q4_K: scales 0, their minima 32, 8 part scales 64, 8 part minima 192, fours from 320.</summary>
internal readonly unsafe struct PanelQ4_K : IPanelFormat
{
    private const int Planes0 = 320;

    public static int StepInputs => 256;
    public static int StepBytes => Planes0 + (8 * Planes.FoursBytes);
    public static int ScaleInputs => 32;
    public static int OffsetShift => -1;
    public static bool FullBytes => false;
    public static bool HasMinima => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
        => Planes.Fours(step + Planes0 + (part * Planes.FoursBytes), group, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepMinimum(byte* step, int half) => -Planes.Halves(step + 32, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale)
        => stepScale * Planes.Bytes(step + 64 + (index * 16), half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum)
        => stepMinimum * Planes.Bytes(step + 192 + (index * 16), half);

    public static int Code(byte* step, int part, int group, int index)
        => Planes.Four(step + Planes0 + (part * Planes.FoursBytes), group, index);

    public static float Scale(byte* step, int index, int lane) => Planes.Half(step, lane) * step[64 + (index * 16) + lane];

    public static float Minimum(byte* step, int index, int lane)
        => -(Planes.Half(step + 32, lane) * step[192 + (index * 16) + lane]);
}

/// <summary>Q5_K: as Q4_K, with ones after the fours of each part.</summary>
internal readonly unsafe struct PanelQ5_K : IPanelFormat
{
    private const int Planes0 = 320;
    private const int PartBytes = Planes.FoursBytes + Planes.OnesBytes;

    public static int StepInputs => 256;
    public static int StepBytes => Planes0 + (8 * PartBytes);
    public static int ScaleInputs => 32;
    public static int OffsetShift => -1;
    public static bool FullBytes => false;
    public static bool HasMinima => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
    {
        byte* planes = step + Planes0 + (part * PartBytes);
        return Planes.Fours(planes, group, half) | Planes.Ones(planes + Planes.FoursBytes, group, half, 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepMinimum(byte* step, int half) => -Planes.Halves(step + 32, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale)
        => PanelQ4_K.Scales(step, index, half, stepScale);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum)
        => PanelQ4_K.Minima(step, index, half, stepMinimum);

    public static int Code(byte* step, int part, int group, int index)
    {
        byte* planes = step + Planes0 + (part * PartBytes);
        return Planes.Four(planes, group, index) | (Planes.One(planes + Planes.FoursBytes, group, index) << 4);
    }

    public static float Scale(byte* step, int index, int lane) => PanelQ4_K.Scale(step, index, lane);

    public static float Minimum(byte* step, int index, int lane) => PanelQ4_K.Minimum(step, index, lane);
}

/// <summary>Q6_K: scales 0, 16 signed part scales 32, then fours and twos from 288.</summary>
internal readonly unsafe struct PanelQ6_K : IPanelFormat
{
    private const int Planes0 = 288;
    private const int PartBytes = Planes.FoursBytes + Planes.TwosBytes;

    public static int StepInputs => 256;
    public static int StepBytes => Planes0 + (8 * PartBytes);
    public static int ScaleInputs => 16;
    public static int OffsetShift => 5;
    public static bool FullBytes => false;
    public static bool HasMinima => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
    {
        byte* planes = step + Planes0 + (part * PartBytes);
        return Planes.Fours(planes, group, half) | Planes.Twos(planes + Planes.FoursBytes, group, half, 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    public static Vector256<float> StepMinimum(byte* step, int half) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale)
        => stepScale * Planes.SignedBytes(step + 32 + (index * 16), half);

    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum) => default;

    public static int Code(byte* step, int part, int group, int index)
    {
        byte* planes = step + Planes0 + (part * PartBytes);
        return Planes.Four(planes, group, index) | (Planes.Two(planes + Planes.FoursBytes, group, index) << 4);
    }

    public static float Scale(byte* step, int index, int lane)
        => Planes.Half(step, lane) * (sbyte)step[32 + (index * 16) + lane];

    public static float Minimum(byte* step, int index, int lane) => 0;
}

/// <summary>Q3_K: scales 0, 16 signed part scales 32, then twos and ones from 288.</summary>
internal readonly unsafe struct PanelQ3_K : IPanelFormat
{
    private const int Planes0 = 288;
    private const int PartBytes = Planes.TwosBytes + Planes.OnesBytes;

    public static int StepInputs => 256;
    public static int StepBytes => Planes0 + (8 * PartBytes);
    public static int ScaleInputs => 16;
    public static int OffsetShift => 2;
    public static bool FullBytes => false;
    public static bool HasMinima => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
    {
        byte* planes = step + Planes0 + (part * PartBytes);
        return Planes.Twos(planes, group, half, 0) | Planes.Ones(planes + Planes.TwosBytes, group, half, 2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    public static Vector256<float> StepMinimum(byte* step, int half) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale)
        => PanelQ6_K.Scales(step, index, half, stepScale);

    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum) => default;

    public static int Code(byte* step, int part, int group, int index)
    {
        byte* planes = step + Planes0 + (part * PartBytes);
        return Planes.Two(planes, group, index) | (Planes.One(planes + Planes.TwosBytes, group, index) << 2);
    }

    public static float Scale(byte* step, int index, int lane) => PanelQ6_K.Scale(step, index, lane);

    public static float Minimum(byte* step, int index, int lane) => 0;
}

/// <summary>Q2_K: scales 0, their minima 32, 16 bytes a lane of part scale (low nibble) and part minimum (high) 64, twos from 320.</summary>
internal readonly unsafe struct PanelQ2_K : IPanelFormat
{
    private const int Planes0 = 320;

    public static int StepInputs => 256;
    public static int StepBytes => Planes0 + (8 * Planes.TwosBytes);
    public static int ScaleInputs => 16;
    public static int OffsetShift => -1;
    public static bool FullBytes => false;
    public static bool HasMinima => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> Codes(byte* step, int part, int group, int half)
        => Planes.Twos(step + Planes0 + (part * Planes.TwosBytes), group, half, 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepScale(byte* step, int half) => Planes.Halves(step, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> StepMinimum(byte* step, int half) => -Planes.Halves(step + 32, half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale)
        => stepScale * Planes.LowNibbles(step + 64 + (index * 16), half);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum)
        => stepMinimum * Planes.HighNibbles(step + 64 + (index * 16), half);

    public static int Code(byte* step, int part, int group, int index)
        => Planes.Two(step + Planes0 + (part * Planes.TwosBytes), group, index);

    public static float Scale(byte* step, int index, int lane)
        => Planes.Half(step, lane) * (step[64 + (index * 16) + lane] & 15);

    public static float Minimum(byte* step, int index, int lane)
        => -(Planes.Half(step + 32, lane) * (step[64 + (index * 16) + lane] >> 4));
}
