namespace Coppice.Training.Puzzles;

/// <summary>
/// An expression as a sum or a product of parts, flattened: a + (b - c) is the sum of a, b and -c. The spelling is that of
/// <see cref="PuzzleSolver"/>.
/// </summary>
internal sealed class Expression
{
    private enum Kind
    {
        Number,
        Sum,
        Product,
    }

    private readonly Kind _kind;

    /// <summary>Parts that are added (multiplied) and, marked, those that are subtracted (divided by).</summary>
    private readonly (Expression Part, bool Inverse)[] _parts;

    private Expression(Kind kind, (Expression Part, bool Inverse)[] parts, Rational value, string text)
    {
        _kind = kind;
        _parts = parts;
        Value = value;
        Text = text;
    }

    public Rational Value { get; }

    public string Text { get; }

    public static Expression Of(int number) => new(Kind.Number, [], new Rational(number), number.ToString());

    /// <summary>All that two expressions can be joined to: sum, both differences, product, both quotients.</summary>
    public static IEnumerable<Expression> Join(Expression a, Expression b)
    {
        yield return Make(Kind.Sum, a, b, inverse: false);
        yield return Make(Kind.Sum, a, b, inverse: true);
        if (a.Value != b.Value || a.Text != b.Text) yield return Make(Kind.Sum, b, a, inverse: true);
        yield return Make(Kind.Product, a, b, inverse: false);
        if (b.Value.Numerator != 0) yield return Make(Kind.Product, a, b, inverse: true);
        if (a.Value.Numerator != 0) yield return Make(Kind.Product, b, a, inverse: true);
    }

    private static Expression Make(Kind kind, Expression a, Expression b, bool inverse)
    {
        IEnumerable<(Expression Part, bool Inverse)> second = b.PartsOf(kind).Select(p => (p.Part, p.Inverse ^ inverse));
        (Expression Part, bool Inverse)[] parts =
        [
            .. a.PartsOf(kind).Concat(second)
                .OrderBy(p => p.Inverse)
                .ThenByDescending(p => (double)p.Part.Value.Numerator / p.Part.Value.Denominator)
                .ThenBy(p => p.Part.Text, StringComparer.Ordinal),
        ];
        Rational value = (kind, inverse) switch
        {
            (Kind.Sum, false) => a.Value + b.Value,
            (Kind.Sum, true) => a.Value - b.Value,
            (_, false) => a.Value * b.Value,
            _ => a.Value / b.Value,
        };
        return new Expression(kind, parts, value, Spell(kind, parts));
    }

    private (Expression Part, bool Inverse)[] PartsOf(Kind kind) => _kind == kind ? _parts : [(this, false)];

    /// <summary>A part is in brackets if it is a sum inside a product; parts of the own kind were flattened.</summary>
    private static string Spell(Kind kind, (Expression Part, bool Inverse)[] parts)
    {
        var text = new System.Text.StringBuilder();
        foreach ((Expression part, bool inverse) in parts)
        {
            if (text.Length > 0) text.Append(kind == Kind.Sum ? (inverse ? '-' : '+') : (inverse ? '/' : '*'));
            bool brackets = kind == Kind.Product && part._kind == Kind.Sum;
            text.Append(brackets ? $"({part.Text})" : part.Text);
        }

        return text.ToString();
    }
}
