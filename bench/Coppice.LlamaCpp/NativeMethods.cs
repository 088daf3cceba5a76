using System.Runtime.InteropServices;

namespace Coppice.LlamaCpp;

/// <summary>
/// The entry points that the bindings use. <see cref="LlamaCppLibrary"/> resolves the three library names to files of one
/// folder; nothing here may be called before it did.
/// </summary>
internal static unsafe partial class NativeMethods
{
    public const string GgmlBase = "ggml-base";
    public const string Ggml = "ggml";
    public const string Llama = "llama";

    [LibraryImport(Ggml, EntryPoint = "ggml_backend_load_all_from_path", StringMarshalling = StringMarshalling.Utf8)]
    public static partial void LoadBackends(string folder);

    [LibraryImport(Ggml, EntryPoint = "ggml_backend_reg_count")]
    public static partial nuint BackendCount();

    [LibraryImport(GgmlBase, EntryPoint = "ggml_log_set")]
    public static partial void SetGgmlLog(delegate* unmanaged<int, byte*, void*, void> callback, void* userData);

    [LibraryImport(GgmlBase, EntryPoint = "ggml_get_type_traits")]
    public static partial NativeTypeTraits* TypeTraits(int type);

    [LibraryImport(GgmlBase, EntryPoint = "ggml_row_size")]
    public static partial nuint RowBytes(int type, long elements);

    [LibraryImport(GgmlBase, EntryPoint = "ggml_quantize_chunk")]
    public static partial nuint QuantizeChunk(int type, float* source, void* destination, long start, long rows, long rowElements, float* importance);

    [LibraryImport(GgmlBase, EntryPoint = "ggml_threadpool_params_init")]
    public static partial void InitThreadPoolParams(byte* parameters, int threads);

    [LibraryImport(Llama, EntryPoint = "llama_log_set")]
    public static partial void SetLlamaLog(delegate* unmanaged<int, byte*, void*, void> callback, void* userData);

    [LibraryImport(Llama, EntryPoint = "llama_backend_init")]
    public static partial void BackendInit();

    [LibraryImport(Llama, EntryPoint = "llama_version")]
    public static partial byte* Version();

    [LibraryImport(Llama, EntryPoint = "llama_print_system_info")]
    public static partial byte* SystemInfo();

    [LibraryImport(Llama, EntryPoint = "llama_model_default_params")]
    public static partial NativeModelParams DefaultModelParams();

    [LibraryImport(Llama, EntryPoint = "llama_context_default_params")]
    public static partial NativeContextParams DefaultContextParams();

    [LibraryImport(Llama, EntryPoint = "llama_model_load_from_file", StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint LoadModel(string path, NativeModelParams parameters);

    [LibraryImport(Llama, EntryPoint = "llama_model_free")]
    public static partial void FreeModel(nint model);

    [LibraryImport(Llama, EntryPoint = "llama_model_get_vocab")]
    public static partial nint Vocabulary(nint model);

    [LibraryImport(Llama, EntryPoint = "llama_model_n_ctx_train")]
    public static partial int TrainedContext(nint model);

    [LibraryImport(Llama, EntryPoint = "llama_model_n_layer")]
    public static partial int LayerCount(nint model);

    [LibraryImport(Llama, EntryPoint = "llama_model_n_embd")]
    public static partial int EmbeddingLength(nint model);

    [LibraryImport(Llama, EntryPoint = "llama_model_size")]
    public static partial ulong ModelBytes(nint model);

    [LibraryImport(Llama, EntryPoint = "llama_model_n_params")]
    public static partial ulong ParameterCount(nint model);

    [LibraryImport(Llama, EntryPoint = "llama_model_desc")]
    public static partial int Describe(nint model, byte* buffer, nuint bufferBytes);

    [LibraryImport(Llama, EntryPoint = "llama_vocab_n_tokens")]
    public static partial int VocabularySize(nint vocabulary);

    [LibraryImport(Llama, EntryPoint = "llama_vocab_bos")]
    public static partial int BeginToken(nint vocabulary);

    [LibraryImport(Llama, EntryPoint = "llama_vocab_eos")]
    public static partial int EndToken(nint vocabulary);

    [LibraryImport(Llama, EntryPoint = "llama_vocab_is_eog")]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool EndsGeneration(nint vocabulary, int token);

    [LibraryImport(Llama, EntryPoint = "llama_tokenize")]
    public static partial int Tokenize(nint vocabulary, byte* text, int textBytes, int* tokens, int capacity, [MarshalAs(UnmanagedType.U1)] bool addSpecial, [MarshalAs(UnmanagedType.U1)] bool parseSpecial);

    [LibraryImport(Llama, EntryPoint = "llama_detokenize")]
    public static partial int Detokenize(nint vocabulary, int* tokens, int count, byte* text, int capacity, [MarshalAs(UnmanagedType.U1)] bool removeSpecial, [MarshalAs(UnmanagedType.U1)] bool unparseSpecial);

    [LibraryImport(Llama, EntryPoint = "llama_init_from_model")]
    public static partial nint CreateContext(nint model, NativeContextParams parameters);

    [LibraryImport(Llama, EntryPoint = "llama_free")]
    public static partial void FreeContext(nint context);

    [LibraryImport(Llama, EntryPoint = "llama_attach_threadpool")]
    public static partial void AttachThreadPool(nint context, nint pool, nint batchPool);

    [LibraryImport(Llama, EntryPoint = "llama_set_n_threads")]
    public static partial void SetThreads(nint context, int threads, int batchThreads);

    [LibraryImport(Llama, EntryPoint = "llama_n_ctx")]
    public static partial uint ContextTokens(nint context);

    [LibraryImport(Llama, EntryPoint = "llama_n_ctx_seq")]
    public static partial uint SequenceTokens(nint context);

    [LibraryImport(Llama, EntryPoint = "llama_n_batch")]
    public static partial uint BatchTokens(nint context);

    [LibraryImport(Llama, EntryPoint = "llama_n_ubatch")]
    public static partial uint MicroBatchTokens(nint context);

    [LibraryImport(Llama, EntryPoint = "llama_n_seq_max")]
    public static partial uint MaxSequences(nint context);

    [LibraryImport(Llama, EntryPoint = "llama_get_memory")]
    public static partial nint Memory(nint context);

    [LibraryImport(Llama, EntryPoint = "llama_memory_clear")]
    public static partial void MemoryClear(nint memory, [MarshalAs(UnmanagedType.U1)] bool data);

    [LibraryImport(Llama, EntryPoint = "llama_memory_seq_rm")]
    [return: MarshalAs(UnmanagedType.U1)]
    public static partial bool MemoryRemove(nint memory, int sequence, int start, int end);

    [LibraryImport(Llama, EntryPoint = "llama_memory_seq_cp")]
    public static partial void MemoryCopy(nint memory, int source, int destination, int start, int end);

    [LibraryImport(Llama, EntryPoint = "llama_memory_seq_pos_max")]
    public static partial int LastPosition(nint memory, int sequence);

    [LibraryImport(Llama, EntryPoint = "llama_decode")]
    public static partial int Decode(nint context, NativeBatch batch);

    [LibraryImport(Llama, EntryPoint = "llama_synchronize")]
    public static partial void Synchronize(nint context);

    [LibraryImport(Llama, EntryPoint = "llama_get_logits_ith")]
    public static partial float* Logits(nint context, int index);
}
