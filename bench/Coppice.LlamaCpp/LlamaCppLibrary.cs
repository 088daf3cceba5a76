using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Coppice.LlamaCpp;

/// <summary>
/// Finds and loads llama.cpp's shared libraries, once a process: from the folder that the environment variable
/// <c>COPPICE_LLAMACPP</c> names, else from <c>node_modules</c> of a folder above the program (<c>npm ci</c> at the
/// repository's root puts them there). Its log goes nowhere; the latest errors end up in exceptions.
/// </summary>
public static unsafe class LlamaCppLibrary
{
    /// <summary>The environment variable that names the folder of the libraries.</summary>
    public const string FolderVariable = "COPPICE_LLAMACPP";

    private const string PackageFolder = "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64";
    private const string VariantPrefix = "libggml-cpu-";
    private const int LogError = 4;
    private const int KeptErrors = 8;

    // In the order of loading: each needs the ones before it. The version is part of the name, as the structs' layout is that version's.
    private static readonly (string Import, string File)[] s_files =
    [
        (NativeMethods.GgmlBase, "libggml-base.so"),
        (NativeMethods.Ggml, "libggml.v0.5.0.so"),
        (NativeMethods.Llama, "libllama.v0.5.0.so"),
    ];

    private static readonly Lazy<string> s_problem = new(Load);
    private static readonly ConcurrentQueue<string> s_errors = new();

    /// <summary>Loads the libraries, unless that was done before.</summary>
    /// <param name="reason">Why they can't be used; empty when they can.</param>
    /// <returns>Whether they can be used.</returns>
    public static bool TryLoad(out string reason)
    {
        reason = s_problem.Value;
        return reason.Length == 0;
    }

    /// <summary>llama.cpp's version.</summary>
    /// <exception cref="LlamaCppException">The libraries are missing.</exception>
    public static string Version
    {
        get
        {
            Require();
            return Marshal.PtrToStringUTF8((nint)NativeMethods.Version()) ?? "";
        }
    }

    /// <summary>The CPU features its chosen back end uses, as it states them.</summary>
    /// <exception cref="LlamaCppException">The libraries are missing.</exception>
    public static string SystemInfo
    {
        get
        {
            Require();
            return (Marshal.PtrToStringUTF8((nint)NativeMethods.SystemInfo()) ?? "").Trim(' ', '|');
        }
    }

    /// <summary>The variant of its CPU back end that it chose for this machine, as in <c>zen4</c>.</summary>
    /// <exception cref="LlamaCppException">The libraries are missing.</exception>
    public static string Variant => Path.GetFileNameWithoutExtension(VariantFile)[VariantPrefix.Length..];

    /// <summary>That variant's library.</summary>
    internal static nint VariantHandle => NativeLibrary.Load(VariantFile);

    /// <summary>The back end's file: ggml tells nobody which one it loaded, but the process has it in its memory.</summary>
    private static string VariantFile
    {
        get
        {
            Require();
            using var self = Process.GetCurrentProcess();
            return self.Modules.Cast<ProcessModule>()
                .Select(module => module.FileName)
                .First(file => Path.GetFileName(file).StartsWith(VariantPrefix, StringComparison.Ordinal));
        }
    }

    internal static void Require()
    {
        if (!TryLoad(out string reason)) throw new LlamaCppException(reason);
    }

    /// <summary>Forgets the errors logged so far.</summary>
    internal static void ClearErrors() => s_errors.Clear();

    /// <summary>An exception that says <paramref name="what"/> failed, and what the log said.</summary>
    internal static LlamaCppException Failure(string what)
    {
        string logged = string.Join("; ", s_errors.Select(line => line.Trim()).Where(line => line.Length > 0));
        return new LlamaCppException(logged.Length == 0 ? what : $"{what}: {logged}");
    }

    /// <summary>Loads the files and the CPU variant; returns the reason it can't, or an empty text.</summary>
    private static string Load()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            return "llama.cpp's libraries are installed for Linux on x64 only";
        string? folder = FindFolder(out string reason);
        if (folder == null) return reason;

        var handles = new Dictionary<string, nint>(StringComparer.Ordinal);
        foreach ((string import, string file) in s_files)
        {
            try
            {
                handles[import] = NativeLibrary.Load(Path.Combine(folder, file));
            }
            catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
            {
                return $"llama.cpp: {file} in {folder} does not load: {error.Message}";
            }
        }

        NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (name, _, _) => handles.GetValueOrDefault(name));
        NativeMethods.SetGgmlLog(&KeepErrors, null);
        NativeMethods.SetLlamaLog(&KeepErrors, null);
        NativeMethods.LoadBackends(folder);
        if (NativeMethods.BackendCount() == 0) return $"llama.cpp: no variant of libggml-cpu in {folder} fits this CPU";
        NativeMethods.BackendInit();
        return "";
    }

    private static string? FindFolder(out string reason)
    {
        string? named = Environment.GetEnvironmentVariable(FolderVariable);
        if (!string.IsNullOrEmpty(named))
        {
            reason = $"llama.cpp: {FolderVariable} names {named}, which does not hold {s_files[^1].File}";
            return HoldsLibrary(named) ? named : null;
        }

        for (DirectoryInfo? above = new(AppContext.BaseDirectory); above != null; above = above.Parent)
        {
            string folder = Path.Combine(above.FullName, PackageFolder);
            if (HoldsLibrary(folder))
            {
                reason = "";
                return folder;
            }
        }

        reason = $"llama.cpp is not installed: run `npm ci` at the repository's root, or set {FolderVariable}";
        return null;
    }

    private static bool HoldsLibrary(string folder) => File.Exists(Path.Combine(folder, s_files[^1].File));

    [UnmanagedCallersOnly]
    private static void KeepErrors(int level, byte* text, void* userData)
    {
        if (level != LogError) return;
        s_errors.Enqueue(Marshal.PtrToStringUTF8((nint)text) ?? "");
        while (s_errors.Count > KeptErrors) s_errors.TryDequeue(out _);
    }
}
