using System.Runtime.Intrinsics;

namespace Coppice.Kernels.Products;

/// <summary>
/// How a quantized matrix lies in memory for the products. 16 outputs form a panel; a panel is a sequence of steps along the
/// inputs, one block of the original format each (32 or 256 inputs). Inside a step the codes are unsigned bytes (or planes of
/// 4, 2 and 1 bits of them) in groups of 4 inputs: byte 4 * lane + i of a group is input 4 * group + i of output `lane`, which
/// is what an instruction that sums four byte products per lane wants. A group takes two 256-bit vectors ("halves").
/// <para>
/// weight = scale * (code - offset) + minimum, where scale and minimum are constant over <see cref="ScaleInputs"/> inputs.
/// </para>
/// The members on <c>half</c> are the vector form, those on <c>lane</c> the scalar form of the same memory.
/// </summary>
internal unsafe interface IPanelFormat
{
    /// <summary>Inputs a step covers: 32, with activations scaled per 32, or 256, with activations scaled per 256.</summary>
    static abstract int StepInputs { get; }

    /// <summary>Bytes a step of 16 outputs takes.</summary>
    static abstract int StepBytes { get; }

    /// <summary>Inputs that share a scale: 16 or 32.</summary>
    static abstract int ScaleInputs { get; }

    /// <summary>The offset of the codes is 1 &lt;&lt; this; -1 where it is zero.</summary>
    static abstract int OffsetShift { get; }

    /// <summary>Whether codes use all 8 bits, so that pairs of products can exceed 16 bits.</summary>
    static abstract bool FullBytes { get; }

    /// <summary>Whether there are minima.</summary>
    static abstract bool HasMinima { get; }

    /// <summary>Codes of group <paramref name="group"/> (0 to 7) of the 32 inputs number <paramref name="part"/>.</summary>
    static abstract Vector256<byte> Codes(byte* step, int part, int group, int half);

    /// <summary>The factor of all scales of the step; <see cref="Scales"/> wants it.</summary>
    static abstract Vector256<float> StepScale(byte* step, int half);

    /// <summary>The factor of all minima of the step; <see cref="Minima"/> wants it.</summary>
    static abstract Vector256<float> StepMinimum(byte* step, int half);

    /// <summary>Scale number <paramref name="index"/> of the step.</summary>
    static abstract Vector256<float> Scales(byte* step, int index, int half, Vector256<float> stepScale);

    /// <summary>Minimum number <paramref name="index"/> of the step, as it is added.</summary>
    static abstract Vector256<float> Minima(byte* step, int index, int half, Vector256<float> stepMinimum);

    /// <summary>One code; <paramref name="index"/> is 4 * lane + input within the group.</summary>
    static abstract int Code(byte* step, int part, int group, int index);

    /// <summary>One lane of <see cref="Scales"/>.</summary>
    static abstract float Scale(byte* step, int index, int lane);

    /// <summary>One lane of <see cref="Minima"/>.</summary>
    static abstract float Minimum(byte* step, int index, int lane);
}
