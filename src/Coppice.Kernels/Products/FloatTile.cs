using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// The micro-kernel of float products: 32 outputs times some rows over one chunk of inputs. Per output and row
/// <c>t = 0; t = fma(weight, x, t) for ascending inputs; y = y + t</c>, the same on every path and for any number of rows.
/// Parameters of all methods: the chunk's weights [inputs, 32], the number of inputs, the first row's activations, floats from one
/// row to the next, the first row's sums (32 a row, continued), floats from one row of sums to the next.
/// </summary>
internal static unsafe class FloatTile<TFormat>
    where TFormat : struct, IFloatFormat
{
    /// <summary>The specification.</summary>
    public static void ScalarRow(byte* w, int inputs, float* x, float* y)
    {
        for (int lane = 0; lane < 32; lane++)
        {
            float t = 0;
            for (int i = 0; i < inputs; i++) t = MathF.FusedMultiplyAdd(TFormat.Load(w, ((nint)i * 32) + lane), x[i], t);
            y[lane] += t;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row1Avx2(byte* w, int inputs, float* x, float* y)
    {
        Vector256<float> a0 = default, a1 = default, a2 = default, a3 = default;
        for (nint i = 0; i < inputs; i++)
        {
            PanelPrefetch.Input(w, i, 32 * TFormat.ElementBytes);
            var v = Vector256.Create(x[i]);
            a0 = Fma.MultiplyAdd(TFormat.Load8(w, i * 32), v, a0);
            a1 = Fma.MultiplyAdd(TFormat.Load8(w, (i * 32) + 8), v, a1);
            a2 = Fma.MultiplyAdd(TFormat.Load8(w, (i * 32) + 16), v, a2);
            a3 = Fma.MultiplyAdd(TFormat.Load8(w, (i * 32) + 24), v, a3);
        }

        Add(y, a0);
        Add(y + 8, a1);
        Add(y + 16, a2);
        Add(y + 24, a3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row3Avx2(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride)
    {
        Vector256<float> a0 = default, a1 = default, a2 = default, a3 = default;
        Vector256<float> b0 = default, b1 = default, b2 = default, b3 = default;
        Vector256<float> c0 = default, c1 = default, c2 = default, c3 = default;
        float* x1 = x + xStride;
        float* x2 = x1 + xStride;
        for (nint i = 0; i < inputs; i++)
        {
            Vector256<float> v0 = Vector256.Create(x[i]), v1 = Vector256.Create(x1[i]), v2 = Vector256.Create(x2[i]);
            Vector256<float> k = TFormat.Load8(w, i * 32);
            a0 = Fma.MultiplyAdd(k, v0, a0);
            b0 = Fma.MultiplyAdd(k, v1, b0);
            c0 = Fma.MultiplyAdd(k, v2, c0);
            k = TFormat.Load8(w, (i * 32) + 8);
            a1 = Fma.MultiplyAdd(k, v0, a1);
            b1 = Fma.MultiplyAdd(k, v1, b1);
            c1 = Fma.MultiplyAdd(k, v2, c1);
            k = TFormat.Load8(w, (i * 32) + 16);
            a2 = Fma.MultiplyAdd(k, v0, a2);
            b2 = Fma.MultiplyAdd(k, v1, b2);
            c2 = Fma.MultiplyAdd(k, v2, c2);
            k = TFormat.Load8(w, (i * 32) + 24);
            a3 = Fma.MultiplyAdd(k, v0, a3);
            b3 = Fma.MultiplyAdd(k, v1, b3);
            c3 = Fma.MultiplyAdd(k, v2, c3);
        }

        Add(y, a0);
        Add(y + 8, a1);
        Add(y + 16, a2);
        Add(y + 24, a3);
        Add(y + yStride, b0);
        Add(y + yStride + 8, b1);
        Add(y + yStride + 16, b2);
        Add(y + yStride + 24, b3);
        Add(y + (2 * yStride), c0);
        Add(y + (2 * yStride) + 8, c1);
        Add(y + (2 * yStride) + 16, c2);
        Add(y + (2 * yStride) + 24, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row1Avx512(byte* w, int inputs, float* x, float* y)
    {
        Vector512<float> a0 = default, a1 = default;
        for (nint i = 0; i < inputs; i++)
        {
            PanelPrefetch.Input(w, i, 32 * TFormat.ElementBytes);
            var v = Vector512.Create(x[i]);
            a0 = Avx512F.FusedMultiplyAdd(TFormat.Load16(w, i * 32), v, a0);
            a1 = Avx512F.FusedMultiplyAdd(TFormat.Load16(w, (i * 32) + 16), v, a1);
        }

        Add(y, a0);
        Add(y + 16, a1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row2Avx512(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride)
    {
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default;
        float* x1 = x + xStride;
        for (nint i = 0; i < inputs; i++)
        {
            PanelPrefetch.Input(w, i, 32 * TFormat.ElementBytes);
            Vector512<float> k0 = TFormat.Load16(w, i * 32), k1 = TFormat.Load16(w, (i * 32) + 16);
            Vector512<float> v0 = Vector512.Create(x[i]), v1 = Vector512.Create(x1[i]);
            a0 = Avx512F.FusedMultiplyAdd(k0, v0, a0);
            a1 = Avx512F.FusedMultiplyAdd(k1, v0, a1);
            b0 = Avx512F.FusedMultiplyAdd(k0, v1, b0);
            b1 = Avx512F.FusedMultiplyAdd(k1, v1, b1);
        }

        Add(y, a0);
        Add(y + 16, a1);
        Add(y + yStride, b0);
        Add(y + yStride + 16, b1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row4Avx512(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride)
    {
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        float* x3 = x + (3 * xStride);
        for (nint i = 0; i < inputs; i++, x++, x3++)
        {
            PanelPrefetch.Input(w, i, 32 * TFormat.ElementBytes);
            Vector512<float> k0 = TFormat.Load16(w, i * 32), k1 = TFormat.Load16(w, (i * 32) + 16);
            var v = Vector512.Create(*x);
            a0 = Avx512F.FusedMultiplyAdd(k0, v, a0);
            a1 = Avx512F.FusedMultiplyAdd(k1, v, a1);
            v = Vector512.Create(x[xStride]);
            b0 = Avx512F.FusedMultiplyAdd(k0, v, b0);
            b1 = Avx512F.FusedMultiplyAdd(k1, v, b1);
            v = Vector512.Create(x[2 * xStride]);
            c0 = Avx512F.FusedMultiplyAdd(k0, v, c0);
            c1 = Avx512F.FusedMultiplyAdd(k1, v, c1);
            v = Vector512.Create(*x3);
            d0 = Avx512F.FusedMultiplyAdd(k0, v, d0);
            d1 = Avx512F.FusedMultiplyAdd(k1, v, d1);
        }

        Add(y, a0, a1);
        Add(y + yStride, b0, b1);
        Add(y + (2 * yStride), c0, c1);
        Add(y + (3 * yStride), d0, d1);
    }

    /// <summary>16 sums in registers: enough to hide the latency of the multiplier, with one spread activation in flight.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row8Avx512(byte* w, int inputs, float* x, nint xStride, float* y, nint yStride)
    {
        Vector512<float> a0 = default, a1 = default, b0 = default, b1 = default, c0 = default, c1 = default, d0 = default, d1 = default;
        Vector512<float> e0 = default, e1 = default, f0 = default, f1 = default, g0 = default, g1 = default, h0 = default, h1 = default;
        float* x3 = x + (3 * xStride);
        float* x6 = x3 + (3 * xStride);
        for (nint i = 0; i < inputs; i++, x++, x3++, x6++)
        {
            PanelPrefetch.Input(w, i, 32 * TFormat.ElementBytes);
            Vector512<float> k0 = TFormat.Load16(w, i * 32), k1 = TFormat.Load16(w, (i * 32) + 16);
            var v = Vector512.Create(*x);
            a0 = Avx512F.FusedMultiplyAdd(k0, v, a0);
            a1 = Avx512F.FusedMultiplyAdd(k1, v, a1);
            v = Vector512.Create(x[xStride]);
            b0 = Avx512F.FusedMultiplyAdd(k0, v, b0);
            b1 = Avx512F.FusedMultiplyAdd(k1, v, b1);
            v = Vector512.Create(x[2 * xStride]);
            c0 = Avx512F.FusedMultiplyAdd(k0, v, c0);
            c1 = Avx512F.FusedMultiplyAdd(k1, v, c1);
            v = Vector512.Create(*x3);
            d0 = Avx512F.FusedMultiplyAdd(k0, v, d0);
            d1 = Avx512F.FusedMultiplyAdd(k1, v, d1);
            v = Vector512.Create(x3[xStride]);
            e0 = Avx512F.FusedMultiplyAdd(k0, v, e0);
            e1 = Avx512F.FusedMultiplyAdd(k1, v, e1);
            v = Vector512.Create(x3[2 * xStride]);
            f0 = Avx512F.FusedMultiplyAdd(k0, v, f0);
            f1 = Avx512F.FusedMultiplyAdd(k1, v, f1);
            v = Vector512.Create(*x6);
            g0 = Avx512F.FusedMultiplyAdd(k0, v, g0);
            g1 = Avx512F.FusedMultiplyAdd(k1, v, g1);
            v = Vector512.Create(x6[xStride]);
            h0 = Avx512F.FusedMultiplyAdd(k0, v, h0);
            h1 = Avx512F.FusedMultiplyAdd(k1, v, h1);
        }

        Add(y, a0, a1);
        Add(y + yStride, b0, b1);
        Add(y + (2 * yStride), c0, c1);
        Add(y + (3 * yStride), d0, d1);
        Add(y + (4 * yStride), e0, e1);
        Add(y + (5 * yStride), f0, f1);
        Add(y + (6 * yStride), g0, g1);
        Add(y + (7 * yStride), h0, h1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* y, Vector256<float> t) => (Vector256.Load(y) + t).Store(y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* y, Vector512<float> t) => (Vector512.Load(y) + t).Store(y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float* y, Vector512<float> t0, Vector512<float> t1)
    {
        Add(y, t0);
        Add(y + 16, t1);
    }
}
