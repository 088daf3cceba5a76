namespace Coppice;

/// <summary>As many requests wait as may: try again later. The message is one line.</summary>
public sealed class QueueFullException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="capacity">Requests that can wait.</param>
    public QueueFullException(int capacity)
        : base($"queue: expected at most {capacity} waiting requests, found a full queue") => Capacity = capacity;

    /// <summary>Requests that can wait.</summary>
    public int Capacity { get; }
}
