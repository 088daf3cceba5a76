using System.Globalization;
using System.Numerics;

namespace Coppice.Chat.Jinja;

/// <summary>
/// Cuts a template into tokens by the rules of jinja2 with <c>trim_blocks</c> and <c>lstrip_blocks</c>: the first line break after
/// a tag goes, and so do the blanks between the start of a line and a tag; <c>-</c> takes all white space, <c>+</c> none.
/// </summary>
internal sealed class Lexer
{
    private static readonly string[] s_operators =
        ["//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";"];

    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;
    private bool _lineStarts = true;

    private Lexer(string source) => _source = source;

    /// <summary>The tokens of a template, <see cref="TokenType.End"/> last.</summary>
    /// <exception cref="TemplateFault">It can't be cut.</exception>
    public static List<Token> Lex(string source)
    {
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        if (source.EndsWith('\n')) source = source[..^1];
        var lexer = new Lexer(source);
        lexer.LexText();
        return lexer._tokens;
    }

    private void LexText()
    {
        while (_at < _source.Length)
        {
            int open = NextOpening();
            if (open < 0)
            {
                AddData(_source[_at..]);
                break;
            }

            char kind = _source[open + 1];
            char sign = open + 2 < _source.Length && _source[open + 2] is '-' or '+' ? _source[open + 2] : '\0';
            AddData(Stripped(_source[_at..open], sign, keepsLine: kind == '{'));
            MoveTo(open + (sign == '\0' ? 2 : 3));
            if (kind == '#') SkipComment();
            else if (kind == '%' && RawTagEnd() is int raw) LexRaw(raw);
            else LexCode(kind == '{');
        }

        Add(TokenType.End, "");
    }

    private int NextOpening()
    {
        for (int i = _source.IndexOf('{', _at); i >= 0 && i + 1 < _source.Length; i = _source.IndexOf('{', i + 1))
            if (_source[i + 1] is '{' or '%' or '#') return i;
        return -1;
    }

    /// <summary>Text before a tag, without the white space that the tag takes.</summary>
    private string Stripped(string text, char sign, bool keepsLine)
    {
        if (sign == '-') return PythonChars.TrimEnd(text);
        if (sign == '+' || keepsLine) return text;
        int lineStart = text.LastIndexOf('\n') + 1;
        if (lineStart == 0 && !_lineStarts) return text;
        for (int i = lineStart; i < text.Length; i++)
            if (!PythonChars.IsSpace(text[i])) return text;
        return text[..lineStart];
    }

    private void SkipComment()
    {
        int start = _at;
        int close = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (close < 0) throw new TemplateFault("expected '#}', found the end of the template: a comment is not closed") { Line = _line };
        char sign = close > start && _source[close - 1] is '-' or '+' ? _source[close - 1] : '\0';
        EndTag(close + 2, sign);
    }

    /// <summary>Moves behind a closing delimiter and what it takes of the text after it.</summary>
    private void EndTag(int end, char sign)
    {
        if (sign == '-') end = SkipSpace(end);
        else if (sign == '\0' && end < _source.Length && _source[end] == '\n') end++;
        MoveTo(end);
        _lineStarts = end > 0 && _source[end - 1] == '\n';
    }

    /// <summary>Where the text after <c>{% raw %}</c> begins if that is what comes, else null.</summary>
    private int? RawTagEnd() => TagEndAfter("raw") is var (end, sign) ? sign == '-' ? SkipSpace(end) : end : null;

    /// <summary>Whether a tag of one word comes: where it ends, and the sign before its end.</summary>
    private (int End, char Sign)? TagEndAfter(string word, int? from = null)
    {
        int i = SkipSpace(from ?? _at);
        if (string.CompareOrdinal(_source, i, word, 0, word.Length) != 0) return null;
        i = SkipSpace(i + word.Length);
        char sign = i < _source.Length && _source[i] is '-' or '+' ? _source[i] : '\0';
        if (sign != '\0') i++;
        return string.CompareOrdinal(_source, i, "%}", 0, 2) == 0 ? (i + 2, sign) : null;
    }

    private void LexRaw(int start)
    {
        int line = _line;
        MoveTo(start);
        _lineStarts = start > 0 && _source[start - 1] == '\n';
        for (int open = _source.IndexOf("{%", _at, StringComparison.Ordinal); open >= 0; open = _source.IndexOf("{%", open + 1, StringComparison.Ordinal))
        {
            char sign = open + 2 < _source.Length && _source[open + 2] is '-' or '+' ? _source[open + 2] : '\0';
            if (TagEndAfter("endraw", open + (sign == '\0' ? 2 : 3)) is not var (end, endSign)) continue;
            AddData(Stripped(_source[_at..open], sign, keepsLine: false));
            EndTag(end, endSign);
            return;
        }

        throw new TemplateFault("expected '{% endraw %}', found the end of the template") { Line = line };
    }

    private void LexCode(bool prints)
    {
        int openLine = _line;
        Add(prints ? TokenType.PrintBegin : TokenType.TagBegin, "");
        string close = prints ? "}}" : "%}";
        var brackets = new Stack<char>();
        while (true)
        {
            MoveTo(SkipSpace(_at));
            if (_at >= _source.Length) throw new TemplateFault($"expected '{close}', found the end of the template") { Line = openLine };
            if (brackets.Count == 0 && TryClose(prints, close)) return;
            char c = _source[_at];
            if (char.IsAsciiDigit(c)) LexNumber();
            else if (c == '_' || char.IsLetter(c)) LexName();
            else if (c is '\'' or '"') LexString(c);
            else LexOperator(brackets);
        }
    }

    private bool TryClose(bool prints, string close)
    {
        char sign = _source[_at] == '-' || (_source[_at] == '+' && !prints) ? _source[_at] : '\0';
        int at = sign == '\0' ? _at : _at + 1;
        if (string.CompareOrdinal(_source, at, close, 0, 2) != 0) return false;
        Add(prints ? TokenType.PrintEnd : TokenType.TagEnd, "");
        // A printed value takes no line break after it.
        EndTag(at + 2, prints && sign == '\0' ? '+' : sign);
        return true;
    }

    private void LexName()
    {
        int end = _at + 1;
        while (end < _source.Length && (_source[end] == '_' || char.IsLetterOrDigit(_source[end]))) end++;
        Add(TokenType.Name, _source[_at..end]);
        MoveTo(end);
    }

    private void LexString(char quote)
    {
        int end = _at + 1;
        while (end < _source.Length && _source[end] != quote) end += _source[end] == '\\' ? 2 : 1;
        if (end >= _source.Length) throw new TemplateFault($"expected a closing {quote}, found the end of the template") { Line = _line };
        try
        {
            Add(TokenType.Text, StringLiteral.Unescape(_source.AsSpan(_at + 1, end - _at - 1)));
        }
        catch (TemplateFault fault)
        {
            throw new TemplateFault(fault.Message) { Line = _line };
        }

        MoveTo(end + 1);
    }

    private void LexNumber()
    {
        int end = _at;
        int radix = _source[_at] == '0' && _at + 1 < _source.Length
            ? char.ToLowerInvariant(_source[_at + 1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 }
            : 10;
        if (radix != 10)
        {
            end = _at + 2;
            while (end < _source.Length && (char.IsAsciiHexDigit(_source[end]) || _source[end] == '_')) end++;
            Add(TokenType.Number, _source[_at..end], Numbers.ParseInteger(_source.AsSpan(_at + 2, end - _at - 2), radix)
                ?? throw new TemplateFault($"expected a number, found '{_source[_at..end]}'") { Line = _line });
            MoveTo(end);
            return;
        }

        bool isFloat = false;
        end = SkipDigits(end);
        if (_source[_at] == '0' && _source.AsSpan(_at, end - _at).IndexOfAnyExcept('0', '_') >= 0 && (end == _source.Length || _source[end] != '.'))
            throw new TemplateFault($"expected a number without leading zeros, found '{_source[_at..end]}'") { Line = _line };
        bool afterDot = _at > 0 && _source[_at - 1] == '.';
        if (!afterDot && end + 1 < _source.Length && _source[end] == '.' && char.IsAsciiDigit(_source[end + 1]))
        {
            isFloat = true;
            end = SkipDigits(end + 1);
        }

        if (!afterDot && end < _source.Length && _source[end] is 'e' or 'E')
        {
            int digits = end + 1 < _source.Length && _source[end + 1] is '+' or '-' ? end + 2 : end + 1;
            if (digits < _source.Length && char.IsAsciiDigit(_source[digits]))
            {
                isFloat = true;
                end = SkipDigits(digits);
            }
        }

        string text = _source[_at..end].Replace("_", "", StringComparison.Ordinal);
        object value = isFloat
            ? double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture)
            : Numbers.Normalize(BigInteger.Parse(text.Length > 4000 ? throw new TemplateFault("expected at most 4,000 digits") { Line = _line } : text, CultureInfo.InvariantCulture));
        Add(TokenType.Number, _source[_at..end], value);
        MoveTo(end);
    }

    private int SkipDigits(int at)
    {
        while (at < _source.Length && (char.IsAsciiDigit(_source[at]) || (_source[at] == '_' && at + 1 < _source.Length && char.IsAsciiDigit(_source[at + 1])))) at++;
        return at;
    }

    private void LexOperator(Stack<char> brackets)
    {
        foreach (string operation in s_operators)
        {
            if (string.CompareOrdinal(_source, _at, operation, 0, operation.Length) != 0) continue;
            char c = operation[0];
            if (c is '(' or '[' or '{') brackets.Push(c == '(' ? ')' : c == '[' ? ']' : '}');
            if (c is ')' or ']' or '}' && (!brackets.TryPop(out char expected) || expected != c))
                throw new TemplateFault(expected == '\0' ? $"unexpected '{c}'" : $"expected '{expected}', found '{c}'") { Line = _line };
            Add(TokenType.Operator, operation);
            MoveTo(_at + operation.Length);
            return;
        }

        throw new TemplateFault($"unexpected character '{_source[_at]}'") { Line = _line };
    }

    private int SkipSpace(int at)
    {
        while (at < _source.Length && PythonChars.IsSpace(_source[at])) at++;
        return at;
    }

    private void MoveTo(int at)
    {
        _line += _source.AsSpan(_at, at - _at).Count('\n');
        _at = at;
    }

    private void AddData(string text)
    {
        if (text.Length > 0) Add(TokenType.Data, text);
    }

    private void Add(TokenType type, string text, object? value = null) => _tokens.Add(new Token(type, text, _line, value));
}
