using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>
/// Parses expressions. From loosest to tightest: <c>if else</c>, <c>or</c>, <c>and</c>, <c>not</c>, comparisons, <c>+ -</c>, <c>~</c>,
/// <c>* / // %</c>, <c>**</c>, signs, then attributes, calls, filters and tests.
/// </summary>
internal sealed class ExpressionParser(TokenStream tokens)
{
    private static readonly HashSet<string> s_comparisons = ["==", "!=", "<", "<=", ">", ">="];
    private readonly Stack<HashSet<string>> _names = new();

    /// <summary>From here on notes the names that are read.</summary>
    public void BeginNames() => _names.Push(new HashSet<string>(StringComparer.Ordinal));

    /// <summary>The names read since <see cref="BeginNames"/>.</summary>
    public HashSet<string> EndNames()
    {
        HashSet<string> names = _names.Pop();
        if (_names.TryPeek(out HashSet<string>? outer)) outer.UnionWith(names);
        return names;
    }

    /// <summary>An expression; without <c>if else</c> where a statement goes on with <c>if</c>.</summary>
    public Expression Parse(bool conditional = true) => tokens.Nested(() => conditional ? ParseConditional() : ParseOr());

    /// <summary>One expression, or a tuple of several with commas between.</summary>
    /// <param name="conditional">Whether <c>if else</c> can be part of it.</param>
    /// <param name="end">The word that ends it, besides the end of a tag or bracket.</param>
    /// <param name="canBeEmpty">Whether it is in brackets, where nothing is the empty tuple.</param>
    public Expression ParseTuple(bool conditional = true, string? end = null, bool canBeEmpty = false)
    {
        int line = tokens.Line;
        var items = new List<Expression>();
        bool isTuple = false;
        while (!EndsTuple(end))
        {
            items.Add(Parse(conditional));
            if (!tokens.TrySkip(",")) break;
            isTuple = true;
        }

        if (!isTuple && items.Count == 1) return items[0];
        if (!isTuple && !canBeEmpty) throw tokens.Unexpected("an expression");
        return tokens.Checked(new TupleExpression(line, items));
    }

    private bool EndsTuple(string? end) =>
        tokens.Current.Type is TokenType.PrintEnd or TokenType.TagEnd or TokenType.End || tokens.Current.Is(")") || (end is not null && tokens.Current.IsName(end));

    private Expression ParseConditional()
    {
        int line = tokens.Line;
        Expression value = ParseOr();
        while (tokens.TrySkipName("if"))
        {
            Expression condition = ParseOr();
            Expression? otherwise = tokens.TrySkipName("else") ? tokens.Nested(ParseConditional) : null;
            value = tokens.Checked(new ConditionalExpression(line, condition, value, otherwise));
        }

        return value;
    }

    private Expression ParseOr()
    {
        Expression left = ParseAnd();
        for (int line = tokens.Line; tokens.TrySkipName("or"); line = tokens.Line) left = tokens.Checked(new OrExpression(line, left, ParseAnd()));
        return left;
    }

    private Expression ParseAnd()
    {
        Expression left = ParseNot();
        for (int line = tokens.Line; tokens.TrySkipName("and"); line = tokens.Line) left = tokens.Checked(new AndExpression(line, left, ParseNot()));
        return left;
    }

    private Expression ParseNot()
    {
        int line = tokens.Line;
        return tokens.TrySkipName("not") ? tokens.Checked(new NotExpression(line, tokens.Nested(ParseNot))) : ParseComparison();
    }

    private Expression ParseComparison()
    {
        int line = tokens.Line;
        Expression first = ParseSum();
        var rest = new List<(string, Expression)>();
        while (true)
        {
            if (tokens.Current.Type == TokenType.Operator && s_comparisons.Contains(tokens.Current.Text))
            {
                rest.Add((tokens.Take().Text, ParseSum()));
            }
            else if (tokens.TrySkipName("in"))
            {
                rest.Add(("in", ParseSum()));
            }
            else if (tokens.Current.IsName("not") && tokens.Following.IsName("in"))
            {
                tokens.Take();
                tokens.Take();
                rest.Add(("not in", ParseSum()));
            }
            else
            {
                return rest.Count == 0 ? first : tokens.Checked(new CompareExpression(line, first, rest));
            }
        }
    }

    private Expression ParseSum() => ParseBinary(ParseConcat, "+", "-");

