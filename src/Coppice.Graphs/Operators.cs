namespace Coppice.Graphs;

/// <summary>
/// The operators of a graph: arithmetic, comparison, activation. Each checks types and shapes and adds one node (ONNX operator set 20)
/// unless it says otherwise. Binary ones broadcast (ONNX, multidirectional). An optional <c>name</c> names the node and its first output.
/// </summary>
public static partial class Operators
{
    /// <summary>a + b.</summary>
    public static Value Add(this Value a, Value b, string? name = null) => Binary("Add", a, b, name);

    /// <summary>a - b.</summary>
    public static Value Subtract(this Value a, Value b, string? name = null) => Binary("Sub", a, b, name);

    /// <summary>a * b, elementwise.</summary>
    public static Value Multiply(this Value a, Value b, string? name = null) => Binary("Mul", a, b, name);

    /// <summary>a / b, elementwise.</summary>
    public static Value Divide(this Value a, Value b, string? name = null) => Binary("Div", a, b, name);

    /// <summary>The greater of a and b, elementwise; the gradient goes to a where they are equal.</summary>
    public static Value Max(this Value a, Value b, string? name = null) => Binary("Max", a, b, name);

    /// <summary>The smaller of a and b, elementwise; the gradient goes to a where they are equal.</summary>
    public static Value Min(this Value a, Value b, string? name = null) => Binary("Min", a, b, name);

    /// <summary>a to the power of b, elementwise; there is no gradient to b.</summary>
    public static Value Power(this Value a, Value b, string? name = null) => Binary("Pow", a, b, name);

    /// <summary>a to the power of a number.</summary>
    public static Value Power(this Value a, float exponent, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(a);
        return a.Power(a.Graph.Scalar(exponent), name);
    }

    /// <summary>Whether a is greater than b, elementwise.</summary>
    public static Value Greater(this Value a, Value b, string? name = null) => Binary("Greater", a, b, name, ElementType.Bool);

    /// <summary>Whether a is at least b, elementwise.</summary>
    public static Value GreaterOrEqual(this Value a, Value b, string? name = null) => Binary("GreaterOrEqual", a, b, name, ElementType.Bool);

    /// <summary>Whether a is less than b, elementwise.</summary>
    public static Value Less(this Value a, Value b, string? name = null) => Binary("Less", a, b, name, ElementType.Bool);

    /// <summary>Whether a equals b, elementwise.</summary>
    public static Value EqualTo(this Value a, Value b, string? name = null) => Binary("Equal", a, b, name, ElementType.Bool);

    /// <summary>Whether both are true, elementwise.</summary>
    public static Value And(this Value a, Value b, string? name = null) => Binary("And", a, b, name, ElementType.Bool);

    /// <summary>0/1 to 1/0.</summary>
    public static Value Not(this Value x, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        RequireType("Not", x, 0, ElementType.Bool);
        return Same("Not", x, name);
    }

    /// <summary>-x.</summary>
    public static Value Negate(this Value x, string? name = null) => Same("Neg", x, name);

    /// <summary>|x|.</summary>
    public static Value Abs(this Value x, string? name = null) => Same("Abs", x, name);

    /// <summary>e to the power of x.</summary>
    public static Value Exp(this Value x, string? name = null) => Real("Exp", x, name);

    /// <summary>Natural logarithm.</summary>
    public static Value Log(this Value x, string? name = null) => Real("Log", x, name);

    /// <summary>Square root.</summary>
    public static Value Sqrt(this Value x, string? name = null) => Real("Sqrt", x, name);

    /// <summary>1 / x.</summary>
    public static Value Reciprocal(this Value x, string? name = null) => Real("Reciprocal", x, name);

    /// <summary>1 / (1 + exp(-x)).</summary>
    public static Value Sigmoid(this Value x, string? name = null) => Real("Sigmoid", x, name);

    /// <summary>Hyperbolic tangent.</summary>
    public static Value Tanh(this Value x, string? name = null) => Real("Tanh", x, name);

    /// <summary>The error function.</summary>
    public static Value Erf(this Value x, string? name = null) => Real("Erf", x, name);

    /// <summary>Sine.</summary>
    public static Value Sin(this Value x, string? name = null) => Real("Sin", x, name);

    /// <summary>Cosine.</summary>
    public static Value Cos(this Value x, string? name = null) => Real("Cos", x, name);

    /// <summary>ln(1 + exp(x)).</summary>
    public static Value Softplus(this Value x, string? name = null) => Real("Softplus", x, name);

    /// <summary>max(x, 0); the gradient at 0 is 0.</summary>
    public static Value Relu(this Value x, string? name = null) => Real("Relu", x, name);

    /// <summary>x where x is not negative, slope * x elsewhere.</summary>
    public static Value LeakyRelu(this Value x, float slope = 0.01f, string? name = null) =>
        Real("LeakyRelu", x, name, ("alpha", slope));

