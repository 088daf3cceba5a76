namespace Coppice.Chat.Jinja;

/// <summary>Parses a template into its statements.</summary>
internal sealed class StatementParser
{
    private readonly TokenStream _tokens;
    private readonly ExpressionParser _expressions;
    private int _loops;

    private StatementParser(List<Token> tokens)
    {
        _tokens = new TokenStream(tokens);
        _expressions = new ExpressionParser(_tokens);
    }

    /// <summary>The statements of a template.</summary>
    /// <exception cref="TemplateFault">It is not a template.</exception>
    public static IReadOnlyList<Statement> Parse(string source)
    {
        var parser = new StatementParser(Lexer.Lex(source));
        return parser.ParseBody([]);
    }

    /// <summary>Statements up to a tag that begins with one of the words; that word is the current token then.</summary>
    private List<Statement> ParseBody(params string[] ends)
    {
        int line = _tokens.Line;
        var body = new List<Statement>();
        while (true)
        {
            Token token = _tokens.Current;
            if (token.Type == TokenType.End)
            {
                return ends.Length == 0 ? body : throw new TemplateFault($"expected '{ends[^1]}', found the end of the template") { Line = line };
            }

            _tokens.Take();
            if (token.Type == TokenType.Data)
            {
                body.Add(new TextStatement(token.Line, token.Text));
            }
            else if (token.Type == TokenType.PrintBegin)
            {
                body.Add(new PrintStatement(token.Line, [_expressions.ParseTuple()]));
                _tokens.Expect(TokenType.PrintEnd, "'}}'");
            }
            else
            {
                if (_tokens.Current.Type == TokenType.Name && ends.Contains(_tokens.Current.Text)) return body;
                body.Add(_tokens.Nested(ParseStatement));
                EndTag();
            }
        }
    }

    /// <summary>The body of a tag up to its end tag, whose word is skipped.</summary>
    private List<Statement> ParseBlock(string end)
    {
        OpenBody();
        List<Statement> body = ParseBody(end);
        _tokens.Take();
        return body;
    }

    private void OpenBody()
    {
        _tokens.TrySkip(":");
        EndTag();
    }

    private void EndTag() => _tokens.Expect(TokenType.TagEnd, "'%}'");

    private Statement ParseStatement()
    {
        int line = _tokens.Line;
        string tag = _tokens.TakeName("the name of a tag");
        return tag switch
        {
            "if" => ParseIf(line),
            "for" => ParseFor(line),
            "set" => ParseSet(line),
            "macro" => ParseMacro(line),
            "call" => ParseCall(line),
            "filter" => new FilterBlock(line, _expressions.ParseFilterChain(begins: true)!, ParseBlock("endfilter")),
            "with" => ParseWith(line),
            "generation" => new ScopedBlock(line, [], ParseBlock("endgeneration")),
            "block" => ParseNamedBlock(line),
            "autoescape" => ParseAutoescape(line),
            "print" => ParsePrint(line),
            "break" => LoopEnd(line, Flow.Break, tag),
            "continue" => LoopEnd(line, Flow.Continue, tag),
            "include" or "import" or "from" or "extends" => throw new TemplateFault($"'{tag}' is refused: a chat template stands alone") { Line = line },
            _ => throw new TemplateFault($"unknown tag '{tag}'") { Line = line },
        };
    }

    private IfStatement ParseIf(int line)
    {
        var branches = new List<(Expression, IReadOnlyList<Statement>)>();
        do
        {
            Expression condition = _expressions.ParseTuple(conditional: false);
            OpenBody();
            branches.Add((condition, ParseBody("elif", "else", "endif")));
        }
        while (_tokens.TrySkipName("elif"));
        IReadOnlyList<Statement> otherwise = [];
        if (_tokens.TrySkipName("else")) otherwise = ParseBlock("endif");
        else _tokens.ExpectName("endif");
        return new IfStatement(line, branches, otherwise);
    }

    private ForStatement ParseFor(int line)
    {
        Target target = ParseTarget("in");
        _tokens.ExpectName("in");
        Expression source = _expressions.ParseTuple(conditional: false, end: "recursive");
        Expression? condition = _tokens.TrySkipName("if") ? _expressions.Parse() : null;
        bool isRecursive = _tokens.TrySkipName("recursive");
        OpenBody();
        _loops++;
        List<Statement> body = ParseBody("else", "endfor");
        _loops--;
        IReadOnlyList<Statement> otherwise = [];
        if (_tokens.TrySkipName("else")) otherwise = ParseBlock("endfor");
        else _tokens.ExpectName("endfor");
        return new ForStatement(line, target, source, condition, isRecursive, body, otherwise);
    }

