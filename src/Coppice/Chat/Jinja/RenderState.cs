using System.Diagnostics;
using System.Text;

namespace Coppice.Chat.Jinja;

/// <summary>One rendering: where it is, what it has written, and what it may still take. Templates come with models of strangers.</summary>
internal sealed class RenderState(IReadOnlyDictionary<string, object> variables, TimeProvider clock, TimeSpan time)
{
    /// <summary>Characters that one text may have, the result included.</summary>
    public const int LargestText = 1 << 25;

    /// <summary>Statements, calls and elements gone through.</summary>
    public const long MostSteps = 10_000_000;

    /// <summary>Characters and elements of all values made on the way.</summary>
    public const long MostWork = 1L << 30;

    /// <summary>The usual bound on the time of one rendering.</summary>
    public static readonly TimeSpan MostTime = TimeSpan.FromSeconds(10);

    /// <summary>Calls of macros and recursive loops inside each other.</summary>
    public const int DeepestCall = 200;

    private StringBuilder _output = new();
    private readonly long _started = Stopwatch.GetTimestamp();
    private long _steps;
    private long _work;
    private int _depth;

    /// <summary>Line of what is being run.</summary>
    public int Line { get; set; }

    /// <summary>The variables of the conversation and the functions.</summary>
    public IReadOnlyDictionary<string, object> Variables { get; } = variables;

    public TimeProvider Clock { get; } = clock;

    public string Result => _output.ToString();

    public void Write(string text)
    {
        if ((long)_output.Length + text.Length > LargestText) throw TooLong();
        _output.Append(text);
    }

    /// <summary>Counts a step.</summary>
    public void Step()
    {
        if (++_steps > MostSteps) throw new TemplateFault($"expected at most {MostSteps} steps: the template does not come to its end");
        if (_steps % 16 == 0) CheckTime();
    }

    /// <summary>Checks how long it has taken: a step can go through a text or list of any size.</summary>
    public void CheckTime()
    {
        if (Stopwatch.GetElapsedTime(_started) > time) throw new TemplateFault($"expected at most {time.TotalSeconds} s: the template takes too long");
    }

    /// <summary>Counts what an operation makes or goes through.</summary>
    public void Charge(long size)
    {
        if ((_work += size) > MostWork) throw new TemplateFault($"expected at most {MostWork} characters and elements made on the way");
    }

    /// <summary>Checks the size of a value before it is made, and counts it.</summary>
    public void CheckSize(long size)
    {
        if (size > LargestText) throw TooLong();
        Charge(size);
    }

    public List<object> Charged(List<object> list)
    {
        CheckSize(list.Count);
        return list;
    }

    public string Concat(string a, string b)
    {
        CheckSize((long)a.Length + b.Length);
        return a + b;
    }

    /// <summary>Counts a value that a filter or method has made.</summary>
    public object Charged(object value)
    {
        if (Values.TextOrNull(value) is { } text) CheckSize(text.Length);
        else if (Values.ItemsOrNull(value) is { } items) CheckSize(items.Count);
        return value;
    }

    /// <summary>Runs something one call deeper and gives what it writes.</summary>
    public string Capture(Action body)
    {
        StringBuilder outer = _output;
        _output = new StringBuilder();
        if (++_depth > DeepestCall) throw new TemplateFault($"expected at most {DeepestCall} calls inside each other");
        Operators.CheckStack();
        try
        {
            body();
            return Result;
        }
        finally
        {
            _depth--;
            _output = outer;
        }
    }

    private static TemplateFault TooLong() => new($"expected at most {LargestText} characters or elements in one value");
}

/// <summary>Names and what they stand for; what an inner scope sets is gone with it.</summary>
internal sealed class Scope(RenderState state, Scope? outer = null)
{
    private Dictionary<string, object>? _values;

    public RenderState State { get; } = state;

    public Scope Inner() => new(State, this);

    public void Set(string name, object value) => (_values ??= new Dictionary<string, object>(StringComparer.Ordinal))[name] = value;

    public object Get(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Outer)
            if (scope._values is not null && scope._values.TryGetValue(name, out object? value)) return value;
        return State.Variables.TryGetValue(name, out object? variable) ? variable : new Undefined(name: name);
    }

    private Scope? Outer { get; } = outer;
}
