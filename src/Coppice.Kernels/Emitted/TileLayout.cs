using Coppice.Kernels.Formats;
using Coppice.Kernels.Products;

namespace Coppice.Kernels.Emitted;

/// <summary>The planes that make up a code (see <see cref="Planes"/>), lowest bits first.</summary>
internal enum CodePlanes
{
    /// <summary>Plain bytes.</summary>
    Bytes,
    Fours,
    FoursOnes,
    FoursTwos,
    TwosOnes,
    Twos,
}

/// <summary>How the 16 scales (or minima) of a step, or of a part of it, are stored.</summary>
internal enum ScaleForm
{
    /// <summary>Floats, one vector per scale.</summary>
    Floats,

    /// <summary>Halves, one vector a step.</summary>
    Halves,

    /// <summary>Halves, one vector a step, times an unsigned byte per scale.</summary>
    TimesBytes,

    /// <summary>Halves, one vector a step, times a signed byte per scale.</summary>
    TimesSignedBytes,

    /// <summary>Halves, one vector a step, times the low nibble of a byte per scale.</summary>
    TimesLowNibbles,

    /// <summary>Halves, one vector a step, times the high nibble of a byte per scale.</summary>
    TimesHighNibbles,
}

/// <summary>Where a step keeps its scales, or its minima.</summary>
/// <param name="Form">As what.</param>
/// <param name="At">Offset of the floats or halves.</param>
/// <param name="BytesAt">Offset of the bytes they are multiplied with, [scales, 16].</param>
internal readonly record struct ScalePlace(ScaleForm Form, int At = 0, int BytesAt = 0);

/// <summary>
/// The memory of an <see cref="IPanelFormat"/> as data, for the emitter of machine code. The products' formats are the
/// authority; the tests hold both to the same bits.
/// </summary>
/// <param name="StepInputs">Inputs of a step: 32 or 256.</param>
/// <param name="StepBytes">Bytes of a step.</param>
/// <param name="ScaleInputs">Inputs that share a scale: 16 or 32.</param>
/// <param name="OffsetShift">The codes' offset is 1 &lt;&lt; this; -1 where it is zero.</param>
/// <param name="Planes">What codes are made of.</param>
/// <param name="CodesAt">Offset of the first part's planes.</param>
/// <param name="Scales">The scales.</param>
/// <param name="Minima">The minima, or null.</param>
internal readonly record struct TileLayout(
    int StepInputs, int StepBytes, int ScaleInputs, int OffsetShift, CodePlanes Planes, int CodesAt, ScalePlace Scales, ScalePlace? Minima)
{
    /// <summary>Whether activations are scaled per 32.</summary>
    public bool Small => StepInputs == 32;

    /// <summary>Pieces of 32 inputs in a step.</summary>
    public int Parts => StepInputs / 32;

    /// <summary>Scales of a step.</summary>
    public int ScaleCount => StepInputs / ScaleInputs;

    /// <summary>Bytes of one part's planes.</summary>
    public int PartBytes => Planes switch
    {
        CodePlanes.Bytes => 512,
        CodePlanes.Fours => Products.Planes.FoursBytes,
        CodePlanes.FoursOnes => Products.Planes.FoursBytes + Products.Planes.OnesBytes,
        CodePlanes.FoursTwos => Products.Planes.FoursBytes + Products.Planes.TwosBytes,
        CodePlanes.TwosOnes => Products.Planes.TwosBytes + Products.Planes.OnesBytes,
        _ => Products.Planes.TwosBytes,
    };

    /// <summary>The layout of packed weights of a quantized type.</summary>
    /// <exception cref="ArgumentException">The type is not quantized.</exception>
    public static TileLayout Packed(TensorType type) => type switch
    {
        TensorType.Q8_0 => new(32, PanelQ8_0.StepBytes, 32, 7, CodePlanes.Bytes, 32, Halves, null),
        TensorType.Q4_0 => new(32, PanelQ4_0.StepBytes, 32, 3, CodePlanes.Fours, 32, Halves, null),
        TensorType.Q4_1 => new(32, PanelQ4_1.StepBytes, 32, -1, CodePlanes.Fours, 64, Halves, HalvesAt32),
        TensorType.Q5_0 => new(32, PanelQ5_0.StepBytes, 32, 4, CodePlanes.FoursOnes, 32, Halves, null),
        TensorType.Q5_1 => new(32, PanelQ5_1.StepBytes, 32, -1, CodePlanes.FoursOnes, 64, Halves, HalvesAt32),
        TensorType.Q2_K => new(256, PanelQ2_K.StepBytes, 16, -1, CodePlanes.Twos, 320,
            new(ScaleForm.TimesLowNibbles, 0, 64), new(ScaleForm.TimesHighNibbles, 32, 64)),
        TensorType.Q3_K => new(256, PanelQ3_K.StepBytes, 16, 2, CodePlanes.TwosOnes, 288, SignedBytes, null),
        TensorType.Q4_K => new(256, PanelQ4_K.StepBytes, 32, -1, CodePlanes.Fours, 320, Bytes, BytesAt32),
        TensorType.Q5_K => new(256, PanelQ5_K.StepBytes, 32, -1, CodePlanes.FoursOnes, 320, Bytes, BytesAt32),
        TensorType.Q6_K => new(256, PanelQ6_K.StepBytes, 16, 5, CodePlanes.FoursTwos, 288, SignedBytes, null),
        _ => throw new ArgumentException($"{type} is not quantized", nameof(type)),
    };

    /// <summary>The layout of the same weights taken apart by <see cref="UnpackedPanel{TFormat}"/>.</summary>
    public TileLayout Unpacked()
    {
        int minimaAt = ScaleCount * 64, codesAt = Minima is null ? minimaAt : 2 * minimaAt;
        return this with
        {
            StepBytes = codesAt + (StepInputs * 16),
            Planes = CodePlanes.Bytes,
            CodesAt = codesAt,
            Scales = new(ScaleForm.Floats),
            Minima = Minima is null ? null : new(ScaleForm.Floats, minimaAt),
        };
    }

    private static ScalePlace Halves => new(ScaleForm.Halves);

    private static ScalePlace HalvesAt32 => new(ScaleForm.Halves, 32);

    private static ScalePlace SignedBytes => new(ScaleForm.TimesSignedBytes, 0, 32);

    private static ScalePlace Bytes => new(ScaleForm.TimesBytes, 0, 64);

    private static ScalePlace BytesAt32 => new(ScaleForm.TimesBytes, 32, 192);
}
