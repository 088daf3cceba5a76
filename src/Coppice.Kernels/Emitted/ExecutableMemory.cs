using System.Runtime.InteropServices;

namespace Coppice.Kernels.Emitted;

/// <summary>
/// Machine code in pages of its own: written while the pages are writable, then made executable, never both at once. An
/// operating system that refuses (a hardened one, or one other than Linux on x64) makes <see cref="TryLoad"/> answer null.
/// </summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Execute = 4;
    private const int PrivateAnonymous = 0x22;
    private readonly nuint _bytes;
    private nint _address;

    private ExecutableMemory(nint address, nuint bytes)
    {
        _address = address;
        _bytes = bytes;
    }

    /// <summary>Whether this process is one whose code pages and calling convention are known here.</summary>
    public static bool Supported => OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>The first byte of the code.</summary>
    /// <exception cref="ObjectDisposedException">The memory was returned.</exception>
    public byte* Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_address == 0, this);
            return (byte*)_address;
        }
    }

    /// <summary>Loads position-independent code; null where the operating system refuses.</summary>
    /// <param name="code">The bytes; at least one.</param>
    public static ExecutableMemory? TryLoad(ReadOnlySpan<byte> code)
    {
        if (code.IsEmpty) throw new ArgumentException("no code", nameof(code));
        if (!Supported) return null;
        nuint page = (nuint)Environment.SystemPageSize;
        nuint bytes = ((nuint)code.Length + page - 1) / page * page;
        nint address = Map(0, bytes, Read | Write, PrivateAnonymous, -1, 0);
        if (address == -1) return null;
        code.CopyTo(new Span<byte>((void*)address, code.Length));
        if (Protect(address, bytes, Read | Execute) == 0) return new ExecutableMemory(address, bytes);
        _ = Unmap(address, bytes);
        return null;
    }

    /// <summary>Returns the pages; no code in them may be running.</summary>
    public void Dispose()
    {
        if (_address == 0) return;
        _ = Unmap(_address, _bytes);
        _address = 0;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
