namespace Coppice.Tokenizing;

/// <summary>
/// Byte strings to numbers, looked up by span without copying: open addressing with linear probing over one block that holds
/// all keys. The keys come from a model file and prompts only look up, so a fixed hash (FNV-1a) needs no secret.
/// </summary>
internal sealed class ByteStringTable
{
    private readonly record struct Entry(int Start, int Length, uint Hash, int Value);

    private byte[] _bytes = new byte[1024];
    private int _bytesUsed;
    private Entry[] _entries;
    private int[] _slots;
    private int _count;

    public ByteStringTable(int capacity)
    {
        _entries = new Entry[Math.Max(capacity, 16)];
        _slots = NewSlots(_entries.Length);
    }

    /// <summary>Length in bytes of the longest key.</summary>
    public int LongestKey { get; private set; }

    /// <summary>The number of a key, or -1.</summary>
    public int Find(ReadOnlySpan<byte> key) => Find(key, Hash(key));

    /// <summary>Adds a key; false and no change when it is there already.</summary>
    public bool TryAdd(ReadOnlySpan<byte> key, int value)
    {
        uint hash = Hash(key);
        if (Find(key, hash) >= 0) return false;
        if (_count == _entries.Length) Grow();
        if (_bytesUsed + key.Length > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _bytesUsed + key.Length));
        key.CopyTo(_bytes.AsSpan(_bytesUsed));
        _entries[_count] = new Entry(_bytesUsed, key.Length, hash, value);
        _bytesUsed += key.Length;
        Place(_count++);
        LongestKey = Math.Max(LongestKey, key.Length);
        return true;
    }

    private int Find(ReadOnlySpan<byte> key, uint hash)
    {
        int mask = _slots.Length - 1;
        for (int slot = (int)hash & mask; ; slot = (slot + 1) & mask)
        {
            int index = _slots[slot];
            if (index < 0) return -1;
            ref readonly Entry entry = ref _entries[index];
            if (entry.Hash == hash && key.SequenceEqual(_bytes.AsSpan(entry.Start, entry.Length))) return entry.Value;
        }
    }

    private void Grow()
    {
        Array.Resize(ref _entries, _entries.Length * 2);
        _slots = NewSlots(_entries.Length);
        for (int index = 0; index < _count; index++) Place(index);
    }

    private void Place(int index)
    {
        int mask = _slots.Length - 1;
        int slot = (int)_entries[index].Hash & mask;
        while (_slots[slot] >= 0) slot = (slot + 1) & mask;
        _slots[slot] = index;
    }

    private static int[] NewSlots(int capacity)
    {
        int[] slots = new int[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)capacity * 2)];
        Array.Fill(slots, -1);
        return slots;
    }

    private static uint Hash(ReadOnlySpan<byte> key)
    {
        uint hash = 2166136261;
        foreach (byte value in key) hash = (hash ^ value) * 16777619;
        return hash ^ (hash >> 15);
    }
}
