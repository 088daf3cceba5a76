namespace Coppice.Chat.Jinja;

internal enum TokenType
{
    Data,
    PrintBegin,
    PrintEnd,
    TagBegin,
    TagEnd,
    Name,
    Text,
    Number,
    Operator,
    End,
}

/// <summary>A piece of a template.</summary>
/// <param name="Type">What it is.</param>
/// <param name="Text">Its text; of a string literal the value.</param>
/// <param name="Line">Where it begins, from 1.</param>
/// <param name="Value">Of a number, its value.</param>
internal readonly record struct Token(TokenType Type, string Text, int Line, object? Value = null)
{
    public bool Is(string operation) => Type == TokenType.Operator && string.Equals(Text, operation, StringComparison.Ordinal);

    public bool IsName(string name) => Type == TokenType.Name && string.Equals(Text, name, StringComparison.Ordinal);

    /// <summary>What to call it in an error.</summary>
    public string Description => Type switch
    {
        TokenType.End => "the end of the template",
        TokenType.Data => "text",
        TokenType.PrintBegin => "'{{'",
        TokenType.PrintEnd => "'}}'",
        TokenType.TagBegin => "'{%'",
        TokenType.TagEnd => "'%}'",
        TokenType.Text => $"the string '{(Text.Length > 40 ? Text[..40] : Text)}'",
        _ => $"'{Text}'",
    };
}
