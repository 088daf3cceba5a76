using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Formats;

/// <summary>
/// How all block formats pack their codes: bytes come in runs, and each byte of a run holds one field of each of 8 / bits planes.
/// Plane p of run r gives the codes [(r * planes + p) * run, + run); byte l of the run holds the plane's code l in the bits
/// [bits * p, bits * p + bits). Runs of 16 (small blocks), 32 or 64 (super-blocks); a run of 1 is a plain bit field.
/// </summary>
internal static class BitPlanes
{
    /// <summary>Ors the packed fields, shifted left by <paramref name="shift"/>, into the codes.</summary>
    /// <param name="packed">[codes * bits / 8].</param>
    /// <param name="bits">Width of a field: 1, 2 or 4.</param>
    /// <param name="run">Bytes in a run.</param>
    /// <param name="shift">Where the fields go within a code.</param>
    /// <param name="codes">[codes].</param>
    public static void Unpack(ReadOnlySpan<byte> packed, int bits, int run, int shift, Span<byte> codes)
    {
        int mask = (1 << bits) - 1;
        int first = 0;
        for (int start = 0; start < packed.Length; start += run)
        {
            ReadOnlySpan<byte> source = packed.Slice(start, run);
            for (int bit = 0; bit < 8; bit += bits, first += run)
            {
                Span<byte> target = codes.Slice(first, run);
                int l = 0;
                for (; l <= run - 16; l += 16)
                {
                    Vector128<byte> fields = (Vector128.Create(source.Slice(l, 16)) >>> bit) & Vector128.Create((byte)mask);
                    (Vector128.Create<byte>(target.Slice(l, 16)) | (fields << shift)).CopyTo(target[l..]);
                }

                for (; l < run; l++) target[l] |= (byte)(((source[l] >> bit) & mask) << shift);
            }
        }
    }

    /// <summary>Packs the fields that start at bit <paramref name="shift"/> of each code; the reverse of <see cref="Unpack"/>.</summary>
    /// <param name="codes">[codes].</param>
    /// <param name="bits">Width of a field: 1, 2 or 4.</param>
    /// <param name="run">Bytes in a run.</param>
    /// <param name="shift">Where the fields lie within a code.</param>
    /// <param name="packed">[codes * bits / 8]; every byte is written.</param>
    public static void Pack(ReadOnlySpan<byte> codes, int bits, int run, int shift, Span<byte> packed)
    {
        int mask = (1 << bits) - 1;
        int first = 0;
        packed.Clear();
        for (int start = 0; start < packed.Length; start += run)
        {
            Span<byte> target = packed.Slice(start, run);
            for (int bit = 0; bit < 8; bit += bits, first += run)
            {
                ReadOnlySpan<byte> source = codes.Slice(first, run);
                int l = 0;
                for (; l <= run - 16; l += 16)
                {
                    Vector128<byte> fields = (Vector128.Create(source.Slice(l, 16)) >>> shift) & Vector128.Create((byte)mask);
                    (Vector128.Create<byte>(target.Slice(l, 16)) | (fields << bit)).CopyTo(target[l..]);
                }

                for (; l < run; l++) target[l] |= (byte)(((source[l] >> shift) & mask) << bit);
            }
        }
    }

    /// <summary>values = scale * (code - offset) - minimum, the product rounded before the difference.</summary>
    /// <param name="codes">[n], n a multiple of 8.</param>
    /// <param name="offset">The code that means zero.</param>
    /// <param name="scale">Scale of the codes.</param>
    /// <param name="minimum">Subtracted; zero leaves the product's bits as they are.</param>
    /// <param name="values">[n].</param>
    public static void Expand(ReadOnlySpan<byte> codes, int offset, float scale, float minimum, Span<float> values)
    {
        Vector256<float> scales = Vector256.Create(scale);
        Vector256<float> minima = Vector256.Create(minimum);
        Vector256<int> offsets = Vector256.Create(offset);
        for (int i = 0; i < codes.Length; i += 8)
        {
            ulong eight = BitConverter.ToUInt64(codes[i..]);
            Vector128<ushort> wide = Vector128.WidenLower(Vector128.CreateScalar(eight).AsByte());
            Vector256<int> code = Vector256.Create(Vector128.WidenLower(wide), Vector128.WidenUpper(wide)).AsInt32() - offsets;
            (scales * Vector256.ConvertToSingle(code) - minima).CopyTo(values[i..]);
        }
    }
}
