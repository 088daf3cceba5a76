namespace Coppice.Chat.Jinja;

/// <summary>How a statement ends: the loop around it goes on, ends, or takes its next element.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

/// <summary>Part of a template that does something.</summary>
internal abstract class Statement(int line)
{
    public int Line { get; } = line;

    public Flow Run(Scope scope)
    {
        scope.State.Line = Line;
        scope.State.Step();
        Operators.CheckStack();
        return Execute(scope);
    }

    /// <summary>Runs statements until one ends the loop around them.</summary>
    public static Flow RunAll(IReadOnlyList<Statement> body, Scope scope)
    {
        foreach (Statement statement in body)
        {
            Flow flow = statement.Run(scope);
            if (flow != Flow.Next) return flow;
        }

        return Flow.Next;
    }

    protected abstract Flow Execute(Scope scope);
}

internal sealed class TextStatement(int line, string text) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        scope.State.Write(text);
        return Flow.Next;
    }
}

internal sealed class PrintStatement(int line, IReadOnlyList<Expression> values) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        foreach (Expression value in values) scope.State.Write(PythonText.Str(value.Evaluate(scope)));
        return Flow.Next;
    }
}

internal sealed class IfStatement(int line, IReadOnlyList<(Expression Condition, IReadOnlyList<Statement> Body)> branches, IReadOnlyList<Statement> otherwise) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        foreach ((Expression condition, IReadOnlyList<Statement> body) in branches)
            if (Operators.IsTrue(condition.Evaluate(scope))) return RunAll(body, scope);
        return RunAll(otherwise, scope);
    }
}

internal sealed class ForStatement(
    int line, Target target, Expression source, Expression? condition, bool isRecursive, IReadOnlyList<Statement> body, IReadOnlyList<Statement> otherwise) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        Loop(scope, source.Evaluate(scope), 0);
        return Flow.Next;
    }

    private void Loop(Scope scope, object elements, int depth)
    {
        scope.State.Line = Line;
        IEnumerable<object> taken = Values.Elements(scope.State, elements);
        if (condition is not null) taken = taken.Where(element => Operators.IsTrue(condition.Evaluate(Bound(scope, element))));
        Func<object, string>? recurse = isRecursive ? inner => scope.State.Capture(() => Loop(scope, inner, depth + 1)) : null;
        var loop = new LoopContext(taken, condition is null ? Values.LengthOrNull(elements) : null, depth, recurse);
        bool any = false;
        while (loop.MoveNext())
        {
            any = true;
            Scope inner = Bound(scope, loop.Current);
            inner.Set("loop", loop);
            if (RunAll(body, inner) == Flow.Break) break;
        }

        if (!any) RunAll(otherwise, scope.Inner());
    }

    private Scope Bound(Scope scope, object element)
    {
        Scope inner = scope.Inner();
        target.Assign(inner, element);
        return inner;
    }
}

internal sealed class LoopControl(int line, Flow flow) : Statement(line)
{
    protected override Flow Execute(Scope scope) => flow;
}

internal sealed class SetStatement(int line, Target target, Expression value) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        target.Assign(scope, value.Evaluate(scope));
        return Flow.Next;
    }
}

internal sealed class SetBlock(int line, Target target, FilterExpression? filter, IReadOnlyList<Statement> body) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        Flow flow = Flow.Next;
        string text = scope.State.Capture(() => flow = RunAll(body, scope.Inner()));
        if (flow == Flow.Next) target.Assign(scope, filter?.Apply(scope, text) ?? text);
        return flow;
    }
}

internal sealed class FilterBlock(int line, FilterExpression filter, IReadOnlyList<Statement> body) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        Flow flow = Flow.Next;
        string text = scope.State.Capture(() => flow = RunAll(body, scope.Inner()));
        if (flow == Flow.Next) scope.State.Write(PythonText.Str(filter.Apply(scope, text)));
        return flow;
    }
}

/// <summary>A body with a scope of its own: <c>with</c>, <c>block</c>, <c>generation</c>.</summary>
internal sealed class ScopedBlock(int line, IReadOnlyList<(Target Target, Expression Value)> variables, IReadOnlyList<Statement> body) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        Scope inner = scope.Inner();
        object[] values = [.. variables.Select(variable => variable.Value.Evaluate(scope))];
        for (int i = 0; i < values.Length; i++) variables[i].Target.Assign(inner, values[i]);
        return RunAll(body, inner);
    }
}

internal sealed class MacroStatement(int line, MacroDefinition definition) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        scope.Set(definition.Name!, new Macro(definition, scope));
        return Flow.Next;
    }
}

internal sealed class CallBlock(int line, MacroDefinition caller, CallExpression call) : Statement(line)
{
    protected override Flow Execute(Scope scope)
    {
        scope.State.Write(PythonText.Str(call.Evaluate(scope, new Macro(caller, scope))));
        return Flow.Next;
    }
}

/// <summary>What is assigned to: a name, an attribute of a namespace, or several of them.</summary>
internal abstract class Target
{
    public abstract void Assign(Scope scope, object value);
}

internal sealed class NameTarget(string name) : Target
{
    public override void Assign(Scope scope, object value) => scope.Set(name, value);
}

internal sealed class NamespaceTarget(string name, string attribute) : Target
{
    public override void Assign(Scope scope, object value)
    {
        if (scope.Get(name) is not Namespace space) throw new TemplateFault($"cannot assign attribute on non-namespace object '{name}'");
        space.Attributes[attribute] = value;
    }
}

internal sealed class TupleTarget(IReadOnlyList<Target> targets) : Target
{
    public override void Assign(Scope scope, object value)
    {
        if (!Values.IsIterable(value)) throw new TemplateFault($"cannot unpack non-iterable {Values.TypeName(value)} object");
        List<object> items = [.. Values.Elements(scope.State, value).Take(targets.Count + 1)];
        if (items.Count > targets.Count) throw new TemplateFault($"too many values to unpack (expected {targets.Count})");
        if (items.Count < targets.Count) throw new TemplateFault($"not enough values to unpack (expected {targets.Count}, got {items.Count})");
        for (int i = 0; i < items.Count; i++) targets[i].Assign(scope, items[i]);
    }
}
