using System.Buffers;
using System.Runtime.InteropServices;
using Coppice.Kernels.Formats;
using Coppice.ModelFiles;

namespace Coppice.Model;

/// <summary>
/// Writes model files of a real shape with random weights: matrices around 0 with variance 1/inputs, so that activations keep
/// their size through the layers. Speed and memory are then those of the real model and its text is noise. The same shape, type
/// and seed give the same bytes on every machine.
/// </summary>
public static class RandomModel
{
    /// <summary>Elements made from one seed; a multiple of every block size.</summary>
    private const int ChunkElements = 1 << 19;

    /// <summary>Reads <c>SHAPE:TYPE</c>, as in <c>llama-3.2-1b:q8_0</c>.</summary>
    /// <exception cref="RequestRejectedException">The shape or the type is not known; the message lists those that are.</exception>
    public static (ModelShape Shape, TensorType Type) Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) throw new RequestRejectedException("random model", "SHAPE:TYPE, as in llama-3.2-1b:q8_0", $"'{text}'");
        string shapeName = text[..colon];
        string typeName = text[(colon + 1)..];
        ModelShape shape = ModelShapes.Find(shapeName)
            ?? throw new RequestRejectedException("shape", $"one of {string.Join(", ", ModelShapes.All.Select(known => known.Name))}", $"'{shapeName}'");
        TensorType type = TensorTypes.Parse(typeName)
            ?? throw new RequestRejectedException("tensor type", $"one of {string.Join(", ", TensorTypes.Supported.Select(Spelled))}", $"'{typeName}'");
        return (shape, type);
    }

    /// <summary>Writes a model; a file that is there already is replaced when the new one is complete.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="type">How matrices are stored; a matrix whose rows are no whole blocks of it takes the next wider type that fits.</param>
    /// <param name="path">The file; its folder must exist.</param>
    /// <param name="seed">Another seed, other weights.</param>
    /// <param name="written">Told now and then how many of the <see cref="DataBytes"/> are written.</param>
    /// <param name="cancel">Ends the work; nothing is left at the path.</param>
    /// <exception cref="IOException">The file can't be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static void Write(
        ModelShape shape, TensorType type, string path, ulong seed = 1, IProgress<long>? written = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        var writer = new GgufWriter();
        long done = 0;
        RandomModelMetadata.SetOn(writer, shape, type, seed);
        ulong ordinal = 0;
        foreach (RandomTensor tensor in RandomModelLayout.Of(shape))
        {
            ulong tensorSeed = RandomBits.Combine(seed, ordinal++);
            TensorType stored = StoredType(tensor, type);
            writer.AddTensor(tensor.Name, stored, tensor.Dimensions, stream =>
            {
                WriteTensor(stream, shape, tensor, stored, tensorSeed, cancel);
                written?.Report(done += TensorTypes.Bytes(stored, tensor.Elements));
            });
        }
        writer.Write(path, cancel);
    }

    /// <summary>Writes a model to the system's folder for temporary files; disposing the result deletes it.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="type">How matrices are stored, as in <see cref="Write"/>.</param>
    /// <param name="seed">Another seed, other weights.</param>
    /// <param name="written">Told now and then how many of the <see cref="DataBytes"/> are written.</param>
    /// <param name="cancel">Ends the work; no file is left.</param>
    /// <exception cref="IOException">The file can't be written.</exception>
    public static TemporaryModel WriteTemporary(
        ModelShape shape, TensorType type, ulong seed = 1, IProgress<long>? written = null, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(shape);
        string path = Path.Combine(Path.GetTempPath(), $"coppice-{shape.Name}-{Spelled(type)}-{Path.GetRandomFileName()}.gguf");
        Write(shape, type, path, seed, written, cancel);
        return new TemporaryModel(path);
    }

    /// <summary>Bytes of all tensors of such a model together.</summary>
    /// <param name="shape">Its sizes.</param>
    /// <param name="type">How matrices are stored, as in <see cref="Write"/>.</param>
    public static long DataBytes(ModelShape shape, TensorType type) =>
        RandomModelLayout.Of(shape).Sum(tensor => TensorTypes.Bytes(StoredType(tensor, type), tensor.Elements));

    /// <summary>The type itself where rows are whole blocks of it, else a neighbour that fits: llama.cpp's quantizer chooses the same.</summary>
    internal static TensorType FittingType(TensorType type, long rowLength)
    {
        if (rowLength % TensorTypes.BlockSize(type) == 0) return type;
        TensorType smallerBlocks = type switch
        {
            TensorType.Q2_K or TensorType.Q3_K => TensorType.Q4_0,
            TensorType.Q4_K => TensorType.Q5_0,
            TensorType.Q5_K => TensorType.Q5_1,
            TensorType.Q6_K => TensorType.Q8_0,
            _ => TensorType.F16,
        };
        return rowLength % TensorTypes.BlockSize(smallerBlocks) == 0 ? smallerBlocks : TensorType.F16;
    }

    private static TensorType StoredType(RandomTensor tensor, TensorType type) =>
        tensor.Kind == RandomTensorKind.Matrix ? FittingType(type, tensor.Dimensions[0]) : TensorType.F32;

    private static string Spelled(TensorType type) => type.ToString().ToLowerInvariant();

    private static void WriteTensor(
        Stream stream, ModelShape shape, RandomTensor tensor, TensorType type, ulong seed, CancellationToken cancel)
    {
        if (tensor.Kind == RandomTensorKind.RopeDivisors)
            stream.Write(MemoryMarshal.AsBytes(shape.RopeStretch!.Divisors(shape.RopeBase, shape.HeadDim).AsSpan()));
        else if (tensor.Mean == 0)
            WriteRandom(stream, type, tensor.Elements, tensor.Deviation, seed, cancel);
        else
            WriteFloats(stream, tensor, seed);
    }

    private static void WriteFloats(Stream stream, RandomTensor tensor, ulong seed)
    {
        float[] values = new float[tensor.Elements];
        Span<byte> bytes = MemoryMarshal.AsBytes(values.AsSpan());
        new RandomModelBlocks(TensorType.F32, tensor.Deviation).Fill(bytes, seed);
        foreach (ref float value in values.AsSpan()) value += tensor.Mean;
        stream.Write(bytes);
    }

    /// <summary>Chunks are made on all cores, a group at a time, and written in order.</summary>
    private static void WriteRandom(Stream stream, TensorType type, long elements, float rms, ulong seed, CancellationToken cancel)
    {
        var blocks = new RandomModelBlocks(type, rms);
        long chunks = (elements + ChunkElements - 1) / ChunkElements;
        int group = (int)Math.Min(chunks, 2 * Environment.ProcessorCount);
        int chunkBytes = (int)TensorTypes.Bytes(type, ChunkElements);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(checked(group * chunkBytes));
        try
        {
            for (long first = 0; first < chunks; first += group)
            {
                cancel.ThrowIfCancellationRequested();
                long firstChunk = first;
                long count = Math.Min((long)group * ChunkElements, elements - first * ChunkElements);
                int bytes = checked((int)TensorTypes.Bytes(type, count));
                Parallel.For(0, (bytes + chunkBytes - 1) / chunkBytes, i =>
                {
                    Span<byte> chunk = buffer.AsSpan(i * chunkBytes, Math.Min(chunkBytes, bytes - i * chunkBytes));
                    blocks.Fill(chunk, RandomBits.Combine(seed, (ulong)(firstChunk + i)));
                });
                stream.Write(buffer.AsSpan(0, bytes));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}

/// <summary>A model file that goes when it is no longer needed.</summary>
public sealed class TemporaryModel : IDisposable
{
    internal TemporaryModel(string path) => Path = path;

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>
    /// Deletes the file's name once the file is open, where the system keeps an open file's contents (all but Windows), so that
    /// nothing stays behind even when the process is killed.
    /// </summary>
    public void DeleteName()
    {
        if (!OperatingSystem.IsWindows()) File.Delete(Path);
    }

    /// <summary>Deletes the file if it is still there; on Windows whoever opened it must have closed it.</summary>
    public void Dispose() => File.Delete(Path);
}
