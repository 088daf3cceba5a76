namespace Coppice;

/// <summary>Where an <see cref="Engine"/> keeps the weights of matrices. Results have the same bits either way.</summary>
public enum WeightStorage
{
    /// <summary>
    /// Repacked at load into memory of its own, in the order in which the kernels read: the fastest steps. The file is needed for the
    /// rows of the embedding only.
    /// </summary>
    /// <remarks>Those are read from the mapping, so that the file must not change either (see <see cref="Mapped"/>).</remarks>
    Packed,

    /// <summary>
    /// In the mapped file, as they are: nothing is read or copied at load, processes that use the same file share its memory, and the
    /// operating system may take that back and read it again. Every step packs the weights it multiplies with, a stretch at a time.
    /// </summary>
    /// <remarks>
    /// The file must not change while the engine lives. To replace a model, rename the new file over the old name: the engine keeps the
    /// one it opened. Bytes that are overwritten in place change the answers without an error, and a read past the end of a file that
    /// was truncated is a fatal error of the runtime that no handler catches (on Linux after SIGBUS; exit code 134).
    /// </remarks>
    Mapped,
}
