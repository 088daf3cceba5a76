using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// The exchange of rows and lanes that packing consists of: 16 bytes of each of 16 rows become four vectors of 16 dwords, of which
/// number j holds dword j of every row.
/// </summary>
internal unsafe interface IRowTranspose
{
    /// <summary>Transposes.</summary>
    /// <param name="rows">The first row's 16 bytes.</param>
    /// <param name="rowBytes">Bytes from one row to the next.</param>
    /// <param name="target">Room for the first vector of 64 bytes.</param>
    /// <param name="stride">Bytes from one vector to the next.</param>
    /// <param name="flipped">Bits to flip in every dword.</param>
    static abstract void Dwords(byte* rows, nint rowBytes, byte* target, nint stride, uint flipped);
}

/// <summary>Two times eight rows. The 128-bit lanes of a register hold rows r and r + 4, so no shuffle crosses them.</summary>
internal readonly unsafe struct Avx2RowTranspose : IRowTranspose
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Dwords(byte* rows, nint rowBytes, byte* target, nint stride, uint flipped)
    {
        Eight(rows, rowBytes, target, stride, flipped);
        Eight(rows + (8 * rowBytes), rowBytes, target + 32, stride, flipped);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Eight(byte* rows, nint rowBytes, byte* target, nint stride, uint flipped)
    {
        Vector256<uint> a = Load(rows, rowBytes), b = Load(rows + rowBytes, rowBytes);
        Vector256<uint> c = Load(rows + (2 * rowBytes), rowBytes), d = Load(rows + (3 * rowBytes), rowBytes);
        Vector256<ulong> ab01 = Avx2.UnpackLow(a, b).AsUInt64(), ab23 = Avx2.UnpackHigh(a, b).AsUInt64();
        Vector256<ulong> cd01 = Avx2.UnpackLow(c, d).AsUInt64(), cd23 = Avx2.UnpackHigh(c, d).AsUInt64();
        Vector256<uint> flip = Vector256.Create(flipped);
        (Avx2.UnpackLow(ab01, cd01).AsUInt32() ^ flip).Store((uint*)target);
        (Avx2.UnpackHigh(ab01, cd01).AsUInt32() ^ flip).Store((uint*)(target + stride));
        (Avx2.UnpackLow(ab23, cd23).AsUInt32() ^ flip).Store((uint*)(target + (2 * stride)));
        (Avx2.UnpackHigh(ab23, cd23).AsUInt32() ^ flip).Store((uint*)(target + (3 * stride)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Load(byte* row, nint rowBytes)
        => Vector256.Create(Vector128.Load((uint*)row), Vector128.Load((uint*)(row + (4 * rowBytes))));
}

/// <summary>All 16 rows. The 128-bit lanes of a register hold rows r, r + 4, r + 8 and r + 12.</summary>
internal readonly unsafe struct Avx512RowTranspose : IRowTranspose
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Dwords(byte* rows, nint rowBytes, byte* target, nint stride, uint flipped)
    {
        Vector512<uint> a = Load(rows, rowBytes), b = Load(rows + rowBytes, rowBytes);
        Vector512<uint> c = Load(rows + (2 * rowBytes), rowBytes), d = Load(rows + (3 * rowBytes), rowBytes);
        Vector512<ulong> ab01 = Avx512F.UnpackLow(a, b).AsUInt64(), ab23 = Avx512F.UnpackHigh(a, b).AsUInt64();
        Vector512<ulong> cd01 = Avx512F.UnpackLow(c, d).AsUInt64(), cd23 = Avx512F.UnpackHigh(c, d).AsUInt64();
        Vector512<uint> flip = Vector512.Create(flipped);
        (Avx512F.UnpackLow(ab01, cd01).AsUInt32() ^ flip).Store((uint*)target);
        (Avx512F.UnpackHigh(ab01, cd01).AsUInt32() ^ flip).Store((uint*)(target + stride));
        (Avx512F.UnpackLow(ab23, cd23).AsUInt32() ^ flip).Store((uint*)(target + (2 * stride)));
        (Avx512F.UnpackHigh(ab23, cd23).AsUInt32() ^ flip).Store((uint*)(target + (3 * stride)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Load(byte* row, nint rowBytes)
    {
        Vector512<uint> v = Vector128.Load((uint*)row).ToVector256Unsafe().ToVector512Unsafe();
        v = Avx512F.InsertVector128(v, Vector128.Load((uint*)(row + (4 * rowBytes))), 1);
        v = Avx512F.InsertVector128(v, Vector128.Load((uint*)(row + (8 * rowBytes))), 2);
        return Avx512F.InsertVector128(v, Vector128.Load((uint*)(row + (12 * rowBytes))), 3);
    }
}
