using Coppice.ModelFiles;
using Coppice.Tokenizing;

namespace Coppice.Chat;

/// <summary>
/// How one model is talked to: its templates and the tokens of a rendered conversation. Immutable; any number of threads may
/// use one. A template is read when it is first used, so that a broken one does not keep a model from loading.
/// </summary>
public sealed class ModelChat
{
    private readonly Tokenizer _tokenizer;
    private readonly Lazy<Readable> _main;
    private readonly Dictionary<string, Lazy<Readable>> _named = new(StringComparer.Ordinal);

    private ModelChat(Tokenizer tokenizer, Lazy<Readable> main, bool hasTemplate) => (_tokenizer, _main, HasTemplate) = (tokenizer, main, hasTemplate);

    /// <summary>Whether the model brings a template; otherwise <see cref="ChatTemplate.ChatMl"/> is used.</summary>
    public bool HasTemplate { get; }

    /// <summary>The template of conversations.</summary>
    /// <exception cref="ChatTemplateException">It can't be read.</exception>
    public ChatTemplate Template => _main.Value.Template;

    /// <summary>The names of the model's other templates, such as <c>tool_use</c>.</summary>
    public IReadOnlyCollection<string> TemplateNames => _named.Keys;

    /// <summary>Reads the templates of a GGUF file: <c>tokenizer.chat_template</c> and <c>tokenizer.chat_template.NAME</c>.</summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="tokenizer">The file's tokenizer.</param>
    public static ModelChat FromGguf(GgufMetadata metadata, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        ArgumentNullException.ThrowIfNull(tokenizer);
        const string key = "tokenizer.chat_template";
        string? source = metadata.GetString(key, null);
        var chat = new ModelChat(tokenizer, new Lazy<Readable>(() => new Readable(source is null ? ChatTemplate.ChatMl : ChatTemplate.Parse(source, "of the model"))), source is not null);
        foreach (string name in metadata.Keys.Where(name => name.StartsWith(key + '.', StringComparison.Ordinal)))
        {
            if (metadata.TryGetString(name, out string? text))
                chat._named[name[(key.Length + 1)..]] = new Lazy<Readable>(() => new Readable(ChatTemplate.Parse(text, name[(key.Length + 1)..])));
        }

        return chat;
    }

    /// <summary>The same model with another template.</summary>
    /// <param name="template">The template, for conversations with and without tools.</param>
    public ModelChat With(ChatTemplate template) => new(_tokenizer, new Lazy<Readable>(() => new Readable(template)), true);

    /// <summary>
    /// Renders a conversation with the model's template (that for tools where there are some and the model has one), after
    /// fitting it to what the template can read: arguments of tool calls as objects or as JSON text, content parts as text.
    /// </summary>
    /// <param name="context">The conversation; missing begin and end tokens are the model's.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation or fails.</exception>
    public string Render(ChatTemplateContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        Lazy<Readable> template = context.Tools is { Count: > 0 } && _named.TryGetValue("tool_use", out Lazy<Readable>? forTools) ? forTools : _main;
        return template.Value.Template.Render(context with
        {
            Messages = template.Value.Reading.Fit(context.Messages),
            BosToken = context.BosToken ?? Spelling(_tokenizer.BosId),
            EosToken = context.EosToken ?? Spelling(_tokenizer.EosId),
        });
    }

    /// <summary>The tokens of a rendered conversation: special tokens are found in it, and it begins with one begin token if the model wants one.</summary>
    /// <param name="rendered">What <see cref="Render"/> gave.</param>
    public int[] Encode(string rendered)
    {
        int[] tokens = _tokenizer.Encode(rendered, addSpecial: false, parseSpecial: true);
        return _tokenizer.AddsBos && (tokens.Length == 0 || tokens[0] != _tokenizer.BosId) ? [_tokenizer.BosId, .. tokens] : tokens;
    }

    /// <summary>The prompt of a conversation: <see cref="Render"/>, then <see cref="Encode(string)"/>.</summary>
    /// <inheritdoc cref="Render"/>
    public int[] Encode(ChatTemplateContext context) => Encode(Render(context));

    /// <summary>A template, and what it can read.</summary>
    private sealed class Readable(ChatTemplate template)
    {
        private readonly Lazy<TemplateReading> _reading = new(() => new TemplateReading(template));

        public ChatTemplate Template => template;

        public TemplateReading Reading => _reading.Value;
    }

    private string Spelling(int token) => token < 0 ? "" : _tokenizer.TokenText(token);
}
