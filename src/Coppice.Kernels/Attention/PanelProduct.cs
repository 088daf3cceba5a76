using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Attention;

/// <summary>
/// C[rows, n] (+)= A[rows, k] B[k, n] with the outputs in lanes: every element is one chain of fused multiply-adds over
/// ascending k, whatever tile it falls into. Register tiles: 8 rows x 2 vectors where there are 32 registers, 4 x 2 where there
/// are 16 (two loads of B and a broadcast per row feed twice as many multiply-adds as rows); 1 row takes 4 vectors, so that
/// its chains still hide the latency. Remainders in n narrower than a vector are left to the caller.
/// <para>
/// Widening a tile reads memory and multiplying it does not; a prefetch in each step of the products' first rows lets the next
/// tile arrive meanwhile. Where nothing is wanted the step is zero and the line already here.
/// </para>
/// </summary>
internal static unsafe class PanelProduct<TLanes, TVector>
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
{
    /// <summary>Computes the columns that fill vectors; returns how many.</summary>
    public static int Multiply(in Panel p)
    {
        int n = 0;
        int lanes = TLanes.Count;
        if (p.Rows == 1)
            for (; n + 4 * lanes <= p.N; n += 4 * lanes) Row1x4(p, n);
        for (; n + 2 * lanes <= p.N; n += 2 * lanes)
        {
            int row = 0;
            if (lanes == 16)
                for (; row + 8 <= p.Rows; row += 8) Rows8x2(p, row, n);
            for (; row + 4 <= p.Rows; row += 4) Rows4x2(p, row, n);
            for (; row + 2 <= p.Rows; row += 2) Rows2x2(p, row, n);
            if (row < p.Rows) Row1x2(p, row, n);
        }

        for (; n + lanes <= p.N; n += lanes)
        {
            int row = 0;
            for (; row + 4 <= p.Rows; row += 4) Rows4x1(p, row, n);
            for (; row < p.Rows; row++) Row1x1(p, row, n);
        }

        return n;
    }

    private static void Rows8x2(in Panel p, int row, int n)
    {
        int lanes = TLanes.Count;
        nint s = p.AStride, s3 = 3 * s, t = p.BStride;
        float* a = p.A + row * s;
        float* a4 = a + 4 * s;
        float* b = p.B + n;
        float* end = a + p.K;
        TVector x0 = default, x1 = default, x2 = default, x3 = default, x4 = default, x5 = default, x6 = default, x7 = default;
        TVector y0 = default, y1 = default, y2 = default, y3 = default, y4 = default, y5 = default, y6 = default, y7 = default;
        float* c = p.C + row * p.CStride + n;
        nint u = p.CStride;
        if (p.Accumulate)
        {
            (x0, y0) = (TLanes.Load(c), TLanes.Load(c + lanes));
            (x1, y1) = (TLanes.Load(c + u), TLanes.Load(c + u + lanes));
            (x2, y2) = (TLanes.Load(c + 2 * u), TLanes.Load(c + 2 * u + lanes));
            (x3, y3) = (TLanes.Load(c + 3 * u), TLanes.Load(c + 3 * u + lanes));
            (x4, y4) = (TLanes.Load(c + 4 * u), TLanes.Load(c + 4 * u + lanes));
            (x5, y5) = (TLanes.Load(c + 5 * u), TLanes.Load(c + 5 * u + lanes));
            (x6, y6) = (TLanes.Load(c + 6 * u), TLanes.Load(c + 6 * u + lanes));
            (x7, y7) = (TLanes.Load(c + 7 * u), TLanes.Load(c + 7 * u + lanes));
        }

        for (; a < end; a++, a4++, b += t)
        {
            TVector b0 = TLanes.Load(b);
            TVector b1 = TLanes.Load(b + lanes);
            TVector v = TLanes.Broadcast(a);
            (x0, y0) = (TLanes.Fma(v, b0, x0), TLanes.Fma(v, b1, y0));
            v = TLanes.Broadcast(a + s);
            (x1, y1) = (TLanes.Fma(v, b0, x1), TLanes.Fma(v, b1, y1));
            v = TLanes.Broadcast(a + 2 * s);
            (x2, y2) = (TLanes.Fma(v, b0, x2), TLanes.Fma(v, b1, y2));
            v = TLanes.Broadcast(a + s3);
            (x3, y3) = (TLanes.Fma(v, b0, x3), TLanes.Fma(v, b1, y3));
            v = TLanes.Broadcast(a4);
            (x4, y4) = (TLanes.Fma(v, b0, x4), TLanes.Fma(v, b1, y4));
            v = TLanes.Broadcast(a4 + s);
            (x5, y5) = (TLanes.Fma(v, b0, x5), TLanes.Fma(v, b1, y5));
            v = TLanes.Broadcast(a4 + 2 * s);
            (x6, y6) = (TLanes.Fma(v, b0, x6), TLanes.Fma(v, b1, y6));
            v = TLanes.Broadcast(a4 + s3);
            (x7, y7) = (TLanes.Fma(v, b0, x7), TLanes.Fma(v, b1, y7));
        }

        Store2(c, x0, y0);
        Store2(c + u, x1, y1);
        Store2(c + 2 * u, x2, y2);
        Store2(c + 3 * u, x3, y3);
        Store2(c + 4 * u, x4, y4);
        Store2(c + 5 * u, x5, y5);
        Store2(c + 6 * u, x6, y6);
        Store2(c + 7 * u, x7, y7);
    }

    private static void Rows4x2(in Panel p, int row, int n)
    {
        int lanes = TLanes.Count;
        nint s = p.AStride, s3 = 3 * s, t = p.BStride;
        float* a = p.A + row * s;
        float* b = p.B + n;
        float* end = a + p.K;
        byte* next = Wanted(p, row, n / (2 * lanes), out nint step);
        TVector x0 = default, x1 = default, x2 = default, x3 = default, y0 = default, y1 = default, y2 = default, y3 = default;
        float* c = p.C + row * p.CStride + n;
        nint u = p.CStride;
        if (p.Accumulate)
        {
            (x0, y0) = (TLanes.Load(c), TLanes.Load(c + lanes));
            (x1, y1) = (TLanes.Load(c + u), TLanes.Load(c + u + lanes));
            (x2, y2) = (TLanes.Load(c + 2 * u), TLanes.Load(c + 2 * u + lanes));
            (x3, y3) = (TLanes.Load(c + 3 * u), TLanes.Load(c + 3 * u + lanes));
        }

        for (; a < end; a++, b += t, next += step)
        {
            Sse.Prefetch1(next);
            Sse.Prefetch1(next + step / 2);
            TVector b0 = TLanes.Load(b);
            TVector b1 = TLanes.Load(b + lanes);
            TVector v = TLanes.Broadcast(a);
            (x0, y0) = (TLanes.Fma(v, b0, x0), TLanes.Fma(v, b1, y0));
            v = TLanes.Broadcast(a + s);
            (x1, y1) = (TLanes.Fma(v, b0, x1), TLanes.Fma(v, b1, y1));
            v = TLanes.Broadcast(a + 2 * s);
            (x2, y2) = (TLanes.Fma(v, b0, x2), TLanes.Fma(v, b1, y2));
            v = TLanes.Broadcast(a + s3);
            (x3, y3) = (TLanes.Fma(v, b0, x3), TLanes.Fma(v, b1, y3));
        }

        Store2(c, x0, y0);
        Store2(c + u, x1, y1);
        Store2(c + 2 * u, x2, y2);
        Store2(c + 3 * u, x3, y3);
    }

    private static void Rows2x2(in Panel p, int row, int n)
    {
        int lanes = TLanes.Count;
        nint s = p.AStride, t = p.BStride;
        float* a = p.A + row * s;
        float* b = p.B + n;
        float* end = a + p.K;
        byte* next = Wanted(p, row, n / (2 * lanes), out nint step);
        TVector x0 = default, x1 = default, y0 = default, y1 = default;
        float* c = p.C + row * p.CStride + n;
        nint u = p.CStride;
        if (p.Accumulate)
        {
            (x0, y0) = (TLanes.Load(c), TLanes.Load(c + lanes));
            (x1, y1) = (TLanes.Load(c + u), TLanes.Load(c + u + lanes));
        }

        for (; a < end; a++, b += t, next += step)
        {
            Sse.Prefetch1(next);
            Sse.Prefetch1(next + step / 2);
            TVector b0 = TLanes.Load(b);
            TVector b1 = TLanes.Load(b + lanes);
            TVector v = TLanes.Broadcast(a);
            (x0, y0) = (TLanes.Fma(v, b0, x0), TLanes.Fma(v, b1, y0));
            v = TLanes.Broadcast(a + s);
            (x1, y1) = (TLanes.Fma(v, b0, x1), TLanes.Fma(v, b1, y1));
        }

        Store2(c, x0, y0);
        Store2(c + u, x1, y1);
    }

    private static void Row1x4(in Panel p, int n)
    {
        int lanes = TLanes.Count;
        nint t = p.BStride;
        float* a = p.A;
        float* b = p.B + n;
        float* end = a + p.K;
        byte* next = Wanted(p, 0, n / (4 * lanes), out nint step);
        TVector x0 = default, x1 = default, x2 = default, x3 = default;
        float* c = p.C + n;
        if (p.Accumulate)
        {
            (x0, x1) = (TLanes.Load(c), TLanes.Load(c + lanes));
            (x2, x3) = (TLanes.Load(c + 2 * lanes), TLanes.Load(c + 3 * lanes));
        }

        for (; a < end; a++, b += t, next += step)
        {
            Sse.Prefetch1(next);
            Sse.Prefetch1(next + step / 2);
            TVector v = TLanes.Broadcast(a);
            x0 = TLanes.Fma(v, TLanes.Load(b), x0);
            x1 = TLanes.Fma(v, TLanes.Load(b + lanes), x1);
            x2 = TLanes.Fma(v, TLanes.Load(b + 2 * lanes), x2);
            x3 = TLanes.Fma(v, TLanes.Load(b + 3 * lanes), x3);
        }

        Store2(c, x0, x1);
        Store2(c + 2 * lanes, x2, x3);
    }

    private static void Row1x2(in Panel p, int row, int n)
    {
        int lanes = TLanes.Count;
        nint t = p.BStride;
        float* a = p.A + row * p.AStride;
        float* b = p.B + n;
        float* end = a + p.K;
        byte* next = Wanted(p, row, n / (2 * lanes), out nint step);
        TVector x = default, y = default;
        float* c = p.C + row * p.CStride + n;
        if (p.Accumulate) (x, y) = (TLanes.Load(c), TLanes.Load(c + lanes));
        for (; a < end; a++, b += t, next += step)
        {
            Sse.Prefetch1(next);
            Sse.Prefetch1(next + step / 2);
            TVector v = TLanes.Broadcast(a);
            (x, y) = (TLanes.Fma(v, TLanes.Load(b), x), TLanes.Fma(v, TLanes.Load(b + lanes), y));
        }

        Store2(c, x, y);
    }

    private static void Rows4x1(in Panel p, int row, int n)
    {
        nint s = p.AStride, s3 = 3 * s, t = p.BStride;
        float* a = p.A + row * s;
        float* b = p.B + n;
        float* end = a + p.K;
        TVector x0 = default, x1 = default, x2 = default, x3 = default;
        float* c = p.C + row * p.CStride + n;
        nint u = p.CStride;
        if (p.Accumulate)
            (x0, x1, x2, x3) = (TLanes.Load(c), TLanes.Load(c + u), TLanes.Load(c + 2 * u), TLanes.Load(c + 3 * u));
        for (; a < end; a++, b += t)
        {
            TVector v = TLanes.Load(b);
            x0 = TLanes.Fma(TLanes.Broadcast(a), v, x0);
            x1 = TLanes.Fma(TLanes.Broadcast(a + s), v, x1);
            x2 = TLanes.Fma(TLanes.Broadcast(a + 2 * s), v, x2);
            x3 = TLanes.Fma(TLanes.Broadcast(a + s3), v, x3);
        }

        TLanes.Store(x0, c);
        TLanes.Store(x1, c + u);
        TLanes.Store(x2, c + 2 * u);
        TLanes.Store(x3, c + 3 * u);
    }

    private static void Row1x1(in Panel p, int row, int n)
    {
        nint t = p.BStride;
        float* a = p.A + row * p.AStride;
        float* b = p.B + n;
        float* end = a + p.K;
        float* c = p.C + row * p.CStride + n;
        TVector x = default;
        if (p.Accumulate) x = TLanes.Load(c);
        for (; a < end; a++, b += t) x = TLanes.Fma(TLanes.Broadcast(a), TLanes.Load(b), x);
        TLanes.Store(x, c);
    }

    /// <summary>Where pass <paramref name="pass"/> over k begins to fetch, and its step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Wanted(in Panel p, int row, int pass, out nint step)
    {
        bool wanted = p.Next != null && row == 0;
        step = wanted ? p.NextStep : 0;
        return wanted ? p.Next + pass * p.K * p.NextStep : (byte*)p.A;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store2(float* target, TVector first, TVector second)
    {
        TLanes.Store(first, target);
        TLanes.Store(second, target + TLanes.Count);
    }
}
