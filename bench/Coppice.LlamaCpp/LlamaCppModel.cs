using System.Text;

namespace Coppice.LlamaCpp;

/// <summary>How llama.cpp loads a model; the defaults are those of its own tools on a CPU.</summary>
public sealed record LlamaCppModelOptions
{
    /// <summary>Map the file instead of reading it.</summary>
    public bool MemoryMap { get; init; } = true;

    /// <summary>Load the vocabulary and no weights.</summary>
    public bool VocabularyOnly { get; init; }

    /// <summary>Let it repack weights into layouts that fit this CPU's widest instructions.</summary>
    public bool Repack { get; init; } = true;
}

/// <summary>A model of llama.cpp on the CPU. Owns native memory; contexts made from it must be disposed first.</summary>
public sealed unsafe class LlamaCppModel : IDisposable
{
    private readonly nint _vocabulary;
    private nint _handle;

    private LlamaCppModel(nint handle)
    {
        _handle = handle;
        _vocabulary = NativeMethods.Vocabulary(handle);
        VocabularySize = NativeMethods.VocabularySize(_vocabulary);
    }

    /// <summary>Tokens in the vocabulary, which is the length of a row of logits.</summary>
    public int VocabularySize { get; }

    /// <summary>The token a text begins with, or -1.</summary>
    public int BeginToken => NativeMethods.BeginToken(_vocabulary);

    /// <summary>The token a text ends with, or -1.</summary>
    public int EndToken => NativeMethods.EndToken(_vocabulary);

    /// <summary>The context length the model was trained with.</summary>
    public int TrainedContext => NativeMethods.TrainedContext(Handle);

    /// <summary>Layers.</summary>
    public int LayerCount => NativeMethods.LayerCount(Handle);

    /// <summary>Width of the residual stream.</summary>
    public int EmbeddingLength => NativeMethods.EmbeddingLength(Handle);

    /// <summary>Bytes of all tensors.</summary>
    public long Bytes => (long)NativeMethods.ModelBytes(Handle);

    /// <summary>Number of weights.</summary>
    public long ParameterCount => (long)NativeMethods.ParameterCount(Handle);

    /// <summary>Architecture, size and weight format, as llama.cpp states them.</summary>
    public string Description
    {
        get
        {
            Span<byte> text = stackalloc byte[256];
            fixed (byte* first = text)
            {
                int length = NativeMethods.Describe(Handle, first, (nuint)text.Length);
                return Encoding.UTF8.GetString(text[..Math.Clamp(length, 0, text.Length - 1)]);
            }
        }
    }

    internal nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }

    /// <summary>Loads a GGUF file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">How; the defaults if null.</param>
    /// <exception cref="LlamaCppException">The libraries are missing, or llama.cpp refuses the file.</exception>
    public static LlamaCppModel Load(string path, LlamaCppModelOptions? options = null)
    {
        LlamaCppLibrary.Require();
        options ??= new LlamaCppModelOptions();
        NativeModelParams parameters = NativeMethods.DefaultModelParams();
        parameters.GpuLayers = 0;
        parameters.LoadMode = options.MemoryMap ? NativeModelParams.LoadModeMemoryMap : NativeModelParams.LoadModeNone;
        parameters.VocabularyOnly = options.VocabularyOnly;
        parameters.UseExtraBuffers = options.Repack;
        LlamaCppLibrary.ClearErrors();
        nint handle = NativeMethods.LoadModel(path, parameters);
        return handle != 0 ? new LlamaCppModel(handle) : throw LlamaCppLibrary.Failure($"llama.cpp does not load {path}");
    }

    /// <summary>Whether this token ends an answer.</summary>
    public bool EndsGeneration(int token) => NativeMethods.EndsGeneration(_vocabulary, token);

    /// <summary>Turns text into token ids.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecial">Add the tokens the model wants at the beginning and the end.</param>
    /// <param name="parseSpecial">Read the spellings of control tokens as these tokens.</param>
    public int[] Tokenize(string text, bool addSpecial = true, bool parseSpecial = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        // One token a byte is the usual bound; a negative answer names the exact number.
        int[] tokens = new int[bytes.Length + 2];
        while (true)
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            fixed (byte* source = bytes)
            fixed (int* destination = tokens)
            {
                byte none = 0;
                int count = NativeMethods.Tokenize(_vocabulary, source == null ? &none : source, bytes.Length, destination, tokens.Length, addSpecial, parseSpecial);
                if (count >= 0) return tokens[..count];
                tokens = new int[checked(-count)];
            }
        }
    }

    /// <summary>Turns token ids into text.</summary>
    /// <param name="tokens">The ids.</param>
    /// <param name="showSpecial">Spell out control tokens.</param>
    public string Detokenize(ReadOnlySpan<int> tokens, bool showSpecial = false)
    {
        byte[] text = new byte[tokens.Length * 8 + 16];
        while (true)
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            fixed (int* source = tokens)
            fixed (byte* destination = text)
            {
                int length = NativeMethods.Detokenize(_vocabulary, source, tokens.Length, destination, text.Length, false, showSpecial);
                if (length >= 0) return Encoding.UTF8.GetString(text, 0, length);
                text = new byte[checked(-length)];
            }
        }
    }

    /// <summary>Frees the model.</summary>
    public void Dispose()
    {
        if (_handle == 0) return;
        NativeMethods.FreeModel(_handle);
        _handle = 0;
    }
}
