namespace Coppice.Graphs;

/// <summary>A graph that can't be built, read, differentiated or run as asked; the message names operator, input, what was expected and what was found.</summary>
public sealed class GraphException : Exception
{
    /// <summary>An error without a text.</summary>
    public GraphException()
    {
    }

    /// <summary>An error.</summary>
    /// <param name="message">One line.</param>
    public GraphException(string message)
        : base(message)
    {
    }

    /// <summary>An error with its cause.</summary>
    /// <param name="message">One line.</param>
    /// <param name="innerException">The cause.</param>
    public GraphException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
