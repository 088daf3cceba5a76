using System.Runtime.CompilerServices;

namespace Coppice.Kernels.Products;

/// <summary>
/// <see cref="BlockPacking"/> for whole panels of 16 outputs: steps of all lanes at once, with the same bytes. Rows are exchanged with
/// lanes first (<see cref="RowTranspose"/>), 32 inputs at a time; then the bits of the planes, which never leave their byte, are
/// moved in all lanes together. Reads nothing outside the rows' blocks. Parameters of every method: the first row's first block, bytes
/// from one row to the next, number of steps, room for the steps, and what to ask the memory for meanwhile.
/// </summary>
internal static unsafe class PanelPacking
{
    private const uint Plus128 = 0x80808080;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q8_0(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        for (; steps > 0; steps--, block += 34, step += PanelQ8_0.StepBytes)
        {
            ahead.Ask(16 * 34);
            Halves(block, rowBytes, step);
            RowTranspose.Dwords(block + 2, rowBytes, step + 32, 64, Plus128);
            RowTranspose.Dwords(block + 18, rowBytes, step + 288, 64, Plus128);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_0(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        for (; steps > 0; steps--, block += 18, step += PanelQ4_0.StepBytes)
        {
            ahead.Ask(16 * 18);
            Halves(block, rowBytes, step);
            RowTranspose.Dwords(block + 2, rowBytes, step + 32, 64, 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_1(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        for (; steps > 0; steps--, block += 20, step += PanelQ4_1.StepBytes)
        {
            ahead.Ask(16 * 20);
            Halves(block, rowBytes, step);
            Halves(block + 2, rowBytes, step + 32);
            RowTranspose.Dwords(block + 4, rowBytes, step + 64, 64, 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_0(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        for (; steps > 0; steps--, block += 22, step += PanelQ5_0.StepBytes)
        {
            ahead.Ask(16 * 22);
            Halves(block, rowBytes, step);
            RowTranspose.Dwords(block + 6, rowBytes, step + 32, 64, 0);
            PanelBits.FifthBits(block + 2, rowBytes, step + 32 + Planes.FoursBytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_1(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        for (; steps > 0; steps--, block += 24, step += PanelQ5_1.StepBytes)
        {
            ahead.Ask(16 * 24);
            Halves(block, rowBytes, step);
            Halves(block + 2, rowBytes, step + 32);
            RowTranspose.Dwords(block + 8, rowBytes, step + 64, 64, 0);
            PanelBits.FifthBits(block + 4, rowBytes, step + 64 + Planes.FoursBytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Q4_K(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        byte* groups = stackalloc byte[512];
        for (; steps > 0; steps--, block += 144, step += PanelQ4_K.StepBytes)
        {
            ScalesAndMinima(block, rowBytes, step, groups);
            byte* planes = step + 320;
            for (int chunk = 0; chunk < 4; chunk++, planes += 2 * Planes.FoursBytes)
            {
                Groups(block + 16 + (chunk * 32), rowBytes, groups);
                ahead.Ask(16 * 144 / 4);
                PanelBits.Nibbles(groups, planes, planes + Planes.FoursBytes);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Q5_K(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        const int PartBytes = Planes.FoursBytes + Planes.OnesBytes;
        byte* groups = stackalloc byte[512];
        for (; steps > 0; steps--, block += 176, step += PanelQ5_K.StepBytes)
        {
            ScalesAndMinima(block, rowBytes, step, groups);
            byte* planes = step + 320;
            for (int chunk = 0; chunk < 4; chunk++)
            {
                Groups(block + 48 + (chunk * 32), rowBytes, groups);
                ahead.Ask(16 * 176 / 4);
                PanelBits.Nibbles(groups, planes + (2 * chunk * PartBytes), planes + (((2 * chunk) + 1) * PartBytes));
            }

            Groups(block + 16, rowBytes, groups);
            PanelBits.Ones(groups, planes + Planes.FoursBytes, PartBytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Q6_K(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        const int PartBytes = Planes.FoursBytes + Planes.TwosBytes;
        byte* groups = stackalloc byte[512];
        for (; steps > 0; steps--, block += 210, step += PanelQ6_K.StepBytes)
        {
            Halves(block + 208, rowBytes, step);
            Bytes(block + 192, rowBytes, step + 32, groups);
            byte* planes = step + 288;
            for (int run = 0; run < 2; run++, planes += 4 * PartBytes)
            {
                Groups(block + (run * 64), rowBytes, groups);
                ahead.Ask(16 * 210 / 6);
                PanelBits.Nibbles(groups, planes, planes + (2 * PartBytes));
                Groups(block + (run * 64) + 32, rowBytes, groups);
                ahead.Ask(16 * 210 / 6);
                PanelBits.Nibbles(groups, planes + PartBytes, planes + (3 * PartBytes));
                Groups(block + 128 + (run * 32), rowBytes, groups);
                ahead.Ask(16 * 210 / 6);
                PanelBits.Twos(groups, planes + Planes.FoursBytes, PartBytes);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Q3_K(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        const int PartBytes = Planes.TwosBytes + Planes.OnesBytes;
        byte* groups = stackalloc byte[512];
        for (; steps > 0; steps--, block += 110, step += PanelQ3_K.StepBytes)
        {
            Halves(block + 108, rowBytes, step);
            // The scales are the last 12 of the 16 bytes: dwords 1 to 3.
            RowTranspose.Dwords(block + 92, rowBytes, groups, 64, 0);
            PanelBits.SixBitScales(groups + 64, step + 32);
            byte* planes = step + 288;
            for (int run = 0; run < 2; run++)
            {
                Groups(block + 32 + (run * 32), rowBytes, groups);
                ahead.Ask(16 * 110 / 2);
                PanelBits.Twos(groups, planes + (4 * run * PartBytes), PartBytes);
            }

            Groups(block, rowBytes, groups);
            PanelBits.Ones(groups, planes + Planes.TwosBytes, PartBytes);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Q2_K(byte* block, nint rowBytes, int steps, byte* step, ReadAhead later)
    {
        ReadAhead ahead = later;
        byte* groups = stackalloc byte[512];
        for (; steps > 0; steps--, block += 84, step += PanelQ2_K.StepBytes)
        {
            Halves(block + 80, rowBytes, step);
            Halves(block + 82, rowBytes, step + 32);
            Bytes(block, rowBytes, step + 64, groups);
            for (int run = 0; run < 2; run++)
            {
                Groups(block + 16 + (run * 32), rowBytes, groups);
                ahead.Ask(16 * 84 / 2);
                PanelBits.Twos(groups, step + 320 + (4 * run * Planes.TwosBytes), Planes.TwosBytes);
            }
        }
    }

    /// <summary>Singles, 32 rows to [inputs, 32]; <paramref name="inputs"/> is a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Floats32(byte* row, nint rowBytes, int inputs, byte* target, ReadAhead later)
    {
        ReadAhead ahead = later;
        for (; inputs > 0; inputs -= 16, row += 64, target += 2048)
        {
            ahead.Ask(2048);
            Lines(row, rowBytes, target);
        }
    }

    /// <summary>Halves or brain floats, 32 rows to [inputs, 32]; <paramref name="inputs"/> is a multiple of 32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Floats16(byte* row, nint rowBytes, int inputs, byte* target, ReadAhead later)
    {
        ReadAhead ahead = later;
        byte* pairs = stackalloc byte[2048];
        for (; inputs > 0; inputs -= 32, row += 64)
        {
            ahead.Ask(2048);
            Lines(row, rowBytes, pairs);
            for (int at = 0; at < 2048; at += 128, target += 128)
            {
                PanelBits.Split(pairs + at, target, target + 64);
                PanelBits.Split(pairs + at + 64, target + 32, target + 96);
            }
        }
    }

    /// <summary>
    /// 64 bytes of each of 32 rows, to [16, 32] dwords. A line of a row is used up at once: rows that are a power of two apart meet in
    /// few sets of the first cache, which would not keep it.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Lines(byte* row, nint rowBytes, byte* target)
    {
        for (int lanes = 0; lanes < 32; lanes += 8, row += 8 * rowBytes, target += 32)
            for (int at = 0; at < 64; at += 16) RowTranspose.Eight(row + at, rowBytes, target + (32 * at), 128, 0);
    }

    /// <summary>32 bytes of each row as eight groups of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Groups(byte* source, nint rowBytes, byte* groups)
    {
        RowTranspose.Dwords(source, rowBytes, groups, 64, 0);
        RowTranspose.Dwords(source + 16, rowBytes, groups + 256, 64, 0);
    }

    /// <summary>A half of each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Halves(byte* source, nint rowBytes, byte* target)
    {
        ushort* t = (ushort*)target;
        for (int lane = 0; lane < 16; lane += 4, source += 4 * rowBytes)
        {
            t[lane] = *(ushort*)source;
            t[lane + 1] = *(ushort*)(source + rowBytes);
            t[lane + 2] = *(ushort*)(source + (2 * rowBytes));
            t[lane + 3] = *(ushort*)(source + (3 * rowBytes));
        }
    }

    /// <summary>16 bytes of each row, to [16, 16 lanes].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Bytes(byte* source, nint rowBytes, byte* target, byte* groups)
    {
        RowTranspose.Dwords(source, rowBytes, groups, 64, 0);
        for (int i = 0; i < 4; i++) PanelBits.Bytes(groups + (i * 64), target + (i * 64));
    }

    /// <summary>The first 16 bytes of a Q4_K or Q5_K block: two halves, then 6 bits each of 8 scales and 8 minima.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ScalesAndMinima(byte* block, nint rowBytes, byte* step, byte* groups)
    {
        RowTranspose.Dwords(block, rowBytes, groups, 64, 0);
        PanelBits.Split(groups, step, step + 32);
        PanelBits.ScalesAndMinima(groups + 64, step + 64, step + 192);
    }
}
