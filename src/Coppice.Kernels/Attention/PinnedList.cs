namespace Coppice.Kernels.Attention;

/// <summary>A list that only grows and whose elements never move while it does not, so that kernels can hold their address.</summary>
internal sealed unsafe class PinnedList<T>
    where T : unmanaged
{
    private T[] _items = GC.AllocateUninitializedArray<T>(64, pinned: true);

    public int Count { get; private set; }

    public ref T this[int index] => ref _items[index];

    /// <summary>The first element; valid until the list next grows.</summary>
    public T* Pointer => (T*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(_items, 0);

    public ReadOnlySpan<T> Items => _items.AsSpan(0, Count);

    public void Clear() => Count = 0;

    public int Add(T item)
    {
        Reserve(Count + 1);
        _items[Count] = item;
        return Count++;
    }

    public void Add(ReadOnlySpan<T> items)
    {
        Reserve(Count + items.Length);
        items.CopyTo(_items.AsSpan(Count));
        Count += items.Length;
    }

    /// <summary>Makes the list <paramref name="count"/> copies of <paramref name="value"/>.</summary>
    public void Fill(int count, T value)
    {
        Count = 0;
        Reserve(count);
        _items.AsSpan(0, count).Fill(value);
        Count = count;
    }

    private void Reserve(int count)
    {
        if (count <= _items.Length) return;
        T[] larger = GC.AllocateUninitializedArray<T>(Math.Max(count, _items.Length * 2), pinned: true);
        Items.CopyTo(larger);
        _items = larger;
    }
}
