using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Elementwise;

/// <summary>
/// One operation on single elements, output = f(a, b, k) with a constant k, written with the same steps for 1, 8 and 16 lanes.
/// </summary>
internal interface IElementOperation
{
    static abstract float Apply(float a, float b, float k);

    static abstract Vector256<float> Apply(Vector256<float> a, Vector256<float> b, Vector256<float> k);

    static abstract Vector512<float> Apply(Vector512<float> a, Vector512<float> b, Vector512<float> k);
}

/// <summary>
/// Runs an <see cref="IElementOperation"/> over arrays: whole vectors first, the remainder element by element with the scalar
/// form, which has the same bits. Elements are independent, so the output may be one of the inputs and any split gives the
/// same result.
/// </summary>
internal static unsafe class ElementLoop
{
    /// <summary>Elements a worker takes at a time; a multiple of every vector.</summary>
    public const int Chunk = 16 * 1024;

    /// <summary>output[i] = f(a[i], b[i], k) on spans; large ones are split over the team.</summary>
    /// <exception cref="ArgumentException">The lengths differ, or the output overlaps an input without being it.</exception>
    public static void Run<TOperation>(
        KernelPath path, ReadOnlySpan<float> a, ReadOnlySpan<float> b, float k, Span<float> output, WorkerTeam? team)
        where TOperation : struct, IElementOperation
    {
        KernelArguments.CheckSameLength(output.Length, a.Length);
        KernelArguments.CheckSameLength(output.Length, b.Length);
        KernelArguments.CheckOverlap(a, output);
        KernelArguments.CheckOverlap(b, output);
        fixed (float* pa = a, pb = b, po = output)
        {
            if (team is null || output.Length <= Chunk)
            {
                Run<TOperation>(path, pa, pb, k, po, output.Length);
                return;
            }

            var work = new Work { Path = path, A = pa, B = pb, K = k, Output = po, Count = output.Length };
            team.Run((output.Length + Chunk - 1) / Chunk, &work, &RunChunk<TOperation>);
        }
    }

    /// <summary>output[i] = f(a[i], b[i], k) for i in [0, count).</summary>
    public static void Run<TOperation>(KernelPath path, float* a, float* b, float k, float* output, int count)
        where TOperation : struct, IElementOperation
    {
        int done = path switch
        {
            KernelPath.Avx512 => Run512<TOperation>(a, b, k, output, count),
            KernelPath.Avx2 => Run256<TOperation>(a, b, k, output, count),
            _ => 0,
        };
        for (int i = done; i < count; i++) output[i] = TOperation.Apply(a[i], b[i], k);
    }

    private static int Run256<TOperation>(float* a, float* b, float k, float* output, int count)
        where TOperation : struct, IElementOperation
    {
        Vector256<float> constant = Vector256.Create(k);
        int i = 0;
        for (; i <= count - 8; i += 8) TOperation.Apply(Vector256.Load(a + i), Vector256.Load(b + i), constant).Store(output + i);
        return i;
    }

    private static int Run512<TOperation>(float* a, float* b, float k, float* output, int count)
        where TOperation : struct, IElementOperation
    {
        Vector512<float> constant = Vector512.Create(k);
        int i = 0;
        for (; i <= count - 16; i += 16) TOperation.Apply(Vector512.Load(a + i), Vector512.Load(b + i), constant).Store(output + i);
        return i;
    }

    private static void RunChunk<TOperation>(void* state, int item, int worker)
        where TOperation : struct, IElementOperation
    {
        ref Work work = ref Unsafe.AsRef<Work>(state);
        int start = item * Chunk;
        int count = Math.Min(Chunk, work.Count - start);
        Run<TOperation>(work.Path, work.A + start, work.B + start, work.K, work.Output + start, count);
    }

    private struct Work
    {
        public KernelPath Path;
        public float* A;
        public float* B;
        public float K;
        public float* Output;
        public int Count;
    }
}
