using System.Runtime.InteropServices;

namespace Coppice.LlamaCpp;

/// <summary>
/// Threads of ggml that stay between computations; a context without them starts and joins its own for every batch, which costs a
/// small model several percent of a step. Between batches they spin, so that whoever hands the machine to somebody else calls
/// <see cref="Rest"/>. Contexts may share them, one batch at a time; dispose those first.
/// </summary>
public sealed unsafe class LlamaCppThreads : IDisposable
{
    // Larger than ggml_threadpool_params of any version so far: 512 flags and a few numbers.
    private const int ParameterBytes = 4096;

    private readonly ThreadPoolFunctions _functions;
    private nint _handle;

    /// <summary>Starts the threads, resting.</summary>
    /// <param name="threads">How many compute, the caller of a batch included; at least 1.</param>
    /// <exception cref="LlamaCppException">The libraries are missing, or ggml starts no threads.</exception>
    public LlamaCppThreads(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        LlamaCppLibrary.Require();
        Count = threads;
        _functions = ThreadPoolFunctions.Of(LlamaCppLibrary.VariantHandle);
        byte* parameters = stackalloc byte[ParameterBytes];
        NativeMethods.InitThreadPoolParams(parameters, threads);
        _handle = _functions.Create(parameters);
        if (_handle == 0) throw LlamaCppLibrary.Failure($"ggml does not start {threads} threads");
        Rest();
    }

    /// <summary>Threads that compute, the caller of a batch included.</summary>
    public int Count { get; }

    internal nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }

    /// <summary>Sends the threads to sleep; no batch may be running. The next batch wakes them too.</summary>
    public void Rest() => _functions.Pause(Handle);

    /// <summary>Lets the threads wait for the next batch awake.</summary>
    public void Wake() => _functions.Resume(Handle);

    /// <summary>Ends the threads.</summary>
    public void Dispose()
    {
        if (_handle == 0) return;
        _functions.Free(_handle);
        _handle = 0;
    }

    /// <summary>The entry points that only the CPU variant has.</summary>
    private readonly struct ThreadPoolFunctions
    {
        public required delegate* unmanaged<byte*, nint> Create { get; init; }

        public required delegate* unmanaged<nint, void> Free { get; init; }

        public required delegate* unmanaged<nint, void> Pause { get; init; }

        public required delegate* unmanaged<nint, void> Resume { get; init; }

        public static ThreadPoolFunctions Of(nint library) => new()
        {
            Create = (delegate* unmanaged<byte*, nint>)NativeLibrary.GetExport(library, "ggml_threadpool_new"),
            Free = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(library, "ggml_threadpool_free"),
            Pause = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(library, "ggml_threadpool_pause"),
            Resume = (delegate* unmanaged<nint, void>)NativeLibrary.GetExport(library, "ggml_threadpool_resume"),
        };
    }
}
