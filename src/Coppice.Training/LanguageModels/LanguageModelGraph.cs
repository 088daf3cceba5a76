using Coppice.Graphs;
using Coppice.Model;

namespace Coppice.Training.LanguageModels;

/// <summary>
/// A decoder as a training graph, with the arithmetic of the runtime's <c>Decoder</c> for the architecture "llama": embed; a layer is
/// x += attention(norm(x)), x += down(silu(gate(n)) * up(n)) with n = norm(x); norm; head. Norms are root-mean-square, positions rotary
/// over neighbouring pairs, heads multi-head, grouped or multi-query as the shape says. Weights are stored [inputs, outputs] under the
/// names of GGUF.
/// <para>
/// Inputs: tokens [rows, length] and targets [rows, length], Int64; a target of -1 does not count. Outputs: loss, the mean of
/// -ln p(target) over the targets that count, and logits [rows * length, vocabulary].
/// </para>
/// </summary>
public sealed class LanguageModelGraph
{
    private readonly Value _cosine;
    private readonly Value _sine;
    private readonly Value _turn;
    private readonly Value _mask;

    /// <summary>Builds the graph of a shape for one size of batch.</summary>
    /// <param name="shape">Sizes; its architecture must be llama, without frequency stretching.</param>
    /// <param name="rows">Sequences of a batch.</param>
    /// <param name="length">Tokens of a sequence.</param>
    /// <exception cref="GraphException">The shape is not one that this graph computes.</exception>
    public LanguageModelGraph(ModelShape shape, int rows, int length)
    {
        Check(shape, rows, length);
        Shape = shape;
        Rows = rows;
        Length = length;
        Graph = new Graph("language_model");
        Tokens = Graph.Input("tokens", new(rows, length), ElementType.Int64);
        Targets = Graph.Input("targets", new(rows, length), ElementType.Int64);
        (_cosine, _sine, _turn) = Rotation();
        _mask = CausalMask();
        Value embedding = Graph.Parameter("token_embd.weight", new(shape.Vocabulary, shape.Width));
        Value x = Embed(embedding);
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            using IDisposable scope = Graph.Scope($"blk.{layer}");
            x += Attention(Norm(x, "attn_norm"));
            x += FeedForward(Norm(x, "ffn_norm"));
        }

