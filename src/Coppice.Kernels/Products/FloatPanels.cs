using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>Constants of the float panels: [inputs, 32 outputs], row-major.</summary>
internal static class FloatPanels
{
    public const int Lanes = 32;

    /// <summary>Inputs summed before the sum is added to the result; bounds the rounding error and is part of the definition.</summary>
    public const int ChunkInputs = 256;
}

/// <summary>An element type of float panels; reading widens to single precision exactly.</summary>
internal unsafe interface IFloatFormat
{
    /// <summary>Bytes an element takes.</summary>
    static abstract int ElementBytes { get; }

    /// <summary>Elements index to index + 7.</summary>
    static abstract Vector256<float> Load8(byte* p, nint index);

    /// <summary>Elements index to index + 15.</summary>
    static abstract Vector512<float> Load16(byte* p, nint index);

    /// <summary>One element.</summary>
    static abstract float Load(byte* p, nint index);
}

/// <summary>Single precision.</summary>
internal readonly unsafe struct PanelF32 : IFloatFormat
{
    public static int ElementBytes => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(byte* p, nint index) => Vector256.Load((float*)p + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(byte* p, nint index) => Vector512.Load((float*)p + index);

    public static float Load(byte* p, nint index) => ((float*)p)[index];
}

/// <summary>Half precision.</summary>
internal readonly unsafe struct PanelF16 : IFloatFormat
{
    public static int ElementBytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(byte* p, nint index)
        => HalfFloats.Widen(Avx2.ConvertToVector256Int32((ushort*)p + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(byte* p, nint index)
        => HalfFloats.Widen(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)p + index)));

    public static float Load(byte* p, nint index) => (float)BitConverter.UInt16BitsToHalf(((ushort*)p)[index]);
}

/// <summary>Half precision without infinities and NaNs.</summary>
internal readonly unsafe struct PanelFiniteF16 : IFloatFormat
{
    public static int ElementBytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(byte* p, nint index)
        => HalfFloats.WidenFinite(Avx2.ConvertToVector256Int32((ushort*)p + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(byte* p, nint index)
        => HalfFloats.WidenFinite(Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)p + index)));

    public static float Load(byte* p, nint index) => (float)BitConverter.UInt16BitsToHalf(((ushort*)p)[index]);
}

/// <summary>Brain floats.</summary>
internal readonly unsafe struct PanelBF16 : IFloatFormat
{
    public static int ElementBytes => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load8(byte* p, nint index)
        => (Avx2.ConvertToVector256Int32((ushort*)p + index) << 16).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load16(byte* p, nint index)
        => (Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)p + index)) << 16).AsSingle();

    public static float Load(byte* p, nint index) => BitConverter.UInt32BitsToSingle((uint)((ushort*)p)[index] << 16);
}
