namespace Coppice.Chat.Jinja;

/// <summary>The arguments of a call.</summary>
internal sealed class Arguments
{
    public static readonly Arguments None = new();

    public List<object> Positional { get; init; } = [];

    public Dictionary<string, object> Named { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Puts the arguments in the places of a function's parameters.</summary>
    /// <param name="function">Its name.</param>
    /// <param name="parameters">Their names.</param>
    /// <param name="required">How many must be given.</param>
    /// <returns>[parameters]: null where one is not given.</returns>
    public object?[] Bind(string function, string[] parameters, int required)
    {
        if (Positional.Count > parameters.Length)
            throw new TemplateFault($"{function}: expected at most {parameters.Length} arguments, found {Positional.Count}");
        var bound = new object?[parameters.Length];
        for (int i = 0; i < Positional.Count; i++) bound[i] = Positional[i];
        foreach (var (name, value) in Named)
        {
            int place = Array.IndexOf(parameters, name);
            if (place < 0) throw new TemplateFault($"{function}: unexpected argument '{name}'");
            if (bound[place] is not null) throw new TemplateFault($"{function}: argument '{name}' is given twice");
            bound[place] = value;
        }

        for (int i = 0; i < required; i++)
            if (bound[i] is null) throw new TemplateFault($"{function}: expected the argument '{parameters[i]}', found none");
        return bound;
    }
}

/// <summary>A function of the language: what it is called with, and what it does.</summary>
/// <param name="name">Its name.</param>
/// <param name="required">Parameters that must be given.</param>
/// <param name="parameters">Their names; null where it takes the arguments as they come.</param>
/// <param name="body">What it does with the value, the bound and the given arguments.</param>
internal sealed class BuiltIn(string name, int required, string[]? parameters, Func<RenderState, object, object?[], Arguments, object> body)
{
    /// <summary>Calls it.</summary>
    /// <param name="state">The rendering.</param>
    /// <param name="self">The value that is filtered, tested or whose method it is.</param>
    /// <param name="arguments">The arguments.</param>
    public object Invoke(RenderState state, object self, Arguments arguments) =>
        body(state, self, parameters is null ? [] : arguments.Bind(name, parameters, required), arguments);
}

/// <summary>Functions by name.</summary>
internal sealed class BuiltIns
{
    private readonly Dictionary<string, BuiltIn> _functions = new(StringComparer.Ordinal);

    public BuiltIn? Find(string name) => _functions.GetValueOrDefault(name);

    /// <summary>Adds a function whose parameters have names; a name that ends in <c>?</c> need not be given.</summary>
    public void Add(string signature, Func<RenderState, object, object?[], object> body)
    {
        string[] parts = signature.Split(' ');
        string[] parameters = [.. parts.Skip(1).Select(part => part.TrimEnd('?'))];
        _functions.Add(parts[0], new BuiltIn(parts[0], parts.Skip(1).Count(part => !part.EndsWith('?')), parameters, (state, self, bound, _) => body(state, self, bound)));
    }

    /// <summary>Adds a function that takes its arguments as they come.</summary>
    public void AddOpen(string name, Func<RenderState, object, Arguments, object> body) =>
        _functions.Add(name, new BuiltIn(name, 0, null, (state, self, _, arguments) => body(state, self, arguments)));

    /// <summary>Gives a function another name.</summary>
    public void Alias(string alias, string name) => _functions.Add(alias, _functions[name]);
}

/// <summary>A function or method that can be called from a template.</summary>
internal sealed class BoundFunction(BuiltIn function, object self) : Callable
{
    public override object Call(RenderState state, Arguments arguments) => function.Invoke(state, self, arguments);
}
