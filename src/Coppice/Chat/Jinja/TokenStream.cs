namespace Coppice.Chat.Jinja;

/// <summary>The tokens of a template, gone through once; keeps what nests within bounds.</summary>
internal sealed class TokenStream(List<Token> tokens)
{
    /// <summary>Statements and brackets inside each other.</summary>
    public const int Deepest = 100;

    private int _at;
    private int _depth;

    public Token Current => tokens[_at];

    public Token Following => tokens[Math.Min(_at + 1, tokens.Count - 1)];

    public int Line => Current.Line;

    public Token Take()
    {
        Token token = Current;
        if (_at + 1 < tokens.Count) _at++;
        return token;
    }

    public bool TrySkip(string operation)
    {
        if (!Current.Is(operation)) return false;
        Take();
        return true;
    }

    public bool TrySkipName(string name)
    {
        if (!Current.IsName(name)) return false;
        Take();
        return true;
    }

    public void Expect(string operation)
    {
        if (!TrySkip(operation)) throw Unexpected($"'{operation}'");
    }

    public void ExpectName(string name)
    {
        if (!TrySkipName(name)) throw Unexpected($"'{name}'");
    }

    public Token Expect(TokenType type, string what) => Current.Type == type ? Take() : throw Unexpected(what);

    public string TakeName(string what = "a name") => Expect(TokenType.Name, what).Text;

    public TemplateFault Unexpected(string expected) => Fault($"expected {expected}, found {Current.Description}");

    public TemplateFault Fault(string message) => new(message) { Line = Line };

    /// <summary>Parses something that can hold its like.</summary>
    public T Nested<T>(Func<T> parse)
    {
        if (++_depth > Deepest) throw Fault($"expected at most {Deepest} statements or brackets inside each other");
        T result = parse();
        _depth--;
        return result;
    }

    /// <summary>Checks how deep an expression has become.</summary>
    public Expression Checked(Expression expression) =>
        expression.Height <= Expression.Deepest ? expression : throw Fault($"expected at most {Expression.Deepest} operations in a row");
}
