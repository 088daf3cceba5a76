using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// The micro-kernel of quantized products: one panel (16 outputs) times 1, 2 or 4 activation rows over some steps of the
/// inputs, in any layout (many rows: <see cref="UnpackedTile{TFormat,TDot}"/>).
/// Per output and row, in ascending order of the inputs:
/// <code>
/// steps of 32:   y = fma(dot * scale, xScale, y); with minima: y = fma(minimum, xScaledSum, y)
/// steps of 256:  t = 0; per scale: t = fma(dot, scale, t); with minima: t = fma(minimum, xSum, t); then y = fma(t, xScale, y)
/// </code>
/// where dot = sum of (code - offset) * activation over the inputs of one scale, an exact integer. This order is the same for any
/// number of rows, so a row's bits do not depend on its neighbours; <see cref="ScalarTile{TFormat}"/> is its specification.
/// Integer sums start at values prepared with the activations (<see cref="Activations"/>), which take care of the offset and of
/// the conversion to float.
/// </summary>
internal static unsafe class IntegerTile<TFormat, TDot>
    where TFormat : struct, IPanelFormat
    where TDot : struct, IByteDot
{
    private static bool Small
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.StepInputs == 32;
    }

    private static int BlockBytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.StepInputs == 32 ? Block32.Bytes : Block256.Bytes;
    }

    private static int CodesAt
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.StepInputs == 32 ? Block32.Codes : Block256.Codes;
    }

    private static int Parts
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => TFormat.StepInputs / 32;
    }

    /// <summary>One row.</summary>
    /// <param name="panel">The first step.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="x">The first activation block.</param>
    /// <param name="y">16 sums, continued.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row1(byte* panel, int steps, byte* x, float* y)
    {
        Vector256<float> y0 = Vector256.Load(y), y1 = Vector256.Load(y + 8);
        for (int step = 0; step < steps; step++, panel += TFormat.StepBytes, x += BlockBytes)
        {
            var scale = new StepFactors(panel);
            Vector256<float> t0 = Small ? y0 : default, t1 = Small ? y1 : default;
            for (int part = 0; part < Parts; part++)
            {
                PanelPrefetch.Part(panel, part, Parts, TFormat.StepBytes);
                byte* c = x + CodesAt + (part * 32);
                Vector256<int> a0 = Start(x, part, 0), a1 = a0;
                Four1(panel, part, 0, c, ref a0, ref a1);
                if (TFormat.ScaleInputs == 16)
                {
                    Scale(panel, in scale, x, 2 * part, a0, a1, ref t0, ref t1);
                    a0 = a1 = Start(x, part, 1);
                }

                Four1(panel, part, 4, c, ref a0, ref a1);
                Scale(panel, in scale, x, TFormat.ScaleInputs == 16 ? (2 * part) + 1 : part, a0, a1, ref t0, ref t1);
            }

            Finish(x, t0, t1, ref y0, ref y1);
        }

        y0.Store(y);
        y1.Store(y + 8);
    }

    /// <summary>Two rows.</summary>
    /// <param name="panel">The first step.</param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="x">The first activation block of the first row.</param>
    /// <param name="xStride">Bytes from one row of blocks to the next.</param>
    /// <param name="y">16 sums a row, continued.</param>
    /// <param name="yStride">Floats from one row of sums to the next.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row2(byte* panel, int steps, byte* x, nint xStride, float* y, nint yStride)
    {
        Vector256<float> y0 = Vector256.Load(y), y1 = Vector256.Load(y + 8);
        Vector256<float> z0 = Vector256.Load(y + yStride), z1 = Vector256.Load(y + yStride + 8);
        for (int step = 0; step < steps; step++, panel += TFormat.StepBytes, x += BlockBytes)
        {
            var scale = new StepFactors(panel);
            Vector256<float> t0 = Small ? y0 : default, t1 = Small ? y1 : default;
            Vector256<float> u0 = Small ? z0 : default, u1 = Small ? z1 : default;
            for (int part = 0; part < Parts; part++)
            {
                PanelPrefetch.Part(panel, part, Parts, TFormat.StepBytes);
                byte* c = x + CodesAt + (part * 32);
                Vector256<int> a0 = Start(x, part, 0), a1 = a0, b0 = Start(x + xStride, part, 0), b1 = b0;
                Four2(panel, part, 0, c, xStride, ref a0, ref a1, ref b0, ref b1);
                if (TFormat.ScaleInputs == 16)
                {
                    Scale(panel, in scale, x, 2 * part, a0, a1, ref t0, ref t1);
                    Scale(panel, in scale, x + xStride, 2 * part, b0, b1, ref u0, ref u1);
                    a0 = a1 = Start(x, part, 1);
                    b0 = b1 = Start(x + xStride, part, 1);
                }

                Four2(panel, part, 4, c, xStride, ref a0, ref a1, ref b0, ref b1);
                int index = TFormat.ScaleInputs == 16 ? (2 * part) + 1 : part;
                Scale(panel, in scale, x, index, a0, a1, ref t0, ref t1);
                Scale(panel, in scale, x + xStride, index, b0, b1, ref u0, ref u1);
            }

            Finish(x, t0, t1, ref y0, ref y1);
            Finish(x + xStride, u0, u1, ref z0, ref z1);
        }

        y0.Store(y);
        y1.Store(y + 8);
        z0.Store(y + yStride);
        z1.Store(y + yStride + 8);
    }

    /// <summary>Four rows; parameters as for <see cref="Row2"/>. The sums of steps of 256 stay in memory: registers are taken.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row4(byte* panel, int steps, byte* x, nint xStride, float* y, nint yStride)
    {
        Vector256<float> t0 = default, t1 = default, u0 = default, u1 = default, v0 = default, v1 = default, w0 = default, w1 = default;
        byte* x3 = x + (3 * xStride);
        if (Small) Load4(y, yStride, ref t0, ref t1, ref u0, ref u1, ref v0, ref v1, ref w0, ref w1);
        for (int step = 0; step < steps; step++, panel += TFormat.StepBytes, x += BlockBytes, x3 += BlockBytes)
        {
            var scale = new StepFactors(panel);
            for (int part = 0; part < Parts; part++)
            {
                PanelPrefetch.Part(panel, part, Parts, TFormat.StepBytes);
                byte* c = x + CodesAt + (part * 32), c3 = x3 + CodesAt + (part * 32);
                Vector256<int> a0 = Start(x, part, 0), a1 = a0, b0 = Start(x + xStride, part, 0), b1 = b0;
                Vector256<int> d0 = Start(x + (2 * xStride), part, 0), d1 = d0, e0 = Start(x3, part, 0), e1 = e0;
                Four4(panel, part, 0, c, c3, xStride, ref a0, ref a1, ref b0, ref b1, ref d0, ref d1, ref e0, ref e1);
                if (TFormat.ScaleInputs == 16)
                {
                    Scale(panel, in scale, x, 2 * part, a0, a1, ref t0, ref t1);
                    Scale(panel, in scale, x + xStride, 2 * part, b0, b1, ref u0, ref u1);
                    Scale(panel, in scale, x + (2 * xStride), 2 * part, d0, d1, ref v0, ref v1);
                    Scale(panel, in scale, x3, 2 * part, e0, e1, ref w0, ref w1);
                    a0 = a1 = Start(x, part, 1);
                    b0 = b1 = Start(x + xStride, part, 1);
                    d0 = d1 = Start(x + (2 * xStride), part, 1);
                    e0 = e1 = Start(x3, part, 1);
                }

                Four4(panel, part, 4, c, c3, xStride, ref a0, ref a1, ref b0, ref b1, ref d0, ref d1, ref e0, ref e1);
                int index = TFormat.ScaleInputs == 16 ? (2 * part) + 1 : part;
                Scale(panel, in scale, x, index, a0, a1, ref t0, ref t1);
                Scale(panel, in scale, x + xStride, index, b0, b1, ref u0, ref u1);
                Scale(panel, in scale, x + (2 * xStride), index, d0, d1, ref v0, ref v1);
                Scale(panel, in scale, x3, index, e0, e1, ref w0, ref w1);
            }

            if (Small) continue;
            Add(x, y, ref t0, ref t1);
            Add(x + xStride, y + yStride, ref u0, ref u1);
            Add(x + (2 * xStride), y + (2 * yStride), ref v0, ref v1);
            Add(x3, y + (3 * yStride), ref w0, ref w1);
        }

        if (Small) Store4(y, yStride, t0, t1, u0, u1, v0, v1, w0, w1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load4(
        float* y, nint stride, ref Vector256<float> t0, ref Vector256<float> t1, ref Vector256<float> u0, ref Vector256<float> u1,
        ref Vector256<float> v0, ref Vector256<float> v1, ref Vector256<float> w0, ref Vector256<float> w1)
    {
        t0 = Vector256.Load(y);
        t1 = Vector256.Load(y + 8);
        u0 = Vector256.Load(y + stride);
        u1 = Vector256.Load(y + stride + 8);
        v0 = Vector256.Load(y + (2 * stride));
        v1 = Vector256.Load(y + (2 * stride) + 8);
        w0 = Vector256.Load(y + (3 * stride));
        w1 = Vector256.Load(y + (3 * stride) + 8);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store4(
        float* y, nint stride, Vector256<float> t0, Vector256<float> t1, Vector256<float> u0, Vector256<float> u1,
        Vector256<float> v0, Vector256<float> v1, Vector256<float> w0, Vector256<float> w1)
    {
        t0.Store(y);
        t1.Store(y + 8);
        u0.Store(y + stride);
        u1.Store(y + stride + 8);
        v0.Store(y + (2 * stride));
        v1.Store(y + (2 * stride) + 8);
        w0.Store(y + (3 * stride));
        w1.Store(y + (3 * stride) + 8);
    }

    /// <summary>Adds a step's sums, scaled, to the result and clears them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(byte* x, float* y, ref Vector256<float> t0, ref Vector256<float> t1)
    {
        Vector256<float> xScale = Vector256.Create(*(float*)(x + Block256.Scale));
        Fma.MultiplyAdd(t0, xScale, Vector256.Load(y)).Store(y);
        Fma.MultiplyAdd(t1, xScale, Vector256.Load(y + 8)).Store(y + 8);
        t0 = t1 = default;
    }

    /// <summary>Where the integer sums of a part (or of one half of it, where scales cover 16 inputs) start.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Start(byte* x, int part, int half16)
    {
        if (TFormat.OffsetShift < 0 || TDot.TakesOffset) return Vector256.Create(Activations.Magic);
        int at = Small ? Block32.Start(TFormat.OffsetShift) : Block256.Starts(TFormat.OffsetShift) + (8 * part) + (4 * half16);
        return Vector256.Create(*(int*)(x + at));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(
        byte* step, in StepFactors f, byte* x, int index, Vector256<int> a0, Vector256<int> a1,
        ref Vector256<float> t0, ref Vector256<float> t1)
    {
        Vector256<float> scale0 = TFormat.Scales(step, index, 0, f.Scale0), scale1 = TFormat.Scales(step, index, 1, f.Scale1);
        var magic = Vector256.Create(Activations.MagicFloat);
        if (Small)
        {
            // (magic + dot) * scale - magic * scale: dot * scale with one rounding, because magic * scale is exact.
            Vector256<float> xScale = Vector256.Create(*(float*)(x + Block32.Scale));
            t0 = Fma.MultiplyAdd(Fma.MultiplySubtract(a0.AsSingle(), scale0, scale0 * magic), xScale, t0);
            t1 = Fma.MultiplyAdd(Fma.MultiplySubtract(a1.AsSingle(), scale1, scale1 * magic), xScale, t1);
        }
        else
        {
            t0 = Fma.MultiplyAdd(a0.AsSingle() - magic, scale0, t0);
            t1 = Fma.MultiplyAdd(a1.AsSingle() - magic, scale1, t1);
        }

        if (!TFormat.HasMinima) return;
        int at = Small ? Block32.ScaledSum
            : (TFormat.ScaleInputs == 16 ? Block256.Sums16 : Block256.Sums32) + (4 * index);
        Vector256<float> sum = Vector256.Create(*(float*)(x + at));
        t0 = Fma.MultiplyAdd(TFormat.Minima(step, index, 0, f.Minimum0), sum, t0);
        t1 = Fma.MultiplyAdd(TFormat.Minima(step, index, 1, f.Minimum1), sum, t1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(
        byte* x, Vector256<float> t0, Vector256<float> t1, ref Vector256<float> y0, ref Vector256<float> y1)
    {
        if (Small)
        {
            y0 = t0;
            y1 = t1;
            return;
        }

        Vector256<float> xScale = Vector256.Create(*(float*)(x + Block256.Scale));
        y0 = Fma.MultiplyAdd(t0, xScale, y0);
        y1 = Fma.MultiplyAdd(t1, xScale, y1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<sbyte> Spread(byte* codes) => Vector256.Create(*(int*)codes).AsSByte();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four1(byte* step, int part, int group, byte* c, ref Vector256<int> a0, ref Vector256<int> a1)
    {
        One1(step, part, group, c, ref a0, ref a1);
        One1(step, part, group + 1, c, ref a0, ref a1);
        One1(step, part, group + 2, c, ref a0, ref a1);
        One1(step, part, group + 3, c, ref a0, ref a1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void One1(byte* step, int part, int group, byte* c, ref Vector256<int> a0, ref Vector256<int> a1)
    {
        Vector256<sbyte> x0 = Spread(c + (4 * group));
        a0 = TDot.Add(a0, TFormat.Codes(step, part, group, 0), x0);
        a1 = TDot.Add(a1, TFormat.Codes(step, part, group, 1), x0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four2(
        byte* step, int part, int group, byte* c, nint stride,
        ref Vector256<int> a0, ref Vector256<int> a1, ref Vector256<int> b0, ref Vector256<int> b1)
    {
        One2(step, part, group, c, stride, ref a0, ref a1, ref b0, ref b1);
        One2(step, part, group + 1, c, stride, ref a0, ref a1, ref b0, ref b1);
        One2(step, part, group + 2, c, stride, ref a0, ref a1, ref b0, ref b1);
        One2(step, part, group + 3, c, stride, ref a0, ref a1, ref b0, ref b1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void One2(
        byte* step, int part, int group, byte* c, nint stride,
        ref Vector256<int> a0, ref Vector256<int> a1, ref Vector256<int> b0, ref Vector256<int> b1)
    {
        Vector256<byte> w0 = TFormat.Codes(step, part, group, 0), w1 = TFormat.Codes(step, part, group, 1);
        Vector256<sbyte> x0 = Spread(c + (4 * group)), x1 = Spread(c + stride + (4 * group));
        a0 = TDot.Add(a0, w0, x0);
        a1 = TDot.Add(a1, w1, x0);
        b0 = TDot.Add(b0, w0, x1);
        b1 = TDot.Add(b1, w1, x1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four4(
        byte* step, int part, int group, byte* c, byte* c3, nint stride,
        ref Vector256<int> a0, ref Vector256<int> a1, ref Vector256<int> b0, ref Vector256<int> b1,
        ref Vector256<int> d0, ref Vector256<int> d1, ref Vector256<int> e0, ref Vector256<int> e1)
    {
        One4(step, part, group, c, c3, stride, ref a0, ref a1, ref b0, ref b1, ref d0, ref d1, ref e0, ref e1);
        One4(step, part, group + 1, c, c3, stride, ref a0, ref a1, ref b0, ref b1, ref d0, ref d1, ref e0, ref e1);
        One4(step, part, group + 2, c, c3, stride, ref a0, ref a1, ref b0, ref b1, ref d0, ref d1, ref e0, ref e1);
        One4(step, part, group + 3, c, c3, stride, ref a0, ref a1, ref b0, ref b1, ref d0, ref d1, ref e0, ref e1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void One4(
        byte* step, int part, int group, byte* c, byte* c3, nint stride,
        ref Vector256<int> a0, ref Vector256<int> a1, ref Vector256<int> b0, ref Vector256<int> b1,
        ref Vector256<int> d0, ref Vector256<int> d1, ref Vector256<int> e0, ref Vector256<int> e1)
    {
        Vector256<byte> w0 = TFormat.Codes(step, part, group, 0), w1 = TFormat.Codes(step, part, group, 1);
        Vector256<sbyte> x = Spread(c + (4 * group));
        a0 = TDot.Add(a0, w0, x);
        a1 = TDot.Add(a1, w1, x);
        x = Spread(c + stride + (4 * group));
        b0 = TDot.Add(b0, w0, x);
        b1 = TDot.Add(b1, w1, x);
        x = Spread(c + (2 * stride) + (4 * group));
        d0 = TDot.Add(d0, w0, x);
        d1 = TDot.Add(d1, w1, x);
        x = Spread(c3 + (4 * group));
        e0 = TDot.Add(e0, w0, x);
        e1 = TDot.Add(e1, w1, x);
    }

    /// <summary>The step's own factors, read once a step.</summary>
    private readonly ref struct StepFactors
    {
        public readonly Vector256<float> Scale0;
        public readonly Vector256<float> Scale1;
        public readonly Vector256<float> Minimum0;
        public readonly Vector256<float> Minimum1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public StepFactors(byte* step)
        {
            Scale0 = TFormat.StepScale(step, 0);
            Scale1 = TFormat.StepScale(step, 1);
            Minimum0 = TFormat.StepMinimum(step, 0);
            Minimum1 = TFormat.StepMinimum(step, 1);
        }
    }
}
