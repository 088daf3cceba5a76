using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Coppice.ModelFiles;

/// <summary>
/// The keys and values of a GGUF file, in the file's order. Of each typed getter there are three: <c>GetX(key)</c> needs the
/// key, <c>GetX(key, fallback)</c> and <c>TryGetX</c> allow it to be missing. All three throw
/// <see cref="ModelFormatException"/> when the key is there with another type.
/// </summary>
public sealed class GgufMetadata : IReadOnlyCollection<KeyValuePair<string, GgufValue>>
{
    private readonly OrderedDictionary<string, GgufValue> _values = new(StringComparer.Ordinal);
    private readonly string _file;

    internal GgufMetadata(string file) => _file = file;

    /// <summary>Number of keys.</summary>
    public int Count => _values.Count;

    /// <summary>The keys in the file's order.</summary>
    public IReadOnlyList<string> Keys => _values.Keys;

    /// <summary>The value of a key.</summary>
    /// <exception cref="ModelFormatException">The key is missing.</exception>
    public GgufValue this[string key] => _values.TryGetValue(key, out GgufValue? value) ? value : throw Missing(key, "a value");

    /// <summary>Whether the file has the key.</summary>
    public bool Contains(string key) => _values.ContainsKey(key);

    /// <summary>The value of a key, if there is one.</summary>
    public bool TryGet(string key, [NotNullWhen(true)] out GgufValue? value) => _values.TryGetValue(key, out value);

    /// <summary>Whether the key is there and holds an array.</summary>
    public bool IsArray(string key) => TryGet(key, out GgufValue? value) && value.Type == GgufValueType.Array;

    /// <summary>Text.</summary>
    public string GetString(string key) => TryGetString(key, out string? value) ? value : throw Missing(key, "string");

    /// <summary>Text, or the fallback when the key is missing.</summary>
    [return: NotNullIfNotNull(nameof(fallback))]
    public string? GetString(string key, string? fallback) => TryGetString(key, out string? value) ? value : fallback;

    /// <summary>Text, if the key is there.</summary>
    public bool TryGetString(string key, [NotNullWhen(true)] out string? value)
    {
        value = null;
        if (!TryGet(key, out GgufValue? found)) return false;
        if (!found.TryGetString(out string text)) throw Wrong(key, "string", found);
        value = text;
        return true;
    }

    /// <summary>An integer of any width.</summary>
    public long GetLong(string key) => TryGetLong(key, out long value) ? value : throw Missing(key, "integer");

    /// <summary>An integer of any width, or the fallback when the key is missing.</summary>
    public long GetLong(string key, long fallback) => TryGetLong(key, out long value) ? value : fallback;

    /// <summary>An integer of any width, if the key is there.</summary>
    public bool TryGetLong(string key, out long value)
    {
        value = 0;
        if (!TryGet(key, out GgufValue? found)) return false;
        return found.TryGetInteger(out value) ? true : throw Wrong(key, "integer below 2^63", found);
    }

    /// <summary>An integer of any width whose value fits 32 bits with sign.</summary>
    public int GetInt(string key) => TryGetInt(key, out int value) ? value : throw Missing(key, "integer");

    /// <summary>An integer of any width whose value fits 32 bits with sign, or the fallback when the key is missing.</summary>
    public int GetInt(string key, int fallback) => TryGetInt(key, out int value) ? value : fallback;

    /// <summary>An integer of any width whose value fits 32 bits with sign, if the key is there.</summary>
    public bool TryGetInt(string key, out int value)
    {
        value = 0;
        if (!TryGet(key, out GgufValue? found)) return false;
        if (!found.TryGetInteger(out long wide) || wide != (int)wide) throw Wrong(key, "integer below 2^31", found);
        value = (int)wide;
        return true;
    }

    /// <summary>A float of 32 or 64 bits, rounded to 32.</summary>
    public float GetFloat(string key) => TryGetFloat(key, out float value) ? value : throw Missing(key, "float");