    /// <summary>x where x is not negative, alpha * (exp(x) - 1) elsewhere.</summary>
    public static Value Elu(this Value x, float alpha = 1, string? name = null) => Real("Elu", x, name, ("alpha", alpha));

    /// <summary>max(0, min(1, alpha * x + beta)).</summary>
    public static Value HardSigmoid(this Value x, float alpha = 1 / 6f, float beta = 0.5f, string? name = null) =>
        Real("HardSigmoid", x, name, ("alpha", alpha), ("beta", beta));

    /// <summary>x * max(0, min(1, x / 6 + 0.5)).</summary>
    public static Value HardSwish(this Value x, string? name = null) => Real("HardSwish", x, name);

    /// <summary>x * sigmoid(x): two nodes.</summary>
    public static Value Silu(this Value x, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Multiply(x.Sigmoid(), name);
    }

    /// <summary>x * (1 + erf(x / sqrt 2)) / 2: five nodes.</summary>
    public static Value Gelu(this Value x, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        return (x * 0.5f).Multiply((x * 0.70710678f).Erf() + 1, name);
    }

    /// <summary>x limited to [low, high]; the gradient outside is 0.</summary>
    public static Value Clip(this Value x, float low, float high, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        RequireType("Clip", x, 0, ElementType.Float32);
        return x.Graph.Add("Clip", [x, x.Graph.Scalar(low), x.Graph.Scalar(high)], [(x.Type, x.Shape)], null, name).Output;
    }

    /// <summary>a where the condition is true, b elsewhere, with broadcasting.</summary>
    public static Value Where(this Value condition, Value a, Value b, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        RequireType("Where", condition, 0, ElementType.Bool);
        RequireType("Where", b, 2, a.Type);
        Shape shape = Broadcast("Where", a, b, 2);
        if (Shape.Broadcast(condition.Shape, shape) is not { } whole)
            throw Wrong("Where", 0, condition, $"a shape that broadcasts with {shape}");
        return condition.Graph.Add("Where", [condition, a, b], [(a.Type, whole)], null, name).Output;
    }

    /// <summary>Elements converted to another type.</summary>
    public static Value Cast(this Value x, ElementType type, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Type == type ? x : x.Graph.Add("Cast", [x], [(type, x.Shape)], [("to", (long)type)], name).Output;
    }

    /// <summary>The same value under another name.</summary>
    public static Value Identity(this Value x, string? name = null) => Same("Identity", x, name);

    /// <summary>The same value; no gradient goes back through it.</summary>
    public static Value StopGradient(this Value x, string? name = null)
    {
        Value stopped = Same("Identity", x, name);
        stopped.Producer!.StopsGradient = true;
        return stopped;
    }

    /// <summary>exp(x) / sum(exp(x)) along an axis.</summary>
    public static Value Softmax(this Value x, int axis = -1, string? name = null) => AlongAxis("Softmax", x, axis, name);

    /// <summary>x - ln(sum(exp(x))) along an axis.</summary>
    public static Value LogSoftmax(this Value x, int axis = -1, string? name = null) => AlongAxis("LogSoftmax", x, axis, name);

    private static Value AlongAxis(string type, Value x, int axis, string? name)
    {
        ArgumentNullException.ThrowIfNull(x);
        return Real(type, x, name, ("axis", (long)CheckAxis(type, x, axis)));
    }

    private static Value Binary(string type, Value a, Value b, string? name, ElementType result = ElementType.None)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        RequireType(type, b, 1, a.Type);
        Shape shape = Broadcast(type, a, b, 1);
        return a.Graph.Add(type, [a, b], [(result == ElementType.None ? a.Type : result, shape)], null, name).Output;
    }

    private static Value Same(string type, Value x, string? name)
    {
        ArgumentNullException.ThrowIfNull(x);
        return x.Graph.Add(type, [x], [(x.Type, x.Shape)], null, name).Output;
    }

    private static Value Real(string type, Value x, string? name, params (string, object)[] attributes)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Type is not (ElementType.Float32 or ElementType.Float16 or ElementType.Float64))
            throw Wrong(type, 0, x, "floating point");
        return x.Graph.Add(type, [x], [(x.Type, x.Shape)], attributes, name).Output;
    }

    private static Shape Broadcast(string type, Value a, Value b, int input) =>
        Shape.Broadcast(a.Shape, b.Shape) ?? throw Wrong(type, input, b, $"a shape that broadcasts with {a.Shape}");

    private static void RequireType(string type, Value x, int input, ElementType expected)
    {
        ArgumentNullException.ThrowIfNull(x);
        if (x.Type != expected) throw Wrong(type, input, x, expected.ToString());
    }

    private static int CheckAxis(string type, Value x, int axis, int input = 0)
    {
        if (axis < -x.Shape.Rank || axis >= x.Shape.Rank) throw Wrong(type, input, x, $"a shape that has axis {axis}");
        return x.Shape.Axis(axis);
    }

    private static GraphException Wrong(string type, int input, Value found, string expected) =>
        new($"{type}: input {input} is {found}; expected {expected}");
}
