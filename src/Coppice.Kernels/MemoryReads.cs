using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels;

/// <summary>
/// How fast memory can be read. Which form of reading is the fastest differs from processor to processor, so some are tried and the
/// best counts. On two cores of a Zen 5 server, one thread and both, GB/s: one stream in 256-bit loads 32 to 35 and 62 to 66, with
/// prefetching 30 and 58, two streams in 512-bit loads 37 to 39 and 72 to 75, four 37 to 39 and 72 to 75, eight 33 to 36 and 63 to 66.
/// </summary>
internal sealed unsafe class MemoryReads : IDisposable
{
    private const int PartBytes = 8 << 20;
    private const int Ahead = 4096;
    private readonly WorkerTeam _team;
    private readonly AlignedBuffer<byte> _memory;
    private readonly int _parts;

    /// <summary>Takes memory and touches it.</summary>
    /// <param name="team">The threads that read.</param>
    /// <param name="bytes">How much; a whole number of parts of 8 MiB is used.</param>
    public MemoryReads(WorkerTeam team, long bytes)
    {
        _team = team;
        _parts = checked((int)(bytes / PartBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(_parts, 1, nameof(bytes));
        _memory = new AlignedBuffer<byte>((long)_parts * PartBytes);
    }

    private enum Form
    {
        OneStream256,
        OneStream512Prefetched,
        TwoStreams512,
        FourStreams512,
    }

    /// <summary>The best rates of one pass of each form.</summary>
    public MachineRate Measure()
    {
        MachineRate best = default;
        foreach (Form form in Enum.GetValues<Form>()) best = best.Best(Measure(form));
        return best;
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose() => _memory.Dispose();

    private MachineRate Measure(Form form)
    {
        var all = new Pass { Memory = _memory.Pointer, Form = form, PartsOfItem = 1 };
        var one = all with { PartsOfItem = _parts };
        double bytes = _memory.Bytes;
        return new MachineRate(
            LimitMeter.Rate(_team, 1, &one, &Read, bytes),
            LimitMeter.Rate(_team, _parts, &all, &Read, bytes));
    }

    private static void Read(void* state, int item, int worker)
    {
        var pass = (Pass*)state;
        byte* p = pass->Memory + (long)item * pass->PartsOfItem * PartBytes;
        for (int i = 0; i < pass->PartsOfItem; i++, p += PartBytes)
        {
            switch (pass->Form)
            {
                case Form.OneStream256: OneStream256(p); break;
                case Form.OneStream512Prefetched: OneStream512Prefetched(p); break;
                case Form.TwoStreams512: TwoStreams512(p); break;
                default: FourStreams512(p); break;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneStream256(byte* p)
    {
        Vector256<long> a = default, b = default, c = default, d = default;
        for (byte* end = p + PartBytes; p < end; p += 128)
        {
            a ^= Vector256.Load((long*)p);
            b ^= Vector256.Load((long*)(p + 32));
            c ^= Vector256.Load((long*)(p + 64));
            d ^= Vector256.Load((long*)(p + 96));
        }

        RegisterLoops.Keep((a ^ b ^ c ^ d).GetLower());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void OneStream512Prefetched(byte* p)
    {
        Vector512<long> a = default, b = default;
        for (byte* end = p + PartBytes; p < end; p += 128)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(p + Ahead);
                Sse.Prefetch0(p + Ahead + 64);
            }

            a ^= Vector512.Load((long*)p);
            b ^= Vector512.Load((long*)(p + 64));
        }

        RegisterLoops.Keep((a ^ b).GetLower().GetLower());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TwoStreams512(byte* p)
    {
        const int Apart = PartBytes / 2;
        Vector512<long> a = default, b = default, c = default, d = default;
        for (byte* end = p + Apart; p < end; p += 128)
        {
            a ^= Vector512.Load((long*)p);
            b ^= Vector512.Load((long*)(p + Apart));
            c ^= Vector512.Load((long*)(p + 64));
            d ^= Vector512.Load((long*)(p + Apart + 64));
        }

        RegisterLoops.Keep((a ^ b ^ c ^ d).GetLower().GetLower());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void FourStreams512(byte* p)
    {
        const int Apart = PartBytes / 4;
        Vector512<long> a = default, b = default, c = default, d = default;
        for (byte* end = p + Apart; p < end; p += 128)
        {
            a ^= Vector512.Load((long*)p) ^ Vector512.Load((long*)(p + 64));
            b ^= Vector512.Load((long*)(p + Apart)) ^ Vector512.Load((long*)(p + Apart + 64));
            c ^= Vector512.Load((long*)(p + (2 * Apart))) ^ Vector512.Load((long*)(p + (2 * Apart) + 64));
            d ^= Vector512.Load((long*)(p + (3 * Apart))) ^ Vector512.Load((long*)(p + (3 * Apart) + 64));
        }

        RegisterLoops.Keep((a ^ b ^ c ^ d).GetLower().GetLower());
    }

    private struct Pass
    {
        public byte* Memory;
        public Form Form;
        public int PartsOfItem;
    }
}
