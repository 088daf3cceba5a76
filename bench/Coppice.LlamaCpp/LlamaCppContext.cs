using Coppice.Kernels.Formats;

namespace Coppice.LlamaCpp;

/// <summary>Sizes and choices of a <see cref="LlamaCppContext"/>.</summary>
public sealed record LlamaCppContextOptions
{
    /// <summary>Positions of the KV cache: of all sequences together. llama.cpp rounds it up to 256 (per sequence where the cache is not unified).</summary>
    public int ContextTokens { get; init; } = 512;

    /// <summary>Most tokens of one <see cref="LlamaCppContext.Decode"/>; at least <see cref="MaxSequences"/>.</summary>
    public int BatchTokens { get; init; } = 512;

    /// <summary>Tokens computed at once.</summary>
    public int MicroBatchTokens { get; init; } = 512;

    /// <summary>Sequences, numbered from 0.</summary>
    public int MaxSequences { get; init; } = 1;

    /// <summary>Threads, for one token and for many.</summary>
    public int Threads { get; init; } = 2;

    /// <summary>Threads that stay between batches, at least <see cref="Threads"/>, disposed after the context; null: new ones for every batch.</summary>
    public LlamaCppThreads? Pool { get; init; }

    /// <summary>Whether attention is computed in tiles.</summary>
    public bool FlashAttention { get; init; }

    /// <summary>How keys are stored.</summary>
    public TensorType KeyType { get; init; } = TensorType.F16;

    /// <summary>How values are stored.</summary>
    public TensorType ValueType { get; init; } = TensorType.F16;

    /// <summary>One cache for all sequences (a shared prefix is stored and read once a row), instead of a stream for each (a shared prefix is copied).</summary>
    public bool UnifiedCache { get; init; }
}

/// <summary>A KV cache and the computation over it. Owns native memory; dispose it before its model. One thread at a time.</summary>
public sealed unsafe class LlamaCppContext : IDisposable
{
    private readonly LlamaCppModel _model;
    private readonly int _threads;
    private readonly nint _memory;
    private nint _handle;