    /// <summary>A float of 32 or 64 bits, rounded to 32, or the fallback when the key is missing.</summary>
    public float GetFloat(string key, float fallback) => TryGetFloat(key, out float value) ? value : fallback;

    /// <summary>A float of 32 or 64 bits, rounded to 32, if the key is there.</summary>
    public bool TryGetFloat(string key, out float value)
    {
        value = 0;
        if (!TryGet(key, out GgufValue? found)) return false;
        if (!found.TryGetFloat(out double wide)) throw Wrong(key, "float", found);
        value = (float)wide;
        return true;
    }

    /// <summary>A truth value.</summary>
    public bool GetBool(string key) => TryGetBool(key, out bool value) ? value : throw Missing(key, "bool");

    /// <summary>A truth value, or the fallback when the key is missing.</summary>
    public bool GetBool(string key, bool fallback) => TryGetBool(key, out bool value) ? value : fallback;

    /// <summary>A truth value, if the key is there.</summary>
    public bool TryGetBool(string key, out bool value)
    {
        value = false;
        if (!TryGet(key, out GgufValue? found)) return false;
        return found.TryGetBool(out value) ? true : throw Wrong(key, "bool", found);
    }

    /// <summary>An array of text, decoded anew at each call; bytes that are no UTF-8 become U+FFFD.</summary>
    public IReadOnlyList<string> Strings(string key) => Strings(key, null) ?? throw Missing(key, "array of string");

    /// <summary>An array of text, or the fallback when the key is missing.</summary>
    [return: NotNullIfNotNull(nameof(fallback))]
    public IReadOnlyList<string>? Strings(string key, IReadOnlyList<string>? fallback) =>
        TryGet(key, out GgufValue? found) ? found.StringsOrNull() ?? throw Wrong(key, "array of string", found) : fallback;

    /// <summary>An array of text as its raw bytes, which need not be UTF-8; nothing is copied.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> ByteStrings(string key) =>
        this[key].ByteStringsOrNull() ?? throw Wrong(key, "array of string", this[key]);

    /// <summary>An array of floats of 32 or 64 bits, rounded to 32; a new array at each call.</summary>
    public float[] Floats(string key) => Floats(key, null) ?? throw Missing(key, "array of float");

    /// <summary>An array of floats, or the fallback when the key is missing.</summary>
    [return: NotNullIfNotNull(nameof(fallback))]
    public float[]? Floats(string key, float[]? fallback) =>
        TryGet(key, out GgufValue? found) ? found.FloatsOrNull() ?? throw Wrong(key, "array of float", found) : fallback;

    /// <summary>An array of integers of any width whose values fit 32 bits with sign; a new array at each call.</summary>
    public int[] Ints(string key) => Ints(key, null) ?? throw Missing(key, "array of integer");

    /// <summary>An array of integers, or the fallback when the key is missing.</summary>
    [return: NotNullIfNotNull(nameof(fallback))]
    public int[]? Ints(string key, int[]? fallback)
    {
        if (!TryGet(key, out GgufValue? found)) return fallback;
        if (found.IntegersOrNull(out string? misfit) is { } values) return values;
        throw misfit is null
            ? Wrong(key, "array of integer", found)
            : new ModelFormatException(_file, NameOf(key), "array of integers below 2^31", misfit);
    }

    /// <summary>An array of truth values; a new array at each call.</summary>
    public bool[] Bools(string key) => this[key].BoolsOrNull() ?? throw Wrong(key, "array of bool", this[key]);

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, GgufValue>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>How errors call a key.</summary>
    internal static string NameOf(string key) => $"key '{GgufTensor.Shown(key)}'";

    internal bool TryAdd(string key, GgufValue value) => _values.TryAdd(key, value);

    private ModelFormatException Missing(string key, string expected) => new(_file, NameOf(key), expected, "no such key");

    private ModelFormatException Wrong(string key, string expected, GgufValue found)
    {
        bool isNumber = found.Type is not (GgufValueType.Array or GgufValueType.String);
        return new ModelFormatException(_file, NameOf(key), expected, isNumber ? $"{found.TypeName} {found}" : found.TypeName);
    }
}
