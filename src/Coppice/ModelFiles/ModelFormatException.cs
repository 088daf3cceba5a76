using System.Text;

namespace Coppice.ModelFiles;

/// <summary>A model file is not what it says it is. The message is one line: file, tensor or key, expected, found.</summary>
public sealed class ModelFormatException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="file">The file's name.</param>
    /// <param name="what">The tensor, key or field.</param>
    /// <param name="expected">What was expected there.</param>
    /// <param name="found">What was found.</param>
    public ModelFormatException(string file, string what, string expected, string found)
        : base(OneLine($"{file}: {what}: expected {expected}, found {found}"))
    {
        File = file;
        What = what;
        Expected = expected;
        Found = found;
    }

    /// <summary>The file's name.</summary>
    public string File { get; }

    /// <summary>The tensor, key or field.</summary>
    public string What { get; }

    /// <summary>What was expected.</summary>
    public string Expected { get; }

    /// <summary>What was found.</summary>
    public string Found { get; }

    // Names come from the file: one that holds a line break or a terminal's escape must not reach the screen as it is.
    private static string OneLine(string message)
    {
        if (!message.AsSpan().ContainsAnyInRange('\0', '\u001f') && !message.AsSpan().ContainsAnyInRange('\u007f', '\u009f')
            && !message.AsSpan().ContainsAny('\u2028', '\u2029'))
            return message;
        var line = new StringBuilder(message.Length + 16);
        foreach (char c in message)
        {
            if (char.IsControl(c) || c is '\u2028' or '\u2029') line.Append($"\\u{(int)c:x4}");
            else line.Append(c);
        }
        return line.ToString();
    }
}
