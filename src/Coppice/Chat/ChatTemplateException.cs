namespace Coppice.Chat;

/// <summary>
/// A chat template can't be read, or can't render a conversation. The message is one line that says where and what; what a
/// template itself raises (<c>raise_exception</c>) comes through word for word in <see cref="Reason"/>.
/// </summary>
public sealed class ChatTemplateException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="template">Name of the template.</param>
    /// <param name="line">Line of the template, from 1; 0 where no line is to blame.</param>
    /// <param name="reason">What is wrong.</param>
    /// <param name="isRaised">Whether the template itself raised it.</param>
    public ChatTemplateException(string template, int line, string reason, bool isRaised = false)
        : base(line > 0 ? $"chat template {template}, line {line}: {reason}" : $"chat template {template}: {reason}")
    {
        Template = template;
        Line = line;
        Reason = reason;
        IsRaised = isRaised;
    }

    /// <summary>Name of the template.</summary>
    public string Template { get; }

    /// <summary>Line of the template, from 1; 0 where no line is to blame.</summary>
    public int Line { get; }

    /// <summary>What is wrong, without the place.</summary>
    public string Reason { get; }

    /// <summary>Whether the template itself refused the conversation (<c>raise_exception</c>): the request is wrong, not the template.</summary>
    public bool IsRaised { get; }
}
