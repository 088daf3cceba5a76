using System.Diagnostics.CodeAnalysis;

namespace Coppice.Graphs;

/// <summary>What a value is to its graph.</summary>
public enum ValueKind
{
    /// <summary>Given at each run.</summary>
    Input,

    /// <summary>An input that training changes: a weight.</summary>
    Parameter,

    /// <summary>Stored in the graph.</summary>
    Constant,

    /// <summary>Computed by a node.</summary>
    Computed,
}

/// <summary>A handle of one tensor in a graph: element type and shape are known when it is made.</summary>
[SuppressMessage("Usage", "CA2225:Operator overloads have named alternates", Justification = "They are in Operators.")]
public sealed class Value
{
    internal Value(Graph graph, string name, ElementType type, Shape shape, ValueKind kind, Node? producer)
    {
        Graph = graph;
        Name = name;
        Type = type;
        Shape = shape;
        Kind = kind;
        Producer = producer;
    }

    /// <summary>The graph it is part of.</summary>
    public Graph Graph { get; }

    /// <summary>Unique in the graph, and the name in the file.</summary>
    public string Name { get; }

    /// <summary>Type of the elements.</summary>
    public ElementType Type { get; }

    /// <summary>Shape.</summary>
    public Shape Shape { get; }

    /// <summary>What it is to its graph.</summary>
    public ValueKind Kind { get; }

    /// <summary>The node that computes it; null unless <see cref="Kind"/> is Computed.</summary>
    public Node? Producer { get; }

    /// <summary>The elements of a constant, else null.</summary>
    public TensorData? Data { get; internal init; }

    /// <summary>Name, type and shape.</summary>
    public override string ToString() => $"'{Name}' {Type} {Shape}";

    /// <summary>Elementwise sum, with broadcasting.</summary>
    public static Value operator +(Value left, Value right) => left.Add(right);

    /// <summary>Sum with a number.</summary>
    public static Value operator +(Value left, float right) => left.Add(left.Graph.Scalar(right));

    /// <summary>Elementwise difference, with broadcasting.</summary>
    public static Value operator -(Value left, Value right) => left.Subtract(right);

    /// <summary>Difference with a number.</summary>
    public static Value operator -(Value left, float right) => left.Subtract(left.Graph.Scalar(right));

    /// <summary>A number minus each element.</summary>
    public static Value operator -(float left, Value right) => right.Graph.Scalar(left).Subtract(right);

    /// <summary>Each element with the other sign.</summary>
    public static Value operator -(Value operand) => operand.Negate();

    /// <summary>Elementwise product, with broadcasting.</summary>
    public static Value operator *(Value left, Value right) => left.Multiply(right);

    /// <summary>Product with a number.</summary>
    public static Value operator *(Value left, float right) => left.Multiply(left.Graph.Scalar(right));

    /// <summary>Elementwise quotient, with broadcasting.</summary>
    public static Value operator /(Value left, Value right) => left.Divide(right);

    /// <summary>Quotient with a number.</summary>
    public static Value operator /(Value left, float right) => left.Divide(left.Graph.Scalar(right));
}