    /// <summary>Makes a context.</summary>
    /// <param name="model">The model; must outlive the context.</param>
    /// <param name="options">Sizes and choices; the defaults if null.</param>
    /// <exception cref="LlamaCppException">llama.cpp refuses the options.</exception>
    public LlamaCppContext(LlamaCppModel model, LlamaCppContextOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new LlamaCppContextOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.ContextTokens, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaxSequences, 1, nameof(options));
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchTokens, options.MaxSequences, nameof(options));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Threads, options.Pool?.Count ?? int.MaxValue, nameof(options));
        _model = model;
        _threads = options.Threads;

        NativeContextParams parameters = NativeMethods.DefaultContextParams();
        parameters.ContextTokens = (uint)options.ContextTokens;
        parameters.BatchTokens = (uint)options.BatchTokens;
        parameters.MicroBatchTokens = (uint)options.MicroBatchTokens;
        parameters.MaxSequences = (uint)options.MaxSequences;
        parameters.MaxOutputsPerSequence = 0;
        parameters.Threads = options.Threads;
        parameters.BatchThreads = options.Threads;
        parameters.FlashAttention = options.FlashAttention ? NativeContextParams.FlashAttentionOn : NativeContextParams.FlashAttentionOff;
        parameters.KeyType = (int)options.KeyType;
        parameters.ValueType = (int)options.ValueType;
        parameters.OffloadKqv = false;
        parameters.OffloadOperations = false;
        parameters.UnifiedCache = options.UnifiedCache;
        LlamaCppLibrary.ClearErrors();
        _handle = NativeMethods.CreateContext(model.Handle, parameters);
        if (_handle == 0) throw LlamaCppLibrary.Failure("llama.cpp does not make a context");
        _memory = NativeMethods.Memory(_handle);
        if (options.Pool is { } pool) NativeMethods.AttachThreadPool(_handle, pool.Handle, pool.Handle);
    }

    /// <summary>Positions of the KV cache, as llama.cpp rounded them.</summary>
    public int ContextTokens => (int)NativeMethods.ContextTokens(Handle);

    /// <summary>Positions one sequence can have.</summary>
    public int SequenceTokens => (int)NativeMethods.SequenceTokens(Handle);

    /// <summary>Most tokens of one <see cref="Decode"/>.</summary>
    public int BatchTokens => (int)NativeMethods.BatchTokens(Handle);

    /// <summary>Tokens computed at once.</summary>
    public int MicroBatchTokens => (int)NativeMethods.MicroBatchTokens(Handle);

    /// <summary>Sequences, numbered from 0.</summary>
    public int MaxSequences => (int)NativeMethods.MaxSequences(Handle);

    private nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }

    /// <summary>Computes with so many threads from now on: at least 1, and no more than the context was made with.</summary>
    /// <param name="threads">Threads, for one token and for many.</param>
    public void SetThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, _threads);
        NativeMethods.SetThreads(Handle, threads, threads);
    }

    /// <summary>Computes tokens and adds them to the cache. The four spans have one entry a token and equal lengths.</summary>
    /// <param name="tokens">Token ids, at most <see cref="BatchTokens"/>.</param>
    /// <param name="positions">Where each stands in its sequence.</param>
    /// <param name="sequences">The sequence each belongs to.</param>
    /// <param name="outputs">Whether its logits are wanted.</param>
    /// <exception cref="ArgumentException">The lengths differ, or there are none or too many.</exception>
    /// <exception cref="LlamaCppException">The cache is full, or a token, position or sequence is not to be had.</exception>
    public void Decode(ReadOnlySpan<int> tokens, ReadOnlySpan<int> positions, ReadOnlySpan<int> sequences, ReadOnlySpan<bool> outputs)
    {
        if (tokens.IsEmpty || tokens.Length > BatchTokens)
            throw new ArgumentException($"a batch has 1 to {BatchTokens} tokens, not {tokens.Length}", nameof(tokens));
        if (positions.Length != tokens.Length || sequences.Length != tokens.Length || outputs.Length != tokens.Length)
            throw new ArgumentException($"{tokens.Length} tokens, {positions.Length} positions, {sequences.Length} sequences, {outputs.Length} output flags", nameof(positions));

        int[] sequenceCounts = new int[tokens.Length];
        Array.Fill(sequenceCounts, 1);
        nint[] sequencePointers = new nint[tokens.Length];
        fixed (int* token = tokens)
        fixed (int* position = positions)
        fixed (int* sequence = sequences)
        fixed (bool* output = outputs)
        fixed (int* sequenceCount = sequenceCounts)
        fixed (nint* sequencePointer = sequencePointers)
        {
            for (int i = 0; i < sequencePointers.Length; i++) sequencePointer[i] = (nint)(sequence + i);
            var batch = new NativeBatch
            {
                Count = tokens.Length,
                Tokens = token,
                Positions = position,
                SequenceCounts = sequenceCount,
                Sequences = (int**)sequencePointer,
                Outputs = (byte*)output,
            };
            LlamaCppLibrary.ClearErrors();
            int code = NativeMethods.Decode(Handle, batch);
            if (code != 0) throw LlamaCppLibrary.Failure($"llama.cpp does not decode {tokens.Length} tokens (code {code})");
        }
    }

    /// <summary>Waits for the computation of the last <see cref="Decode"/> to end.</summary>
    public void Synchronize() => NativeMethods.Synchronize(Handle);

    /// <summary>The logits of a token of the last <see cref="Decode"/>, valid until the next one.</summary>
    /// <param name="index">The token's place in that batch.</param>
    /// <returns>Logits [VocabularySize].</returns>
    /// <exception cref="ArgumentException">Its logits were not asked for.</exception>
    public ReadOnlySpan<float> Logits(int index)
    {
        float* logits = index >= 0 ? NativeMethods.Logits(Handle, index) : null;
        if (logits == null) throw new ArgumentException($"the last batch has no logits of token {index}", nameof(index));
        return new ReadOnlySpan<float>(logits, _model.VocabularySize);
    }

    /// <summary>Empties the cache.</summary>
    public void MemoryClear()
    {
        _ = Handle;
        NativeMethods.MemoryClear(_memory, data: true);
    }

    /// <summary>Gives positions of one sequence to another too.</summary>
    /// <param name="source">The sequence that has them.</param>
    /// <param name="destination">The sequence that gets them.</param>
    /// <param name="start">First position, or -1 for 0.</param>
    /// <param name="end">The position after the last one, or -1 for all.</param>
    public void MemorySeqCp(int source, int destination, int start = -1, int end = -1)
    {
        CheckSequence(source);
        CheckSequence(destination);
        NativeMethods.MemoryCopy(_memory, source, destination, start, end);
    }

    /// <summary>Takes positions from a sequence.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="start">First position, or -1 for 0.</param>
    /// <param name="end">The position after the last one, or -1 for all.</param>
    /// <returns>False where this kind of cache can't drop a part of a sequence.</returns>
    public bool MemorySeqRm(int sequence, int start = -1, int end = -1)
    {
        CheckSequence(sequence);
        return NativeMethods.MemoryRemove(_memory, sequence, start, end);
    }

    /// <summary>The last position a sequence has, or -1.</summary>
    public int LastPosition(int sequence)
    {
        CheckSequence(sequence);
        return NativeMethods.LastPosition(_memory, sequence);
    }

    /// <summary>Frees the context.</summary>
    public void Dispose()
    {
        if (_handle == 0) return;
        NativeMethods.FreeContext(_handle);
        _handle = 0;
    }

    // llama.cpp ends the process on a sequence it does not have.
    private void CheckSequence(int sequence)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequence);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(sequence, MaxSequences);
    }
}