    private Expression ParseConcat()
    {
        int line = tokens.Line;
        List<Expression> parts = [ParseProduct()];
        while (tokens.TrySkip("~")) parts.Add(ParseProduct());
        return parts.Count == 1 ? parts[0] : tokens.Checked(new ConcatExpression(line, parts));
    }

    private Expression ParseProduct() => ParseBinary(ParsePower, "*", "/", "//", "%");

    private Expression ParsePower() => ParseBinary(() => ParseUnary(withFilters: true), "**");

    private Expression ParseBinary(Func<Expression> parseOperand, params ReadOnlySpan<string> operations)
    {
        Expression left = parseOperand();
        while (tokens.Current.Type == TokenType.Operator && operations.Contains(tokens.Current.Text))
        {
            Token operation = tokens.Take();
            left = tokens.Checked(new BinaryExpression(operation.Line, operation.Text, left, parseOperand()));
        }

        return left;
    }

    private Expression ParseUnary(bool withFilters)
    {
        int line = tokens.Line;
        Expression value;
        if (tokens.Current.Is("-") || tokens.Current.Is("+"))
        {
            string operation = tokens.Take().Text;
            value = tokens.Checked(new UnaryExpression(line, operation, tokens.Nested(() => ParseUnary(withFilters: false))));
        }
        else
        {
            value = ParsePrimary();
        }

        value = ParsePostfix(value);
        return withFilters ? ParseFilters(value) : value;
    }

    private Expression ParsePrimary()
    {
        Token token = tokens.Current;
        switch (token.Type)
        {
            case TokenType.Name:
                tokens.Take();
                return ParseName(token);
            case TokenType.Text:
                var text = new StringBuilder();
                while (tokens.Current.Type == TokenType.Text) text.Append(tokens.Take().Text);
                return new Constant(token.Line, text.ToString());
            case TokenType.Number:
                tokens.Take();
                return new Constant(token.Line, token.Value!);
            case TokenType.Operator when token.Text == "(":
                tokens.Take();
                Expression inner = ParseTuple(canBeEmpty: true);
                tokens.Expect(")");
                return inner;
            case TokenType.Operator when token.Text == "[":
                return ParseList();
            case TokenType.Operator when token.Text == "{":
                return ParseDict();
            default:
                throw tokens.Unexpected("an expression");
        }
    }

    private Expression ParseName(Token token)
    {
        switch (token.Text)
        {
            case "true" or "True": return new Constant(token.Line, true);
            case "false" or "False": return new Constant(token.Line, false);
            case "none" or "None": return new Constant(token.Line, None.Value);
            default:
                if (_names.TryPeek(out HashSet<string>? names)) names.Add(token.Text);
                return new NameExpression(token.Line, token.Text);
        }
    }

    private Expression ParseList()
    {
        int line = tokens.Take().Line;
        var items = new List<Expression>();
        while (!tokens.Current.Is("]"))
        {
            items.Add(Parse());
            if (!tokens.TrySkip(",")) break;
        }

        tokens.Expect("]");
        return tokens.Checked(new ListExpression(line, items));
    }

    private Expression ParseDict()
    {
        int line = tokens.Take().Line;
        var items = new List<(Expression, Expression)>();
        while (!tokens.Current.Is("}"))
        {
            Expression key = Parse();
            tokens.Expect(":");
            items.Add((key, Parse()));
            if (!tokens.TrySkip(",")) break;
        }

        tokens.Expect("}");
        return tokens.Checked(new DictExpression(line, items));
    }

    private Expression ParsePostfix(Expression value)
    {
        while (true)
        {
            if (tokens.Current.Is(".")) value = ParseAttribute(value);
            else if (tokens.Current.Is("[")) value = ParseSubscript(value);
            else if (tokens.Current.Is("(")) value = ParseCall(value);
            else return value;
            tokens.Checked(value);
        }
    }

    private Expression ParseFilters(Expression value)
    {
        while (true)
        {
            if (tokens.Current.Is("|")) value = ParseFilter(value);
            else if (tokens.Current.IsName("is")) value = ParseTest(value);
            else if (tokens.Current.Is("(")) value = ParseCall(value);
            else return value;
            tokens.Checked(value);
        }
    }

    private Expression ParseAttribute(Expression owner)
    {
        int line = tokens.Take().Line;
        Token name = tokens.Take();
        return name.Type switch
        {
            TokenType.Name => new AttributeExpression(line, owner, name.Text),
            TokenType.Number when name.Value is long index => new ItemExpression(line, owner, new Constant(line, index)),
            _ => throw new TemplateFault($"expected a name or number after '.', found {name.Description}") { Line = name.Line },
        };
    }

