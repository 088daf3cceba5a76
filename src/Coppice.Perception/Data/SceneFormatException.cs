namespace Coppice.Perception.Data;

/// <summary>A file of a data set or a picture that can't be used; the message names the file, what was expected and what was found.</summary>
public sealed class SceneFormatException : IOException
{
    /// <summary>An error without a text.</summary>
    public SceneFormatException()
    {
    }

    /// <summary>An error.</summary>
    /// <param name="message">One line.</param>
    public SceneFormatException(string message)
        : base(message)
    {
    }

    /// <summary>An error with its cause.</summary>
    /// <param name="message">One line.</param>
    /// <param name="innerException">The cause.</param>
    public SceneFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>An error of a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="expected">What was expected.</param>
    /// <param name="found">What was found.</param>
    internal static SceneFormatException Of(string file, string expected, string found) => new($"'{file}': expected {expected}; found {found}");
}