    private LoopControl LoopEnd(int line, Flow flow, string tag) =>
        _loops > 0 ? new LoopControl(line, flow) : throw new TemplateFault($"'{tag}' outside a loop") { Line = line };

    private Statement ParseSet(int line)
    {
        Target target = ParseTarget();
        if (_tokens.TrySkip("=")) return new SetStatement(line, target, _expressions.ParseTuple());
        FilterExpression? filter = _expressions.ParseFilterChain(begins: false);
        return new SetBlock(line, target, filter, ParseBlock("endset"));
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = _tokens.TakeName("the name of the macro");
        _tokens.Expect("(");
        return new MacroStatement(line, ParseDefinition(name, ParseParameters(), "endmacro"));
    }

    private CallBlock ParseCall(int line)
    {
        List<(string, Expression?)> parameters = _tokens.TrySkip("(") ? ParseParameters() : [];
        if (_expressions.Parse() is not CallExpression call) throw new TemplateFault("expected a call after 'call'") { Line = line };
        return new CallBlock(line, ParseDefinition(null, parameters, "endcall"), call);
    }

    /// <summary>Parameters after an opening bracket.</summary>
    private List<(string, Expression?)> ParseParameters()
    {
        var parameters = new List<(string Name, Expression? Default)>();
        while (!_tokens.Current.Is(")"))
        {
            string name = _tokens.TakeName("the name of a parameter");
            Expression? fallback = _tokens.TrySkip("=") ? _expressions.Parse() : null;
            if (fallback is null && parameters.Count > 0 && parameters[^1].Default is not null)
                throw _tokens.Fault($"expected a default for the parameter '{name}', as the one before it has");
            parameters.Add((name, fallback));
            if (!_tokens.TrySkip(",")) break;
        }

        _tokens.Expect(")");
        return parameters;
    }

    private MacroDefinition ParseDefinition(string? name, List<(string, Expression?)> parameters, string end)
    {
        int loops = _loops;
        _loops = 0;
        _expressions.BeginNames();
        List<Statement> body = ParseBlock(end);
        _loops = loops;
        return new MacroDefinition(name, parameters, body, _expressions.EndNames());
    }

    private ScopedBlock ParseWith(int line)
    {
        var variables = new List<(Target, Expression)>();
        while (_tokens.Current.Type != TokenType.TagEnd)
        {
            Target target = ParseTarget();
            _tokens.Expect("=");
            variables.Add((target, _expressions.Parse()));
            if (!_tokens.TrySkip(",")) break;
        }

        return new ScopedBlock(line, variables, ParseBlock("endwith"));
    }

    private ScopedBlock ParseNamedBlock(int line)
    {
        string name = _tokens.TakeName("the name of the block");
        _tokens.TrySkipName("scoped");
        _tokens.TrySkipName("required");
        var block = new ScopedBlock(line, [], ParseBlock("endblock"));
        _tokens.TrySkipName(name);
        return block;
    }

    private ScopedBlock ParseAutoescape(int line)
    {
        if (_expressions.Parse() is not Constant { Value: false }) throw new TemplateFault("'autoescape' is refused, unless it is false: chats are no HTML") { Line = line };
        return new ScopedBlock(line, [], ParseBlock("endautoescape"));
    }

    private PrintStatement ParsePrint(int line)
    {
        var values = new List<Expression>();
        while (_tokens.Current.Type != TokenType.TagEnd)
        {
            values.Add(_expressions.Parse());
            if (!_tokens.TrySkip(",")) break;
        }

        return new PrintStatement(line, values);
    }

    /// <summary>What is assigned to: names, attributes of namespaces, or tuples of them.</summary>
    private Target ParseTarget(string? end = null)
    {
        var targets = new List<Target>();
        bool isTuple = false;
        while (!(_tokens.Current.Is(")") || _tokens.Current.Type == TokenType.TagEnd || (end is not null && _tokens.Current.IsName(end))))
        {
            targets.Add(ParseSingleTarget());
            if (!_tokens.TrySkip(",")) break;
            isTuple = true;
        }

        if (!isTuple) return targets.Count == 1 ? targets[0] : throw _tokens.Unexpected("a name to assign to");
        return new TupleTarget(targets);
    }

    private Target ParseSingleTarget()
    {
        if (_tokens.TrySkip("("))
        {
            Target inner = _tokens.Nested(() => ParseTarget());
            _tokens.Expect(")");
            return inner;
        }

        Token name = _tokens.Expect(TokenType.Name, "a name to assign to");
        if (name.Text is "true" or "false" or "none" or "True" or "False" or "None") throw new TemplateFault($"can't assign to '{name.Text}'") { Line = name.Line };
        return _tokens.TrySkip(".") ? new NamespaceTarget(name.Text, _tokens.TakeName("the name of an attribute")) : new NameTarget(name.Text);
    }
}
