using Coppice.Chat.Jinja;

namespace Coppice.Chat;

/// <summary>
/// A chat template: a program in the subset of Jinja that released models use, which turns a conversation into text.
/// Immutable; any number of threads may render one.
/// </summary>
public sealed class ChatTemplate
{
    private readonly IReadOnlyList<Statement> _statements;

    private ChatTemplate(string name, string source, IReadOnlyList<Statement> statements) => (Name, Source, _statements) = (name, source, statements);

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
        try
        {
            return new ChatTemplate(name, source, StatementParser.Parse(source));
        }
        catch (TemplateFault fault)
        {
            throw new ChatTemplateException(name, fault.Line, fault.Message);
        }
    }

    /// <summary>Renders a conversation exactly as the template says.</summary>
    /// <param name="context">The conversation and the other variables.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, fails, or takes more than it may.</exception>
    public string Render(ChatTemplateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        RenderState? state = null;
        try
        {
            state = new RenderState(Variables(context), context.Clock, context.TimeLimit);
            Statement.RunAll(_statements, new Scope(state));
            return state.Result;
        }
        catch (TemplateFault fault)
        {
            throw new ChatTemplateException(Name, fault.Line > 0 ? fault.Line : state?.Line ?? 0, fault.Message, fault.IsRaised);
        }
    }

    private static Dictionary<string, object> Variables(ChatTemplateContext context)
    {
        var variables = new Dictionary<string, object>(Globals.All, StringComparer.Ordinal)
        {
            ["messages"] = JsonValues.From(context.Messages),
            ["add_generation_prompt"] = context.AddGenerationPrompt,
        };
        if (context.Tools is not null) variables["tools"] = JsonValues.From(context.Tools);
        if (context.BosToken is not null) variables["bos_token"] = context.BosToken;
        if (context.EosToken is not null) variables["eos_token"] = context.EosToken;
        if (context.Variables is not null)
            foreach (var (name, value) in context.Variables) variables[name] = JsonValues.From(value);
        return variables;
    }
}