        x = Norm(x, "output_norm");
        Logits = shape.TiedOutput
            ? x.Gemm(embedding, transposeB: true, name: "logits")
            : x.MatMul(Matrix("output", shape.Width, shape.Vocabulary), "logits");
        Loss = CrossEntropy();
    }

    /// <summary>The model's sizes.</summary>
    public ModelShape Shape { get; }

    /// <summary>Sequences of a batch.</summary>
    public int Rows { get; }

    /// <summary>Tokens of a sequence.</summary>
    public int Length { get; }

    /// <summary>The graph.</summary>
    public Graph Graph { get; }

    /// <summary>Input: tokens [rows, length].</summary>
    public Value Tokens { get; }

    /// <summary>Input: for each token the one after it, or -1.</summary>
    public Value Targets { get; }

    /// <summary>[rows * length, vocabulary].</summary>
    public Value Logits { get; }

    /// <summary>Mean of -ln p(target), a scalar.</summary>
    public Value Loss { get; }

    /// <summary>First weights: normal with deviation 0.02 and, into the residual stream, 0.02 / sqrt(2 * layers); norms are ones.</summary>
    /// <param name="seed">Another seed, other weights.</param>
    public IReadOnlyDictionary<string, TensorData> InitialWeights(int seed)
    {
        var weights = new Dictionary<string, TensorData>(StringComparer.Ordinal);
        var random = new Random(seed);
        foreach (Value parameter in Graph.Parameters)
        {
            var elements = new float[parameter.Shape.Count];
            bool intoStream = parameter.Name.Contains("attn_output", StringComparison.Ordinal) || parameter.Name.Contains("ffn_down", StringComparison.Ordinal);
            double deviation = intoStream ? 0.02 / Math.Sqrt(2.0 * Shape.Layers) : 0.02;
            for (int i = 0; i < elements.Length; i++) elements[i] = parameter.Shape.Rank == 1 ? 1 : (float)(deviation * Normal(random));
            weights[parameter.Name] = TensorData.Of<float>(parameter.Shape, elements);
        }

        return weights;
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static void Check(ModelShape shape, int rows, int length)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        if (shape.Architecture != "llama") throw new GraphException($"architecture '{shape.Architecture}'; expected llama");
        if (shape.RopeStretch is not null) throw new GraphException("stretched rotary frequencies are not trained");
        if (shape.Heads % shape.KvHeads != 0) throw new GraphException($"{shape.Heads} heads; expected a multiple of {shape.KvHeads}");
        if (shape.HeadDim % 2 != 0) throw new GraphException($"heads of width {shape.HeadDim}; expected an even number");
    }

    /// <summary>A product with one-hot rows: for the small vocabularies that are trained here its gradient is far faster than a scatter's.</summary>
    private Value Embed(Value embedding) =>
        Tokens.OneHot(Shape.Vocabulary).Reshape(new(Rows * Length, Shape.Vocabulary)).MatMul(embedding, "embedded");

    private Value Matrix(string name, int inputs, int outputs) => Graph.Parameter(name + ".weight", new(inputs, outputs));

    private Value Norm(Value x, string name)
    {
        Value weight = Graph.Parameter(name + ".weight", new(Shape.Width));
        Value scale = ((x * x).ReduceMean([-1]) + Shape.NormEpsilon).Sqrt().Reciprocal();
        return (x * scale).Multiply(weight, name);
    }

    /// <summary>[rows * length, width] -> the same. The heads of a group are rows of one product with their keys and values.</summary>
    private Value Attention(Value x)
    {
        int group = Shape.Heads / Shape.KvHeads;
        Value q = Rotate(Heads(x.MatMul(Matrix("attn_q", Shape.Width, Shape.Heads * Shape.HeadDim)), Shape.Heads));
        Value k = Rotate(Heads(x.MatMul(Matrix("attn_k", Shape.Width, Shape.KvHeads * Shape.HeadDim)), Shape.KvHeads));
        Value v = Heads(x.MatMul(Matrix("attn_v", Shape.Width, Shape.KvHeads * Shape.HeadDim)), Shape.KvHeads);
        Value grouped = q.Reshape(new(Rows, Shape.KvHeads, group * Length, Shape.HeadDim));
        Value scores = grouped.MatMul(k.TransposeLast()) * (1 / MathF.Sqrt(Shape.HeadDim));
        Value weights = (scores.Reshape(new(Rows, Shape.Heads, Length, Length)) + _mask).Softmax(-1, "attn_weights");
        Value mixed = weights.Reshape(new(Rows, Shape.KvHeads, group * Length, Length)).MatMul(v);
        Value joined = mixed.Reshape(new(Rows, Shape.Heads, Length, Shape.HeadDim)).Transpose([0, 2, 1, 3]);
        return joined.Reshape(new(Rows * Length, Shape.Heads * Shape.HeadDim))
            .MatMul(Matrix("attn_output", Shape.Heads * Shape.HeadDim, Shape.Width));
    }

    private Value FeedForward(Value x)
    {
        Value gate = x.MatMul(Matrix("ffn_gate", Shape.Width, Shape.FeedForward));
        Value up = x.MatMul(Matrix("ffn_up", Shape.Width, Shape.FeedForward));
        return (gate.Silu() * up).MatMul(Matrix("ffn_down", Shape.FeedForward, Shape.Width));
    }

    /// <summary>[rows * length, heads * headDim] -> [rows, heads, length, headDim].</summary>
    private Value Heads(Value x, int heads) => x.Reshape(new(Rows, Length, heads, Shape.HeadDim)).Transpose([0, 2, 1, 3]);

    /// <summary>(a, b) -> (a cos - b sin, b cos + a sin) for neighbours a, b: x cos + (x T) sin, with T the turn of each pair.</summary>
    private Value Rotate(Value x) => (x * _cosine) + (x.MatMul(_turn) * _sine);

    private (Value Cosine, Value Sine, Value Turn) Rotation()
    {
        int dims = Shape.HeadDim;
        var cosine = new float[Length * dims];
        var sine = new float[Length * dims];
        var turn = new float[dims * dims];
        for (int position = 0; position < Length; position++)
        {
            for (int d = 0; d < dims; d++)
            {
                double angle = position * Math.Pow(Shape.RopeBase, -2.0 * (d / 2) / dims);
                cosine[(position * dims) + d] = (float)Math.Cos(angle);
                sine[(position * dims) + d] = (float)Math.Sin(angle);
            }
        }

        for (int d = 0; d < dims; d += 2)
        {
            turn[((d + 1) * dims) + d] = -1;
            turn[(d * dims) + d + 1] = 1;
        }

        return (Constant(cosine, "rotary.cosine", Length, dims), Constant(sine, "rotary.sine", Length, dims), Constant(turn, "rotary.turn", dims, dims));
    }

    private Value CausalMask()
    {
        var mask = new float[Length * Length];
        for (int query = 0; query < Length; query++)
        {
            for (int key = query + 1; key < Length; key++) mask[(query * Length) + key] = -1e9f;
        }

        return Constant(mask, "causal_mask", Length, Length);
    }

    private Value Constant(float[] elements, string name, params int[] dims) =>
        Graph.Constant(TensorData.Of<float>(new Shape(dims), elements), name);

    private Value CrossEntropy()
    {
        Value counted = Targets.OneHot(Shape.Vocabulary).Reshape(new(Rows * Length, Shape.Vocabulary));
        Value sum = (Logits.LogSoftmax() * counted).Sum();
        return (-sum).Divide(counted.Sum().Max(Graph.Scalar(1)), "loss");
    }
}
