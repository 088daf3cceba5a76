namespace Coppice.Chat.Jinja;

/// <summary>What is wrong, without the place: the parser or the renderer that knows it makes a <see cref="ChatTemplateException"/> of it.</summary>
internal sealed class TemplateFault(string message, bool isRaised = false) : Exception(message)
{
    /// <summary>Whether the template raised it.</summary>
    public bool IsRaised { get; } = isRaised;

    /// <summary>The line, where it is not that of the statement being run.</summary>
    public int Line { get; init; }
}
