using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Coppice.Kernels.Products;

/// <summary>
/// Asks for packed weights ahead of their use: one row of Q4_0 reaches 60% of the speed of a plain read without it and 90% with it
/// (Xeon, one thread; distances of 4 to 8 KiB are equally good, 1.5 and 10 KiB worse).
/// </summary>
internal static unsafe class PanelPrefetch
{
    private const int Distance = 6144;

    /// <summary>Asks for what lies ahead of one of the <paramref name="parts"/> of a step. Past the end of the weights it does no harm.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Part(byte* step, int part, int parts, int stepBytes)
    {
        int bytes = stepBytes / parts;
        byte* p = step + Distance + (part * bytes);
        Sse.Prefetch0(p);
        if (bytes > 64) Sse.Prefetch0(p + 64);
        if (bytes > 128) Sse.Prefetch0(p + 128);
        if (bytes > 192) Sse.Prefetch0(p + 192);
        if (bytes > 256) Sse.Prefetch0(p + 256);
        if (bytes > 320) Sse.Prefetch0(p + 320);
        if (bytes > 384) Sse.Prefetch0(p + 384);
        if (bytes > 448) Sse.Prefetch0(p + 448);
        if (bytes > 512) Sse.Prefetch0(p + 512);
    }

    /// <summary>Asks for what lies ahead of one input of a float panel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input(byte* weights, nint input, int inputBytes)
    {
        byte* p = weights + Distance + (input * inputBytes);
        Sse.Prefetch0(p);
        if (inputBytes > 64) Sse.Prefetch0(p + 64);
    }
}
