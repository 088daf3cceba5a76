using System.Runtime.Intrinsics;
using Coppice.Kernels.Formats;

namespace Coppice.Kernels.Products;

/// <summary>
/// Activations rounded, to nearest even, to the 16-bit type of the weights they meet, and kept as floats. llama.cpp does the same
/// before it multiplies with F16 and BF16 weights, and so do the processors' own BF16 products: without it the two engines' numbers
/// part by more than the order of sums.
/// </summary>
internal static unsafe class RoundedRows
{
    private const int Magnitude = 0x7FFFFFFF;
    private const int HalfSmallestNormal = 0x38800000; // 2^-14
    private const int HalfLargest = 0x477FEFFF;        // what still rounds to 65504
    private const int Infinity = 0x7F800000;
    private const int ItemFloats = 16_384;

    /// <summary>Rounds all values. An F16 keeps its subnormal steps; what is out of its range stays as it is.</summary>
    /// <param name="path">How; the bits are the same.</param>
    /// <param name="team">Who.</param>
    /// <param name="type">F16 or BF16.</param>
    /// <param name="x">[count].</param>
    /// <param name="count">Number of values.</param>
    /// <param name="rounded">[count].</param>
    public static void Round(KernelPath path, WorkerTeam team, TensorType type, float* x, long count, float* rounded)
    {
        var work = new Work { Path = path, IsHalf = type == TensorType.F16, X = x, Rounded = rounded, Count = count };
        int items = (int)((count + ItemFloats - 1) / ItemFloats);
        if (items > 2) team.Run(items, &work, &Item);
        else for (int i = 0; i < items; i++) Item(&work, i, 0);
    }

    private static void Item(void* state, int item, int worker)
    {
        Work* work = (Work*)state;
        long i = (long)item * ItemFloats;
        long end = Math.Min(work->Count, i + ItemFloats);
        if (work->Path == KernelPath.Avx512)
        {
            for (; i + 16 <= end; i += 16)
            {
                Vector512<int> bits = Vector512.Load(work->X + i).AsInt32();
                (work->IsHalf ? ToHalf(bits) : ToBrain(bits)).AsSingle().Store(work->Rounded + i);
            }
        }
        else if (work->Path == KernelPath.Avx2)
        {
            for (; i + 8 <= end; i += 8)
            {
                Vector256<int> bits = Vector256.Load(work->X + i).AsInt32();
                (work->IsHalf ? ToHalf(bits) : ToBrain(bits)).AsSingle().Store(work->Rounded + i);
            }
        }

        for (; i < end; i++)
        {
            int bits = BitConverter.SingleToInt32Bits(work->X[i]);
            work->Rounded[i] = BitConverter.Int32BitsToSingle(work->IsHalf ? ToHalf(bits) : ToBrain(bits));
        }
    }

    private static int ToBrain(int bits) =>
        (bits & Magnitude) >= Infinity ? bits : (bits + 0x7FFF + ((bits >> 16) & 1)) & ~0xFFFF;

    // Below 2^-14 the steps of an F16 are 2^-24, the unit in the last place of 0.75: adding and subtracting it rounds to them.
    private static int ToHalf(int bits)
    {
        int magnitude = bits & Magnitude;
        if (magnitude > HalfLargest) return bits;
        if (magnitude >= HalfSmallestNormal) return (bits + 0xFFF + ((bits >> 13) & 1)) & ~0x1FFF;
        float small = BitConverter.Int32BitsToSingle(magnitude) + 0.75f - 0.75f;
        return BitConverter.SingleToInt32Bits(small) | (bits & ~Magnitude);
    }

    private static Vector256<int> ToBrain(Vector256<int> bits) => Vector256.ConditionalSelect(
        Vector256.GreaterThanOrEqual(bits & Vector256.Create(Magnitude), Vector256.Create(Infinity)),
        bits,
        (bits + Vector256.Create(0x7FFF) + ((bits >> 16) & Vector256<int>.One)) & Vector256.Create(~0xFFFF));

    private static Vector512<int> ToBrain(Vector512<int> bits) => Vector512.ConditionalSelect(
        Vector512.GreaterThanOrEqual(bits & Vector512.Create(Magnitude), Vector512.Create(Infinity)),
        bits,
        (bits + Vector512.Create(0x7FFF) + ((bits >> 16) & Vector512<int>.One)) & Vector512.Create(~0xFFFF));

    private static Vector256<int> ToHalf(Vector256<int> bits)
    {
        Vector256<int> magnitude = bits & Vector256.Create(Magnitude);
        Vector256<int> normal = (bits + Vector256.Create(0xFFF) + ((bits >> 13) & Vector256<int>.One)) & Vector256.Create(~0x1FFF);
        Vector256<float> small = magnitude.AsSingle() + Vector256.Create(0.75f) - Vector256.Create(0.75f);
        Vector256<int> subnormal = small.AsInt32() | (bits & Vector256.Create(~Magnitude));
        Vector256<int> rounded = Vector256.ConditionalSelect(
            Vector256.LessThan(magnitude, Vector256.Create(HalfSmallestNormal)), subnormal, normal);
        return Vector256.ConditionalSelect(Vector256.GreaterThan(magnitude, Vector256.Create(HalfLargest)), bits, rounded);
    }

    private static Vector512<int> ToHalf(Vector512<int> bits)
    {
        Vector512<int> magnitude = bits & Vector512.Create(Magnitude);
        Vector512<int> normal = (bits + Vector512.Create(0xFFF) + ((bits >> 13) & Vector512<int>.One)) & Vector512.Create(~0x1FFF);
        Vector512<float> small = magnitude.AsSingle() + Vector512.Create(0.75f) - Vector512.Create(0.75f);
        Vector512<int> subnormal = small.AsInt32() | (bits & Vector512.Create(~Magnitude));
        Vector512<int> rounded = Vector512.ConditionalSelect(
            Vector512.LessThan(magnitude, Vector512.Create(HalfSmallestNormal)), subnormal, normal);
        return Vector512.ConditionalSelect(Vector512.GreaterThan(magnitude, Vector512.Create(HalfLargest)), bits, rounded);
    }

    private struct Work
    {
        public KernelPath Path;
        public bool IsHalf;
        public float* X, Rounded;
        public long Count;
    }
}
