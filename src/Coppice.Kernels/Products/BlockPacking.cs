using System.Runtime.CompilerServices;

namespace Coppice.Kernels.Products;

/// <summary>
/// Puts one block of a row (in GGUF's layout, see <see cref="Formats.TensorType"/>) into one lane of a panel's step. The codes
/// of 32 inputs are first spread over 32 bytes, then gathered into planes, four bytes (one group) at a time.
/// </summary>
internal static unsafe class BlockPacking
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q8_0(byte* block, byte* step, int lane)
    {
        Half(block, step, lane);
        for (int group = 0; group < 8; group++)
            ((uint*)(step + 32))[(group * 16) + lane] = Group(block + 2, group) ^ 0x80808080;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_0(byte* block, byte* step, int lane)
    {
        Half(block, step, lane);
        Nibbles(block + 2, step + 32, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_1(byte* block, byte* step, int lane)
    {
        Half(block, step, lane);
        Half(block + 2, step + 32, lane);
        Nibbles(block + 4, step + 64, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_0(byte* block, byte* step, int lane)
    {
        Half(block, step, lane);
        Nibbles(block + 6, step + 32, lane);
        FifthBits(block + 2, step + 32 + Planes.FoursBytes, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_1(byte* block, byte* step, int lane)
    {
        Half(block, step, lane);
        Half(block + 2, step + 32, lane);
        Nibbles(block + 8, step + 64, lane);
        FifthBits(block + 4, step + 64 + Planes.FoursBytes, lane);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_K(byte* block, byte* step, int lane)
    {
        ScalesAndMinima(block, step, lane);
        byte* codes = stackalloc byte[32];
        for (int part = 0; part < 8; part++)
        {
            Spread(block + 16 + (part / 2 * 32), 4 * (part & 1), 0x0F0F0F0F, codes);
            Fours(codes, step + 320 + (part * Planes.FoursBytes), lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_K(byte* block, byte* step, int lane)
    {
        ScalesAndMinima(block, step, lane);
        byte* codes = stackalloc byte[32];
        byte* high = stackalloc byte[32];
        for (int part = 0; part < 8; part++)
        {
            byte* planes = step + 320 + (part * (Planes.FoursBytes + Planes.OnesBytes));
            Spread(block + 48 + (part / 2 * 32), 4 * (part & 1), 0x0F0F0F0F, codes);
            Fours(codes, planes, lane);
            Spread(block + 16, part, 0x01010101, high);
            Ones(high, planes + Planes.FoursBytes, lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q6_K(byte* block, byte* step, int lane)
    {
        Half(block + 208, step, lane);
        for (int i = 0; i < 16; i++) step[32 + (i * 16) + lane] = block[192 + i];
        byte* codes = stackalloc byte[32];
        for (int part = 0; part < 8; part++)
        {
            byte* planes = step + 288 + (part * (Planes.FoursBytes + Planes.TwosBytes));
            int run = part / 4, quarter = part & 3;
            Spread(block + (run * 64) + ((quarter & 1) * 32), 4 * (quarter >> 1), 0x0F0F0F0F, codes);
            Fours(codes, planes, lane);
            Spread(block + 128 + (run * 32), 2 * quarter, 0x03030303, codes);
            Twos(codes, planes + Planes.FoursBytes, lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q3_K(byte* block, byte* step, int lane)
    {
        Half(block + 108, step, lane);
        byte* packed = block + 96;
        for (int i = 0; i < 16; i++)
        {
            int low = (packed[i & 7] >> (i < 8 ? 0 : 4)) & 15, high = (packed[8 + (i & 3)] >> (2 * (i >> 2))) & 3;
            step[32 + (i * 16) + lane] = (byte)((low | (high << 4)) - 32);
        }

        byte* codes = stackalloc byte[32];
        for (int part = 0; part < 8; part++)
        {
            byte* planes = step + 288 + (part * (Planes.TwosBytes + Planes.OnesBytes));
            Spread(block + 32 + (part / 4 * 32), 2 * (part & 3), 0x03030303, codes);
            Twos(codes, planes, lane);
            Spread(block, part, 0x01010101, codes);
            Ones(codes, planes + Planes.TwosBytes, lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q2_K(byte* block, byte* step, int lane)
    {
        Half(block + 80, step, lane);
        Half(block + 82, step + 32, lane);
        for (int i = 0; i < 16; i++) step[64 + (i * 16) + lane] = block[i];
        byte* codes = stackalloc byte[32];
        for (int part = 0; part < 8; part++)
        {
            Spread(block + 16 + (part / 4 * 32), 2 * (part & 3), 0x03030303, codes);
            Twos(codes, step + 320 + (part * Planes.TwosBytes), lane);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Half(byte* source, byte* target, int lane) => ((ushort*)target)[lane] = *(ushort*)source;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Group(byte* bytes, int group) => ((uint*)bytes)[group];

    /// <summary>The scales of a Q4_K or Q5_K block: 6 bits each, 8 scales and 8 minima in 12 bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ScalesAndMinima(byte* block, byte* step, int lane)
    {
        Half(block, step, lane);
        Half(block + 2, step + 32, lane);
        byte* p = block + 4;
        for (int i = 0; i < 8; i++)
        {
            int scale = i < 4 ? p[i] & 63 : (p[i + 4] & 15) | (p[i - 4] >> 6 << 4);
            int minimum = i < 4 ? p[i + 4] & 63 : (p[i + 4] >> 4) | (p[i] >> 6 << 4);
            step[64 + (i * 16) + lane] = (byte)scale;
            step[192 + (i * 16) + lane] = (byte)minimum;
        }
    }

    /// <summary>A 32-input block's 16 bytes hold inputs 0 to 15 low and 16 to 31 high, which is how fours pair their groups.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nibbles(byte* source, byte* plane, int lane)
    {
        for (int group = 0; group < 4; group++) ((uint*)plane)[(group * 16) + lane] = Group(source, group);
    }

    /// <summary>32 bits, one an input, to ones.</summary>
    private static void FifthBits(byte* source, byte* plane, int lane)
    {
        uint bits = *(uint*)source;
        byte* codes = stackalloc byte[32];
        for (int i = 0; i < 32; i++) codes[i] = (byte)((bits >> i) & 1);
        Ones(codes, plane, lane);
    }

    /// <summary>32 bytes shifted right and masked.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Spread(byte* source, int shift, uint mask, byte* codes)
    {
        for (int group = 0; group < 8; group++) ((uint*)codes)[group] = (Group(source, group) >> shift) & mask;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Fours(byte* codes, byte* plane, int lane)
    {
        for (int group = 0; group < 4; group++)
            ((uint*)plane)[(group * 16) + lane] = Group(codes, group) | (Group(codes, group + 4) << 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Twos(byte* codes, byte* plane, int lane)
    {
        for (int chunk = 0; chunk < 2; chunk++)
        {
            uint bits = 0;
            for (int i = 0; i < 4; i++) bits |= Group(codes, (4 * chunk) + i) << (2 * i);
            ((uint*)plane)[(chunk * 16) + lane] = bits;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ones(byte* codes, byte* plane, int lane)
    {
        uint bits = 0;
        for (int group = 0; group < 8; group++) bits |= Group(codes, group) << group;
        ((uint*)plane)[lane] = bits;
    }
}
