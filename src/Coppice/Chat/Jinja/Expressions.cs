namespace Coppice.Chat.Jinja;

/// <summary>Part of a template that has a value.</summary>
/// <param name="line">Its line.</param>
/// <param name="parts">What it is made of.</param>
internal abstract class Expression(int line, params IEnumerable<Expression?> parts)
{
    /// <summary>Expressions inside each other; evaluating takes stack in proportion.</summary>
    public const int Deepest = 200;

    public int Line { get; } = line;

    /// <summary>Expressions inside each other here.</summary>
    public int Height { get; } = 1 + parts.Max(part => part?.Height) ?? 1;

    public abstract object Evaluate(Scope scope);
}

internal sealed class Constant(int line, object value) : Expression(line)
{
    public object Value => value;

    public override object Evaluate(Scope scope) => value;
}

internal sealed class NameExpression(int line, string name) : Expression(line)
{
    public string Name => name;

    public override object Evaluate(Scope scope) => scope.Get(name);
}

internal sealed class ListExpression(int line, IReadOnlyList<Expression> items) : Expression(line, items)
{
    public override object Evaluate(Scope scope) => items.Select(item => item.Evaluate(scope)).ToList();
}

internal sealed class TupleExpression(int line, IReadOnlyList<Expression> items) : Expression(line, items)
{
    public IReadOnlyList<Expression> Items => items;

    public override object Evaluate(Scope scope) => new TupleValue(items.Select(item => item.Evaluate(scope)).ToList());
}

internal sealed class DictExpression(int line, IReadOnlyList<(Expression Key, Expression Value)> items)
    : Expression(line, items.SelectMany(item => new[] { item.Key, item.Value }))
{
    public override object Evaluate(Scope scope)
    {
        var dict = new DictValue();
        foreach ((Expression key, Expression value) in items) dict.Items[key.Evaluate(scope)] = value.Evaluate(scope);
        return dict;
    }
}

internal sealed class AttributeExpression(int line, Expression owner, string name) : Expression(line, owner)
{
    public override object Evaluate(Scope scope)
    {
        object value = owner.Evaluate(scope);
        scope.State.Line = Line;
        return Attributes.Get(value, name);
    }
}

internal sealed class ItemExpression(int line, Expression owner, Expression key) : Expression(line, owner, key)
{
    public override object Evaluate(Scope scope)
    {
        object value = owner.Evaluate(scope);
        object index = key.Evaluate(scope);
        scope.State.Line = Line;
        return Attributes.GetItem(value, index);
    }
}

internal sealed class SliceExpression(int line, Expression owner, Expression? start, Expression? stop, Expression? step) : Expression(line, owner, start, stop, step)
{
    public override object Evaluate(Scope scope)
    {
        object value = owner.Evaluate(scope);
        object? from = start?.Evaluate(scope);
        object? to = stop?.Evaluate(scope);
        object? by = step?.Evaluate(scope);
        scope.State.Line = Line;
        return scope.State.Charged(Slicing.Slice(value, from, to, by));
    }
}

/// <summary>Arguments as they are written.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<Expression> Positional, IReadOnlyList<(string Name, Expression Value)> Named, Expression? MorePositional, Expression? MoreNamed)
{
    public IEnumerable<Expression?> Parts => [.. Positional, .. Named.Select(named => named.Value), MorePositional, MoreNamed];

    public Arguments Evaluate(Scope scope)
    {
        List<object> positional = [.. Positional.Select(argument => argument.Evaluate(scope))];
        if (MorePositional is not null) positional.AddRange(Values.Elements(scope.State, MorePositional.Evaluate(scope)));
        var named = new Dictionary<string, object>(StringComparer.Ordinal);
        foreach ((string name, Expression value) in Named)
            if (!named.TryAdd(name, value.Evaluate(scope))) throw new TemplateFault($"argument '{name}' is given twice");
        if (MoreNamed?.Evaluate(scope) is { } more)
        {
            DictValue dict = more as DictValue ?? throw new TemplateFault($"argument after ** must be a mapping, not {Values.TypeName(more)}");
            foreach (var (key, value) in dict.Items)
                if (!named.TryAdd(PythonText.Str(key), value)) throw new TemplateFault($"argument '{PythonText.Str(key)}' is given twice");
        }

        return new Arguments { Positional = positional, Named = named };
    }
}

internal sealed class CallExpression(int line, Expression function, ArgumentList arguments) : Expression(line, [function, .. arguments.Parts])
{
    public override object Evaluate(Scope scope) => Evaluate(scope, null);

