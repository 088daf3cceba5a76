namespace Coppice.Kernels.Products;

/// <summary>
/// The left operand of products: floats [rows, inputs] and, made when the first product asks for them, their quantized forms,
/// which all products of the same input share (see <see cref="ActivationQuantizer"/>). Memory for the largest operand is taken
/// ahead. Used by one caller at a time.
/// </summary>
public sealed unsafe class ActivationRows : IDisposable
{
    private readonly AlignedBuffer<float> _floats;
    private readonly AlignedBuffer<byte> _blocks32;
    private readonly AlignedBuffer<byte> _blocks256;
    private readonly long _capacity;
    private bool _has32;
    private bool _has256;

    /// <summary>Takes memory.</summary>
    /// <param name="maxRows">Most rows of an operand.</param>
    /// <param name="maxInputs">Most inputs of an operand; fewer inputs leave room for more rows.</param>
    public ActivationRows(int maxRows, int maxInputs)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxInputs, 1);
        _capacity = (long)maxRows * maxInputs;
        _floats = new AlignedBuffer<float>(_capacity);
        // Two bytes an input, and a line for at least every 1024 of them.
        _blocks32 = new AlignedBuffer<byte>(_capacity * 2 / 16 * 17);
        _blocks256 = new AlignedBuffer<byte>(_capacity * 2 / 16 * 17);
    }

    /// <summary>Rows loaded.</summary>
    public int Rows { get; private set; }

    /// <summary>Inputs of each row loaded.</summary>
    public int Inputs { get; private set; }

    internal float* Floats => _floats.Pointer;

    /// <summary>Copies an operand in; quantized forms of the previous one are forgotten.</summary>
    /// <param name="x">[rows, inputs], row-major.</param>
    /// <param name="rows">Number of rows, at least 1.</param>
    /// <param name="inputs">Inputs of a row, at least 1.</param>
    /// <exception cref="ArgumentException">The span's length is not rows * inputs, or there is no room for it.</exception>
    public void Load(ReadOnlySpan<float> x, int rows, int inputs)
    {
        if (x.Length != (long)rows * inputs)
            throw new ArgumentException($"expected {rows} * {inputs} values, found {x.Length}", nameof(x));
        x.CopyTo(Fill(rows, inputs));
    }

    /// <summary>
    /// The memory of an operand, [rows, inputs], to be written by the caller before the next product (which saves
    /// <see cref="Load"/>'s copy). Quantized forms of the previous operand are forgotten.
    /// </summary>
    /// <param name="rows">Number of rows, at least 1.</param>
    /// <param name="inputs">Inputs of a row, at least 1.</param>
    /// <exception cref="ArgumentException">There is no room for it.</exception>
    public Span<float> Fill(int rows, int inputs)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(inputs, 1);
        if ((long)rows * inputs > _capacity)
            throw new ArgumentException($"{rows} * {inputs} values are more than the {_capacity} there is room for", nameof(rows));
        Rows = rows;
        Inputs = inputs;
        _has32 = _has256 = false;
        return _floats.Slice(0, checked(rows * inputs));
    }

    /// <summary>Returns the memory.</summary>
    public void Dispose()
    {
        _floats.Dispose();
        _blocks32.Dispose();
        _blocks256.Dispose();
    }

    /// <summary>Bytes from one row of blocks of <paramref name="blockInputs"/> to the next.</summary>
    /// <remarks>A line more than needed where rows would otherwise meet in the same few sets of the caches.</remarks>
    internal nint BlockStride(int blockInputs)
    {
        nint bytes = (nint)(Inputs / blockInputs) * (blockInputs == 32 ? Block32.Bytes : Block256.Bytes);
        return bytes % 1024 == 0 ? bytes + 64 : bytes;
    }

    /// <summary>The rows as <see cref="Block32"/>s, [rows, inputs / 32].</summary>
    internal byte* Blocks32(KernelPath path, WorkerTeam team)
    {
        if (!_has32)
            ActivationQuantizer.Quantize32(path, team, Floats, Rows, Inputs / 32, _blocks32.Pointer, BlockStride(32));
        _has32 = true;
        return _blocks32.Pointer;
    }

    /// <summary>The rows as <see cref="Block256"/>s, [rows, inputs / 256].</summary>
    internal byte* Blocks256(KernelPath path, WorkerTeam team)
    {
        if (!_has256)
            ActivationQuantizer.Quantize256(path, team, Floats, Rows, Inputs / 256, _blocks256.Pointer, BlockStride(256));
        _has256 = true;
        return _blocks256.Pointer;
    }
}
