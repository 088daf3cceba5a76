namespace Coppice.Chat.Jinja;

/// <summary>The variable <c>loop</c>, and the way through the elements: it can look one element ahead.</summary>
internal sealed class LoopContext(IEnumerable<object> elements, long? length, int depth, Func<object, string>? recurse) : Callable
{
    private IEnumerator<object> _rest = elements.GetEnumerator();
    private long? _length = length;
    private object? _before;
    private object? _after;
    private IReadOnlyList<object>? _changed;

    /// <summary>The element of this round.</summary>
    public object Current { get; private set; } = None.Value;

    /// <summary>The number of this round, from 0.</summary>
    public long Index0 { get; private set; } = -1;

    /// <summary>Number of rounds; where it is not known the elements are made for it.</summary>
    public long Length
    {
        get
        {
            if (_length is long known) return known;
            var rest = new List<object>();
            while (_rest.MoveNext()) rest.Add(_rest.Current);
            _rest = rest.GetEnumerator();
            _length = rest.Count + Index0 + 1 + (_after is null ? 0 : 1);
            return _length.Value;
        }
    }

    public bool MoveNext()
    {
        object? next = Peek();
        if (next is null) return false;
        _after = null;
        _before = Index0 >= 0 ? Current : null;
        Current = next;
        Index0++;
        return true;
    }

    /// <summary>The elements that are left, taken from the loop.</summary>
    public IEnumerable<object> Rest()
    {
        while (MoveNext()) yield return new TupleValue([Current, this]);
    }

    public object? Attribute(string name) => name switch
    {
        "index" => Index0 + 1,
        "index0" => Index0,
        "revindex" => Length - Index0,
        "revindex0" => Length - Index0 - 1,
        "first" => Index0 == 0,
        "last" => Peek() is null,
        "length" => Length,
        "depth" => (long)depth + 1,
        "depth0" => (long)depth,
        "previtem" => _before ?? new Undefined("there is no previous item"),
        "nextitem" => Peek() ?? new Undefined("there is no next item"),
        "cycle" => new BoundFunction(s_cycle, this),
        "changed" => new BoundFunction(s_changed, this),
        _ => null,
    };

    public override object Call(RenderState state, Arguments arguments)
    {
        if (recurse is null) throw new TemplateFault("The loop must have the 'recursive' marker to be called recursively.");
        return recurse(arguments.Bind("loop", ["iterable"], 1)[0]!);
    }

    private object? Peek()
    {
        if (_after is null && _rest.MoveNext()) _after = _rest.Current;
        return _after;
    }

    private object Cycle(IReadOnlyList<object> values) => values.Count > 0 ? values[(int)(Index0 % values.Count)] : throw new TemplateFault("no items for cycling given");

    private object Changed(IReadOnlyList<object> values)
    {
        if (_changed is not null && Operators.AreEqual(new TupleValue(_changed), new TupleValue(values))) return false;
        _changed = values;
        return true;
    }

    private static readonly BuiltIn s_cycle = new("cycle", 0, null, (_, loop, _, arguments) => ((LoopContext)loop).Cycle(arguments.Positional));
    private static readonly BuiltIn s_changed = new("changed", 0, null, (_, loop, _, arguments) => ((LoopContext)loop).Changed(arguments.Positional));
}
