namespace Coppice.Chat.Jinja;

/// <summary>A macro as it is written.</summary>
/// <param name="Name">Its name; null for the body of a call block.</param>
/// <param name="Parameters">Its parameters; those that need not be given have a default.</param>
/// <param name="Body">What it does.</param>
/// <param name="Uses">Which of <c>caller</c>, <c>varargs</c> and <c>kwargs</c> the body mentions: only those are taken.</param>
internal sealed record MacroDefinition(string? Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body, IReadOnlySet<string> Uses);

/// <summary>A macro that can be called; it sees the scope it was defined in.</summary>
internal sealed class Macro(MacroDefinition definition, Scope scope) : Callable
{
    public string? Name => definition.Name;

    public IEnumerable<object> Parameters => definition.Parameters.Select(parameter => parameter.Name);

    public override object Call(RenderState state, Arguments arguments)
    {
        // A default may call the macro itself, before its body is run.
        Operators.CheckStack();
        Scope inner = scope.Inner();
        var named = new Dictionary<string, object>(arguments.Named, StringComparer.Ordinal);
        for (int i = 0; i < definition.Parameters.Count; i++)
        {
            (string name, Expression? fallback) = definition.Parameters[i];
            object? value = i < arguments.Positional.Count ? arguments.Positional[i] : named.Remove(name, out object? given) ? given : null;
            inner.Set(name, value ?? fallback?.Evaluate(inner) ?? new Undefined($"parameter '{name}' was not provided"));
        }

        TakeRest(inner, arguments, named);
        return state.Capture(() => Statement.RunAll(definition.Body, inner));
    }

    private void TakeRest(Scope inner, Arguments arguments, Dictionary<string, object> named)
    {
        string title = Name is null ? "the call block" : $"macro '{Name}'";
        bool hasCaller = definition.Parameters.Any(parameter => parameter.Name == "caller");
        if (!hasCaller && definition.Uses.Contains("caller"))
            inner.Set("caller", named.Remove("caller", out object? caller) ? caller : new Undefined("No caller defined"));
        if (definition.Uses.Contains("kwargs"))
        {
            var rest = new DictValue();
            foreach (var (name, value) in named) rest.Items[name] = value;
            inner.Set("kwargs", rest);
        }
        else if (named.Count > 0)
        {
            throw new TemplateFault($"{title} takes no keyword argument '{named.Keys.First()}'");
        }

        int count = definition.Parameters.Count;
        if (definition.Uses.Contains("varargs")) inner.Set("varargs", new TupleValue(arguments.Positional.Skip(count).ToList()));
        else if (arguments.Positional.Count > count) throw new TemplateFault($"{title} takes not more than {count} argument(s)");
    }
}
