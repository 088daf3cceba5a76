using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// The exchange of rows and lanes that packing consists of: 16 bytes of each of 16 rows become four vectors of 16 dwords, of which
/// number j holds dword j of every row. Eight rows at a time: the 128-bit lanes of a register hold rows r and r + 4, so no shuffle
/// crosses them. Sixteen rows in 512-bit registers were tried: up to 20% faster where nothing follows (Q8_0), up to 30% slower where
/// 256-bit loads of the result follow (K types), and the same on data that comes from memory (EPYC, Zen 5).
/// </summary>
internal static unsafe class RowTranspose
{
    /// <summary>Transposes.</summary>
    /// <param name="rows">The first row's 16 bytes.</param>
    /// <param name="rowBytes">Bytes from one row to the next.</param>
    /// <param name="target">Room for the first vector of 64 bytes.</param>
    /// <param name="stride">Bytes from one vector to the next.</param>
    /// <param name="flipped">Bits to flip in every dword.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Dwords(byte* rows, nint rowBytes, byte* target, nint stride, uint flipped)
    {
        Eight(rows, rowBytes, target, stride, flipped);
        Eight(rows + (8 * rowBytes), rowBytes, target + 32, stride, flipped);
    }

    /// <summary>The same of eight rows, to vectors of 32 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Eight(byte* rows, nint rowBytes, byte* target, nint stride, uint flipped)
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
