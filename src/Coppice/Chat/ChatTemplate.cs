namespace Coppice.Chat;

/// <summary>
/// A chat template: a program in the subset of Jinja that released models use, which turns a conversation into text.
/// Immutable; any number of threads may render one.
/// </summary>
public sealed class ChatTemplate
{
    private ChatTemplate(string name, string source) => (Name, Source) = (name, source);

    /// <summary>The template for models that bring none: ChatML.</summary>
    public static ChatTemplate ChatMl { get; } = Parse(
        "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}" +
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}", "chatml");

    /// <summary>Its name, for errors.</summary>
    public string Name { get; }

    /// <summary>The program.</summary>
    public string Source { get; }

    /// <summary>Reads a template.</summary>
    /// <param name="source">The program.</param>
    /// <param name="name">Its name, for errors.</param>
    /// <exception cref="ChatTemplateException">It is not a template; the message says at which line and why.</exception>
    public static ChatTemplate Parse(string source, string name = "template")
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(name);
        return new ChatTemplate(name, source);
    }

    /// <summary>Renders a conversation exactly as the template says.</summary>
    /// <param name="context">The conversation and the other variables.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, fails, or takes more than it may.</exception>
    public string Render(ChatTemplateContext context) => throw new NotSupportedException("templates are not rendered yet");
}
