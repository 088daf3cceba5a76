namespace Coppice;

/// <summary>A request asks for what can't be done: it names the limit and the value. The message is one line.</summary>
public sealed class RequestRejectedException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="field">The option or limit, as the user knows it.</param>
    /// <param name="expected">What is allowed.</param>
    /// <param name="found">What was asked.</param>
    public RequestRejectedException(string field, string expected, string found)
        : base($"{field}: expected {expected}, found {found}")
    {
        Field = field;
        Expected = expected;
        Found = found;
    }

    /// <summary>The option or limit.</summary>
    public string Field { get; }

    /// <summary>What is allowed.</summary>
    public string Expected { get; }

    /// <summary>What was asked.</summary>
    public string Found { get; }

    internal static void CheckRange(string field, long value, long least, long most)
    {
        if (value < least || value > most) throw new RequestRejectedException(field, $"{least} to {most}", $"{value}");
    }
}
