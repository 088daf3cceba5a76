using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

// Every struct below crosses the boundary by value, with C's layout: a bool is one byte.
[assembly: DisableRuntimeMarshalling]

namespace Coppice.LlamaCpp;

/// <summary><c>llama_model_params</c> of llama.cpp v0.5.0, field for field.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeModelParams
{
    public nint Devices;
    public nint TensorBufferOverrides;
    public int GpuLayers;
    public int SplitMode;
    public int LoadMode;
    public int LazyMode;
    public int MainGpu;
    public nint TensorSplit;
    public nint ProgressCallback;
    public nint ProgressCallbackUserData;
    public nint KeyValueOverrides;
    public bool VocabularyOnly;
    public bool CheckTensors;
    public bool UseExtraBuffers;
    public bool NoHost;
    public bool NoAlloc;
    public bool LoadMtp;

    public const int LoadModeNone = 0;
    public const int LoadModeMemoryMap = 1;
}

/// <summary><c>llama_context_params</c> of llama.cpp v0.5.0, field for field.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct NativeContextParams
{
    public uint ContextTokens;
    public uint BatchTokens;
    public uint MicroBatchTokens;
    public uint MaxSequences;
    public uint RecurrentSnapshots;
    public uint MaxOutputs;
    public uint MaxOutputsPerSequence;
    public int Threads;
    public int BatchThreads;
    public int ContextType;
    public int RopeScalingType;
    public int PoolingType;
    public int AttentionType;
    public int FlashAttention;
    public float RopeFrequencyBase;
    public float RopeFrequencyScale;
    public float YarnExtFactor;
    public float YarnAttentionFactor;
    public float YarnBetaFast;
    public float YarnBetaSlow;
    public uint YarnOriginalContext;
    public float DefragThreshold;
    public nint EvalCallback;
    public nint EvalCallbackUserData;
    public int KeyType;
    public int ValueType;
    public nint AbortCallback;
    public nint AbortCallbackData;
    public bool Embeddings;
    public bool OffloadKqv;
    public bool NoPerf;
    public bool OffloadOperations;
    public bool FullSizeSlidingWindow;
    public bool UnifiedCache;
    public nint Samplers;
    public nuint SamplerCount;
    public nint OtherContext;

    public const int FlashAttentionOff = 0;
    public const int FlashAttentionOn = 1;
}

/// <summary><c>llama_batch</c>: parallel arrays with one entry a token.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeBatch
{
    public int Count;
    public int* Tokens;
    public float* Embeddings;
    public int* Positions;
    public int* SequenceCounts;
    public int** Sequences;
    public byte* Outputs;
}

/// <summary><c>ggml_type_traits</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeTypeTraits
{
    public byte* Name;
    public long BlockSize;
    public long BlockInterleave;
    public nuint BlockBytes;
    public bool IsQuantized;
    public delegate* unmanaged<void*, float*, long, void> ToFloat;
    public delegate* unmanaged<float*, void*, long, void> FromFloatReference;
}