    private Expression ParseSubscript(Expression owner)
    {
        int line = tokens.Take().Line;
        Expression? start = tokens.Current.Is(":") ? null : ParseTupleOfSubscript(line);
        if (start is not null && !tokens.Current.Is(":"))
        {
            tokens.Expect("]");
            return new ItemExpression(line, owner, start);
        }

        tokens.Expect(":");
        Expression? stop = tokens.Current.Is(":") || tokens.Current.Is("]") ? null : Parse();
        Expression? step = tokens.TrySkip(":") && !tokens.Current.Is("]") ? Parse() : null;
        tokens.Expect("]");
        return new SliceExpression(line, owner, start, stop, step);
    }

    private Expression ParseTupleOfSubscript(int line)
    {
        List<Expression> items = [Parse()];
        while (tokens.TrySkip(",")) items.Add(Parse());
        return items.Count == 1 ? items[0] : new TupleExpression(line, items);
    }

    private CallExpression ParseCall(Expression function)
    {
        int line = tokens.Line;
        return new CallExpression(line, function, ParseArguments());
    }

    private ArgumentList ParseArguments()
    {
        tokens.Expect("(");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        Expression? morePositional = null;
        Expression? moreNamed = null;
        while (!tokens.Current.Is(")"))
        {
            if (tokens.TrySkip("*"))
            {
                if (morePositional is not null || moreNamed is not null) throw tokens.Fault("expected one * argument, before any ** argument");
                morePositional = Parse();
            }
            else if (tokens.TrySkip("**"))
            {
                moreNamed = moreNamed is null ? Parse() : throw tokens.Fault("expected one ** argument");
            }
            else if (tokens.Current.Type == TokenType.Name && tokens.Following.Is("="))
            {
                string name = tokens.Take().Text;
                tokens.Take();
                named.Add((name, Parse()));
            }
            else
            {
                if (named.Count > 0 || morePositional is not null || moreNamed is not null) throw tokens.Fault("expected no argument without a name after one with a name");
                positional.Add(Parse());
            }

            if (!tokens.TrySkip(",")) break;
        }

        tokens.Expect(")");
        return new ArgumentList(positional, named, morePositional, moreNamed);
    }

    private static ArgumentList NoArguments { get; } = new([], [], null, null);

    /// <summary>A filter; the current token is <c>|</c>, or its name where it begins a chain without an input.</summary>
    private FilterExpression ParseFilter(Expression? input)
    {
        tokens.TrySkip("|");
        int line = tokens.Line;
        string name = DottedName("the name of a filter");
        ArgumentList arguments = tokens.Current.Is("(") ? ParseArguments() : NoArguments;
        return new FilterExpression(line, input, name, arguments);
    }

    /// <summary>A chain of filters for the text of a block, or null.</summary>
    /// <param name="begins">Whether the first one has no bar before it.</param>
    public FilterExpression? ParseFilterChain(bool begins)
    {
        FilterExpression? chain = begins ? ParseFilter(null) : null;
        while (tokens.Current.Is("|")) tokens.Checked(chain = ParseFilter(chain));
        return chain;
    }

    private Expression ParseTest(Expression input)
    {
        int line = tokens.Take().Line;
        bool negated = tokens.TrySkipName("not");
        string name = DottedName("the name of a test");
        ArgumentList arguments = NoArguments;
        if (tokens.Current.Is("("))
        {
            arguments = ParseArguments();
        }
        else if (BeginsArgument())
        {
            if (tokens.Current.IsName("is")) throw tokens.Fault("tests with 'is' can't be chained");
            arguments = new ArgumentList([ParsePostfix(ParsePrimary())], [], null, null);
        }

        Expression test = new TestExpression(line, input, name, arguments);
        return negated ? new NotExpression(line, test) : test;
    }

    private bool BeginsArgument() =>
        tokens.Current.Type is TokenType.Text or TokenType.Number
        || tokens.Current.Is("[") || tokens.Current.Is("{")
        || (tokens.Current.Type == TokenType.Name && tokens.Current.Text is not ("else" or "or" or "and"));

    private string DottedName(string what)
    {
        string name = tokens.TakeName(what);
        while (tokens.TrySkip(".")) name += "." + tokens.TakeName(what);
        return name;
    }
}