    /// <summary>Calls it, with the body of a call block where there is one.</summary>
    public object Evaluate(Scope scope, Callable? caller)
    {
        object called = function.Evaluate(scope);
        Arguments given = arguments.Evaluate(scope);
        if (caller is not null) given.Named["caller"] = caller;
        scope.State.Line = Line;
        scope.State.Step();
        if (called is Undefined missing) throw new TemplateFault(missing.Message);
        if (called is not Callable callable) throw new TemplateFault($"'{Values.TypeName(called)}' object is not callable");
        object result = scope.State.Charged(callable.Call(scope.State, given));
        scope.State.Line = Line;
        return result;
    }
}

internal sealed class FilterExpression(int line, Expression? input, string name, ArgumentList arguments) : Expression(line, [input, .. arguments.Parts])
{
    public override object Evaluate(Scope scope) => Apply(scope, None.Value);

    /// <summary>Filters the text of a block, where the chain of filters has no input of its own.</summary>
    public object Apply(Scope scope, object block)
    {
        object value = input is FilterExpression inner ? inner.Apply(scope, block) : input?.Evaluate(scope) ?? block;
        Arguments given = arguments.Evaluate(scope);
        scope.State.Line = Line;
        scope.State.Step();
        return scope.State.Charged(Filters.Named(name).Invoke(scope.State, value, given));
    }
}

internal sealed class TestExpression(int line, Expression input, string name, ArgumentList arguments) : Expression(line, [input, .. arguments.Parts])
{
    public override object Evaluate(Scope scope)
    {
        object value = input.Evaluate(scope);
        Arguments given = arguments.Evaluate(scope);
        scope.State.Line = Line;
        return Tests.Named(name).Invoke(scope.State, value, given);
    }
}

internal sealed class NotExpression(int line, Expression input) : Expression(line, input)
{
    public override object Evaluate(Scope scope) => !Operators.IsTrue(input.Evaluate(scope));
}

internal sealed class UnaryExpression(int line, string operation, Expression input) : Expression(line, input)
{
    public override object Evaluate(Scope scope)
    {
        object value = input.Evaluate(scope);
        scope.State.Line = Line;
        return Operators.Unary(operation, value);
    }
}

internal sealed class BinaryExpression(int line, string operation, Expression left, Expression right) : Expression(line, left, right)
{
    public override object Evaluate(Scope scope)
    {
        object a = left.Evaluate(scope);
        object b = right.Evaluate(scope);
        scope.State.Line = Line;
        return Operators.Binary(scope.State, operation, a, b);
    }
}

internal sealed class ConcatExpression(int line, IReadOnlyList<Expression> parts) : Expression(line, parts)
{
    public override object Evaluate(Scope scope)
    {
        var texts = new string[parts.Count];
        long length = 0;
        for (int i = 0; i < texts.Length; i++)
        {
            texts[i] = PythonText.Str(parts[i].Evaluate(scope));
            length += texts[i].Length;
            // Each may be as large as a text can be.
            if (length > RenderState.LargestText) break;
        }

        scope.State.CheckSize(length);
        return string.Concat(texts);
    }
}

internal sealed class CompareExpression(int line, Expression first, IReadOnlyList<(string Operation, Expression Value)> rest)
    : Expression(line, [first, .. rest.Select(part => part.Value)])
{
    public override object Evaluate(Scope scope)
    {
        object left = first.Evaluate(scope);
        foreach ((string operation, Expression value) in rest)
        {
            object right = value.Evaluate(scope);
            scope.State.Line = Line;
            if (!Operators.Compare(scope.State, operation, left, right)) return false;
            left = right;
        }

        return true;
    }
}

internal sealed class AndExpression(int line, Expression left, Expression right) : Expression(line, left, right)
{
    public override object Evaluate(Scope scope)
    {
        object value = left.Evaluate(scope);
        return Operators.IsTrue(value) ? right.Evaluate(scope) : value;
    }
}

internal sealed class OrExpression(int line, Expression left, Expression right) : Expression(line, left, right)
{
    public override object Evaluate(Scope scope)
    {
        object value = left.Evaluate(scope);
        return Operators.IsTrue(value) ? value : right.Evaluate(scope);
    }
}

internal sealed class ConditionalExpression(int line, Expression condition, Expression yes, Expression? no) : Expression(line, condition, yes, no)
{
    public override object Evaluate(Scope scope)
    {
        if (Operators.IsTrue(condition.Evaluate(scope))) return yes.Evaluate(scope);
        return no?.Evaluate(scope) ?? new Undefined($"the inline if-expression on line {Line} evaluated to false and no else section was defined.");
    }
}
