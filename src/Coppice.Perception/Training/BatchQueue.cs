namespace Coppice.Perception.Training;

/// <summary>Makes the batch of the next step while the runtime computes the one in hand. What a batch holds depends on its step alone.</summary>
/// <typeparam name="T">A batch.</typeparam>
/// <param name="make">Makes the batch of a step; called by one task at a time.</param>
internal sealed class BatchQueue<T>(Func<long, T> make)
{
    private long _step = -1;
    private Task<T>? _next;

    /// <summary>The batch of a step; that of the next step is begun.</summary>
    public T Take(long step)
    {
        Task<T> task = _next is not null && _step == step ? _next : Task.Run(() => make(step));
        T batch = task.GetAwaiter().GetResult();
        _step = step + 1;
        _next = Task.Run(() => make(step + 1));
        return batch;
    }
}
