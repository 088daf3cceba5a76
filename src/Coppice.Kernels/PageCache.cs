using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Coppice.Kernels;

/// <summary>What the operating system keeps of a file in memory (Linux; elsewhere it can neither be dropped nor told here).</summary>
public static unsafe partial class PageCache
{
    private const int DontNeed = 4;
    private const int ProtectionRead = 1;
    private const int Shared = 1;
    private const long Window = 1L << 30;

    /// <summary>
    /// Writes a file's changes to the disk, then asks the system to forget its pages. Those that a process has mapped stay;
    /// <see cref="CachedBytes(string)"/> tells.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">The file can't be opened, or not be written to the disk.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static void Drop(string path)
    {
        if (!OperatingSystem.IsLinux()) return;
        using SafeFileHandle file = Open(path);
        if (Synchronize(file) != 0) throw new IOException($"{path}: expected to write it to the disk, found error {Marshal.GetLastPInvokeError()}");
        _ = Advise(file, 0, 0, DontNeed);
    }

    /// <summary>
    /// Bytes of a file that are in the page cache; null where the system does not tell. Of a file that the caller may not write, Linux
    /// says that all of it is.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">The file can't be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static long? CachedBytes(string path)
    {
        if (!OperatingSystem.IsLinux()) return null;
        using SafeFileHandle file = Open(path);
        long length = RandomAccess.GetLength(file), bytes = 0;
        for (long start = 0; start < length; start += Window)
        {
            if (CachedBytes(file, start, Math.Min(Window, length - start)) is not long some) return null;
            bytes += some;
        }

        return bytes;
    }

    private static long? CachedBytes(SafeFileHandle file, long start, long length)
    {
        int page = Environment.SystemPageSize;
        nint address = Map(0, (nuint)length, ProtectionRead, Shared, file, (nint)start);
        if (address == -1) return null;
        try
        {
            byte[] pages = new byte[(length + page - 1) / page];
            fixed (byte* states = pages)
                if (InCore(address, (nuint)length, states) != 0) return null;
            return Math.Min(length, (long)pages.Count(state => (state & 1) != 0) * page);
        }
        finally
        {
            _ = Unmap(address, (nuint)length);
        }
    }

    private static SafeFileHandle Open(string path) => File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Synchronize(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, nint start, nint length, int advice);

    [LibraryImport("libc", EntryPoint = "mincore")]
    private static partial int InCore(nint address, nuint length, byte* states);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, SafeFileHandle file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
