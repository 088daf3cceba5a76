using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// The micro-kernel of quantized products for many rows: an unpacked stretch of a panel (<see cref="UnpackedPanel{TFormat}"/>, 16
/// outputs) times 4 rows. Same operations in the same order as <see cref="IntegerTile{TFormat,TDot}"/>. 8 integer sums in
/// registers; a group of 4 inputs costs 2 loads of codes, 4 spread loads of activations and 8 dot products.
/// </summary>
internal static unsafe class UnpackedTile<TFormat, TDot>
    where TFormat : struct, IPanelFormat
    where TDot : struct, IByteDot
{
    /// <summary>Four rows.</summary>
    /// <param name="panel">The first unpacked step.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="x">The first activation block of the first row.</param>
    /// <param name="xStride">Bytes from one row of blocks to the next.</param>
    /// <param name="y">16 sums a row, continued.</param>
    /// <param name="yStride">Floats from one row of sums to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row4(byte* panel, int steps, byte* x, nint xStride, float* y, nint yStride)
    {
        bool small = TFormat.StepInputs == 32, half = TFormat.ScaleInputs == 16;
        bool starts = TFormat.OffsetShift >= 0 && !TDot.TakesOffset;
        int blockBytes = small ? Block32.Bytes : Block256.Bytes;
        byte* x3 = x + (3 * xStride);
        float* y3 = y + (3 * yStride);
        Sse.Prefetch0(y + (4 * yStride));
        Sse.Prefetch0(y + (5 * yStride));
        Sse.Prefetch0(y + (6 * yStride));
        Sse.Prefetch0(y3 + (4 * yStride));
        // The sums themselves, or those of one step.
        Vector256<float> t00 = default, t01 = default, t10 = default, t11 = default;
        Vector256<float> t20 = default, t21 = default, t30 = default, t31 = default;
        if (small)
        {
            t00 = Vector256.Load(y);
            t01 = Vector256.Load(y + 8);
            t10 = Vector256.Load(y + yStride);
            t11 = Vector256.Load(y + yStride + 8);
            t20 = Vector256.Load(y + (2 * yStride));
            t21 = Vector256.Load(y + (2 * yStride) + 8);
            t30 = Vector256.Load(y3);
            t31 = Vector256.Load(y3 + 8);
        }

        for (; steps > 0; steps--)
        {
            byte* w = panel + UnpackedPanel<TFormat>.CodesAt;
            byte* scales = panel;
            byte* c = x + (small ? Block32.Codes : Block256.Codes), c3 = x3 + (small ? Block32.Codes : Block256.Codes);
            byte* start = x + (small ? Block32.Start(TFormat.OffsetShift) : Block256.Starts(TFormat.OffsetShift));
            byte* start3 = x3 + (start - x);
            byte* sums = x + (small ? Block32.ScaledSum : half ? Block256.Sums16 : Block256.Sums32), sums3 = x3 + (sums - x);
            for (int i = 0; i < TFormat.StepInputs / TFormat.ScaleInputs; i++)
            {
                if (small || half ? (i & 3) == 0 : (i & 1) == 0)
                {
                    // The next four rows: too many streams for the processor to foresee.
                    Sse.Prefetch0(c + (4 * xStride));
                    Sse.Prefetch0(c + (5 * xStride));
                    Sse.Prefetch0(c + (6 * xStride));
                    Sse.Prefetch0(c3 + (4 * xStride));
                }

                Vector256<int> a00, a01, a10, a11, a20, a21, a30, a31;
                if (starts)
                {
                    a00 = a01 = Vector256.Create(*(int*)start);
                    a10 = a11 = Vector256.Create(*(int*)(start + xStride));
                    a20 = a21 = Vector256.Create(*(int*)(start + (2 * xStride)));
                    a30 = a31 = Vector256.Create(*(int*)start3);
                    start += 4;
                    start3 += 4;
                }
                else
                {
                    a00 = a01 = a10 = a11 = a20 = a21 = a30 = a31 = Vector256.Create(Activations.Magic);
                }

                for (byte* end = w + (TFormat.ScaleInputs * 16); w < end; w += 128, c += 8, c3 += 8)
                {
                    Vector256<byte> w0 = Vector256.Load(w), w1 = Vector256.Load(w + 32);
                    Vector256<sbyte> v = Vector256.Create(*(int*)c).AsSByte();
                    a00 = TDot.Add(a00, w0, v);
                    a01 = TDot.Add(a01, w1, v);
                    v = Vector256.Create(*(int*)(c + xStride)).AsSByte();
                    a10 = TDot.Add(a10, w0, v);
                    a11 = TDot.Add(a11, w1, v);
                    v = Vector256.Create(*(int*)(c + (2 * xStride))).AsSByte();
                    a20 = TDot.Add(a20, w0, v);
                    a21 = TDot.Add(a21, w1, v);
                    v = Vector256.Create(*(int*)c3).AsSByte();
                    a30 = TDot.Add(a30, w0, v);
                    a31 = TDot.Add(a31, w1, v);
                    w0 = Vector256.Load(w + 64);
                    w1 = Vector256.Load(w + 96);
                    v = Vector256.Create(*(int*)(c + 4)).AsSByte();
                    a00 = TDot.Add(a00, w0, v);
                    a01 = TDot.Add(a01, w1, v);
                    v = Vector256.Create(*(int*)(c + xStride + 4)).AsSByte();
                    a10 = TDot.Add(a10, w0, v);
                    a11 = TDot.Add(a11, w1, v);
                    v = Vector256.Create(*(int*)(c + (2 * xStride) + 4)).AsSByte();
                    a20 = TDot.Add(a20, w0, v);
                    a21 = TDot.Add(a21, w1, v);
                    v = Vector256.Create(*(int*)(c3 + 4)).AsSByte();
                    a30 = TDot.Add(a30, w0, v);
                    a31 = TDot.Add(a31, w1, v);
                }

                Vector256<float> s0 = Vector256.Load((float*)scales), s1 = Vector256.Load((float*)scales + 8);
                // Read from memory, because the 16 registers that sums can be in are taken.
                Vector256<float> magic = Vector256.Create(*(float*)(x + Activations.MagicAt));
                if (small)
                {
                    // (magic + dot) * scale - magic * scale: dot * scale with one rounding, because magic * scale is exact.
                    Vector256<float> m0 = s0 * magic, m1 = s1 * magic, f = Vector256.Create(*(float*)x);
                    t00 = Fma.MultiplyAdd(Fma.MultiplySubtract(a00.AsSingle(), s0, m0), f, t00);
                    t01 = Fma.MultiplyAdd(Fma.MultiplySubtract(a01.AsSingle(), s1, m1), f, t01);
                    f = Vector256.Create(*(float*)(x + xStride));
                    t10 = Fma.MultiplyAdd(Fma.MultiplySubtract(a10.AsSingle(), s0, m0), f, t10);
                    t11 = Fma.MultiplyAdd(Fma.MultiplySubtract(a11.AsSingle(), s1, m1), f, t11);
                    f = Vector256.Create(*(float*)(x + (2 * xStride)));
                    t20 = Fma.MultiplyAdd(Fma.MultiplySubtract(a20.AsSingle(), s0, m0), f, t20);
                    t21 = Fma.MultiplyAdd(Fma.MultiplySubtract(a21.AsSingle(), s1, m1), f, t21);
                    f = Vector256.Create(*(float*)x3);
                    t30 = Fma.MultiplyAdd(Fma.MultiplySubtract(a30.AsSingle(), s0, m0), f, t30);
                    t31 = Fma.MultiplyAdd(Fma.MultiplySubtract(a31.AsSingle(), s1, m1), f, t31);
                }
                else
                {
                    t00 = Fma.MultiplyAdd(a00.AsSingle() - magic, s0, t00);
                    t01 = Fma.MultiplyAdd(a01.AsSingle() - magic, s1, t01);
                    t10 = Fma.MultiplyAdd(a10.AsSingle() - magic, s0, t10);
                    t11 = Fma.MultiplyAdd(a11.AsSingle() - magic, s1, t11);
                    t20 = Fma.MultiplyAdd(a20.AsSingle() - magic, s0, t20);
                    t21 = Fma.MultiplyAdd(a21.AsSingle() - magic, s1, t21);
                    t30 = Fma.MultiplyAdd(a30.AsSingle() - magic, s0, t30);
                    t31 = Fma.MultiplyAdd(a31.AsSingle() - magic, s1, t31);
                }

                if (TFormat.HasMinima)
                {
                    s0 = Vector256.Load((float*)(scales + UnpackedPanel<TFormat>.MinimaAt));
                    s1 = Vector256.Load((float*)(scales + UnpackedPanel<TFormat>.MinimaAt) + 8);
                    AddMinima(sums, s0, s1, ref t00, ref t01);
                    AddMinima(sums + xStride, s0, s1, ref t10, ref t11);
                    AddMinima(sums + (2 * xStride), s0, s1, ref t20, ref t21);
                    AddMinima(sums3, s0, s1, ref t30, ref t31);
                    sums += 4;
                    sums3 += 4;
                }

                scales += 64;
            }

            if (!small)
            {
                Finish(x, ref t00, ref t01, y);
                Finish(x + xStride, ref t10, ref t11, y + yStride);
                Finish(x + (2 * xStride), ref t20, ref t21, y + (2 * yStride));
                Finish(x3, ref t30, ref t31, y3);
            }

            panel = w;
            x += blockBytes;
            x3 += blockBytes;
        }

        if (!small) return;
        t00.Store(y);
        t01.Store(y + 8);
        t10.Store(y + yStride);
        t11.Store(y + yStride + 8);
        t20.Store(y + (2 * yStride));
        t21.Store(y + (2 * yStride) + 8);
        t30.Store(y3);
        t31.Store(y3 + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddMinima(
        byte* sum, Vector256<float> minima0, Vector256<float> minima1, ref Vector256<float> t0, ref Vector256<float> t1)
    {
        Vector256<float> f = Vector256.Create(*(float*)sum);
        t0 = Fma.MultiplyAdd(minima0, f, t0);
        t1 = Fma.MultiplyAdd(minima1, f, t1);
    }

    /// <summary>Adds a step's sums, scaled, to the result and clears them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(byte* x, ref Vector256<float> t0, ref Vector256<float> t1, float* y)
    {
        Vector256<float> f = Vector256.Create(*(float*)x);
        Fma.MultiplyAdd(t0, f, Vector256.Load(y)).Store(y);
        Fma.MultiplyAdd(t1, f, Vector256.Load(y + 8)).Store(y + 8);
        t0 = t1 = default;
    }
}
